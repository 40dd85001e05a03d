"""The bytes of requests without headers or a body of their own, and the events of requests."""

import json
import socket
import subprocess
import sys
import threading
from contextlib import suppress

# In a process of its own, since importing Locust patches the process.
SCRIPT = """
import json, sys
import locust
from harness import FastUser
from harness.load.child.recording import Recorder
from harness.load.child.wrapping import install

def parts(client, spec, url, message=None):
    message = message or client._message(spec, url)
    names = "method", "url", "headers", "data", "params", "cookie"
    return [message.decode("latin-1"), *(getattr(spec, name) for name in names)]

def made(host, defaults, url):
    user = type("Caller", (FastUser,), {"host": host})(locust.env.Environment(events=locust.events))
    client, results = user.client, []
    for turn in range(3):  # the last request has other default headers
        if turn == 2:
            client.client.default_headers |= defaults
        spec, message, trace = client._prepared("get", url, None, None, None, None, None)
        given = {"traceparent": trace} if trace and trace != "mine" else {}
        other = client._spec("get", url, given, None, None, None, None)
        results.append([trace, parts(client, spec, url, message), parts(client, other, url)])
    return results

cases = json.loads(sys.argv[1])
plain = [made(*case) for case in cases]
install(Recorder(print, 0.5))
print(json.dumps([plain, [made(*case) for case in cases]]))
"""
CASES = [
    ("http://127.0.0.1:1", {}, "/items"),
    ("http://127.0.0.1:1/base", {"X-Later": "1"}, "/items?a=%s&b=ä"),
    ("http://127.0.0.1:1", {"traceparent": "mine"}, "/items/{id}"),
    ("http://127.0.0.1:1", {"Accept-Encoding": "br"}, "/%d"),
]


def test_request_without_headers_has_the_bytes_of_one_with_them() -> None:
    command = [sys.executable, "-c", SCRIPT, json.dumps(CASES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    plain, recorded = json.loads(done.stdout)
    for _, actual, expected in (one for case in plain + recorded for one in case):
        assert actual == expected
        assert actual[0].startswith("GET /")
    assert {trace for case in plain for trace, _, _ in case} == {""}
    traces = [trace for case in recorded for trace, _, _ in case]
    assert len(set(traces)) == len(traces)
    assert "mine" in traces
    assert all(f"\r\ntraceparent: {t}\r\n" in o[0] for case in recorded for t, o, _ in case)
    (first, *_), *_, (*_, last) = recorded
    assert first[1][0].startswith("GET /items HTTP/1.1\r\n")
    assert "\r\nAccept-Encoding: gzip, deflate, br\r\n" in last[1][0]


BUSY = """
import sys, time
import gevent, locust
from gevent import monkey
from harness import FastUser

starts = []
locust.events.request.add_listener(lambda start_time, **_: starts.append(start_time))
user = type("Caller", (FastUser,), {"host": sys.argv[1]})
client = user(locust.env.Environment(events=locust.events)).client
for _ in range(20):  # the kernel begins to stamp after the first answers
    client.get("/")
    gevent.sleep(0.01)
waiting = gevent.spawn(client.get, "/")
gevent.sleep(0)  # it is sent
sent = time.time()
monkey.get_original("time", "sleep")(0.3)  # the answer arrives in a generator that is busy
waiting.join()
print(starts[-1] <= sent)
"""


def test_event_of_an_answer_that_is_read_late_has_the_start_of_its_request() -> None:
    def serve() -> None:
        with suppress(OSError):
            client, _ = listener.accept()
            with client:
                while client.recv(65536):
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-c", BUSY, url], capture_output=True, text=True, check=True
        )
    assert done.stdout.strip() == "True"

"""Requests whose with-block ends early, requests outside of the load, and failed redirects."""

import json
import subprocess
import sys

# In a process of its own, since importing Locust patches the process.
SCRIPT = """
import json
import harness.load.child.cooperative
import gevent
from gevent.server import StreamServer
from locust import FastHttpUser, HttpUser, events
from locust.env import Environment
from harness import FastUser
from harness.load.child.recording import Recorder
from harness.load.child.wrapping import install

recorder = Recorder(print)
install(recorder)

def answer(peer, _):
    while request := peer.recv(10_000):
        status = request.split()[1].strip(b"/")
        peer.sendall(b"HTTP/1.1 " + status + b" X\\r\\nContent-Length: 2\\r\\n\\r\\nok")

server = StreamServer(("127.0.0.1", 0), answer)
server.start()

def wait(client, status, judge):
    with client.get(f"/{status}", catch_response=True, name=f"{status} {judge}") as response:
        if judge:
            getattr(response, judge)(*["wrong"][:judge == "failure"])
        gevent.sleep(60)

found = []
for base in (HttpUser, FastHttpUser, FastUser):
    host = f"http://127.0.0.1:{server.server_port}"
    client = type("Caller", (base,), {"host": host})(Environment(events=events)).client
    for status, judge in ((200, ""), (500, ""), (500, "success"), (200, "failure")):
        waiting = gevent.spawn(wait, client, status, judge)
        while not recorder._watches:
            gevent.sleep(0.001)
        waiting.kill()
    cells = recorder.take_cells()
    failures = recorder.take_failures()
    found.append([
        sorted((cell.name, cell.outcome) for cell in cells if cell.what == "latency"),
        sorted((one.name, one.kind) for one in failures),
        [recorder.lost, len(recorder.in_flight)],
    ])
print(json.dumps(found))
"""


def test_request_of_a_user_that_is_killed_in_its_with_block_fails_by_its_status_or_its_judge() -> (
    None
):
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    outcomes = [["200 ", "ok"], ["200 failure", "error"], ["500 ", "error"], ["500 success", "ok"]]
    kinds = [["200 failure", "check"], ["500 ", "status"]]
    assert json.loads(done.stdout) == [[outcomes, kinds, [0, 0]]] * 3


OUTSIDE = """
import gc
import harness.load.child.cooperative
from gevent.server import StreamServer
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.event import EventHook
from harness.load.child.fast.session import FastSession
from harness.load.child.recording import Recorder
from harness.load.child.wrapping import install

recorder = Recorder(print)
install(recorder)

def answer(peer, _):
    while request := peer.recv(10_000):
        peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

server = StreamServer(("127.0.0.1", 0), answer)
server.start()
for session in (HttpSession, FastHttpSession, FastSession):
    client = session(f"http://127.0.0.1:{server.server_port}", EventHook(), user=None)
    print(client.get("/").text)
    with client.get("/", catch_response=True) as response:
        print(response.text)
    del response
gc.collect()
print(recorder.started, recorder.recorded, recorder.lost)
"""


def test_requests_of_a_session_with_an_event_of_its_own_are_not_part_of_the_load() -> None:
    command = [sys.executable, "-c", OUTSIDE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["ok"] * 6 + ["0 0 0"]


REDIRECTED = """
import json
import harness.load.child.cooperative
from gevent import socket
from gevent.server import StreamServer
from locust import FastHttpUser, HttpUser, events
from locust.env import Environment
from harness import FastUser
from harness.load.child.recording import Recorder
from harness.load.child.wrapping import install

closed = socket.socket()
closed.bind(("127.0.0.1", 0))  # nothing listens
away = f"https://127.0.0.1:{closed.getsockname()[1]}"

def answer(peer, _):
    while peer.recv(10_000):
        head = f"HTTP/1.1 302 Found\\r\\nLocation: {away}/\\r\\nContent-Length: 0\\r\\n\\r\\n"
        peer.sendall(head.encode())

server = StreamServer(("127.0.0.1", 0), answer)
server.start()
host = f"http://127.0.0.1:{server.server_port}"
recorder = Recorder(print, target=host)
install(recorder)
for base in (HttpUser, FastHttpUser, FastUser):
    client = type("Caller", (base,), {"host": host})(Environment(events=events)).client
    client.get("/")  # 1 redirect
    client.get(away + "/")  # none
print(json.dumps([away, recorder.elsewhere.sent, recorder.elsewhere.redirected]))
"""


def test_redirect_to_where_nothing_listens_is_counted() -> None:
    command = [sys.executable, "-c", REDIRECTED]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    away, sent, redirected = json.loads(done.stdout)
    assert sent == redirected == {away: 3}

"""Makes every call below with one class of users: `python http_calls.py CLASS URL`.

It prints as JSON, for each call, what the locustfile gets, which events listeners get, and what the
server got. The results of FastHttpUser and FastUser must be equal.
"""

from __future__ import annotations

import copy
import io  # noqa: F401 - for the expressions
import json
import re
import sys
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from http.cookiejar import CookieJar
from typing import Any

import gevent
import locust  # before the rest, since it makes the standard library cooperative
from locust.contrib.fasthttp import FastHttpUser, ResponseContextManager
from locust.env import Environment
from locust.exception import RescheduleTask

from harness import FastUser
from tests.integration.load.http_server import ANSWERS

Call = Callable[[Any], Any]
CLASSES = {"FastHttpUser": FastHttpUser, "FastUser": FastUser}
LONG = "x" * 3_000_000
SLOW = ("/hang", "/hang-in-head", "/hang-in-body")
HASTY = 1.0  # s until a client gives up: the server has sent its part before, on a busy machine too


def get(user: Any, path: str) -> Any:
    return user.client.get(path)


def get_twice(user: Any, path: str) -> Any:
    return [user.client.get(path), user.client.get(path)]


def post(user: Any, path: str) -> Any:
    return user.client.post(path, "a")


CALLS: dict[str, Call] = {
    **{f"get {path}": partial(get, path=path) for path in ANSWERS if path not in SLOW},
    **{f"twice {path}": partial(get_twice, path=path) for path in ANSWERS if path not in SLOW},
}


def call(function: Call) -> Call:
    CALLS[function.__name__.replace("_", " ")] = function
    return function


def counted(calls: list[object], function: Callable[..., Any]) -> Callable[..., Any]:
    def count(*given: Any, **more: Any) -> Any:
        calls.append(given)
        return function(*given, **more)

    return count


@call
def copy_of_a_response(user: Any) -> Any:
    return copy.copy(user.client.get("/echo"))


@call
def copy_within_a_with_block(user: Any) -> Any:
    with user.client.get("/echo", catch_response=True) as response:
        return copy.copy(response).text


@call
def replaced_urlopen(user: Any) -> Any:
    opened: list[object] = []
    original = user.client.client.urlopen
    user.client.client.urlopen = counted(opened, original)
    user.client.get("/echo")
    return len(opened)


@call
def replaced_method_of_the_session(user: Any) -> Any:
    sent: list[object] = []
    user.client.get("/echo")
    original = user.client._send_request_safe_mode
    user.client._send_request_safe_mode = counted(sent, original)
    user.client.get("/echo")
    return len(sent)


# fmt: off
EXPRESSIONS = (
    # methods and bodies
    'client.post("/echo")',
    'client.post("/echo", "text")',
    'client.post("/echo", "Grüße")',
    'client.post("/echo", b"bytes")',
    'client.post("/echo", bytearray(b"array"))',
    'client.post("/echo", {"a": 1, "b": "ä &"})',
    'client.post("/echo", {"a": 1}, headers={"Content-Type": "application/x"})',
    'client.post("/echo", "text", headers={"content-type": "text/x"})',
    'client.post("/echo", b"bytes", headers={"content-type": "text/x"})',
    'client.post("/echo", {})',
    'client.post("/echo", "")',
    'client.post("/echo", json={"a": [1, None, "ä"]})',
    'client.post("/echo", json=[])',
    'client.post("/echo", json={"a": 1}, headers={"accept": "x/y", "content-type": "z"})',
    'client.post("/echo", "text", json={"a": 1})',
    'client.post("/echo", [("a", "1")])',
    'client.post("/echo", io.BytesIO(b"a file"))',
    'client.post("/echo", iter([b"one", b"two"]))',
    'client.post("/echo", LONG).content.__len__()',
    'client.post("/plain", "text", headers={"Content-Length": "4"})',
    'client.post("/echo", "text", headers={"Expect": "100-continue"})',
    'client.post("/plain", "text", headers={"Transfer-Encoding": "chunked"})',
    'client.put("/echo", "text")',
    'client.put("/echo", json={"a": 1})',
    'client.put("/echo")',
    'client.patch("/echo", json={"a": 1})',
    'client.delete("/echo")',
    'client.delete("/echo", json={"a": 1})',
    'client.options("/echo")',
    'client.head("/echo")',
    'client.head("/plain")',
    'client.head("/gzip")',
    'client.head("/chunked")',
    'client.head("/missing")',
    'client.head("/moved")',
    'client.head("/too-much")',
    'client.request("get", "/echo")',
    'client.request("BREW", "/echo")',
    'client.request("BAD METHOD", "/echo")',
    'client.request("GET", "/echo", "a name")',
    'client.request("GET", "/echo", "a name", None, False, False, {"X": "1"})',
    'client.post("/echo", files={"file": ("name", b"content")}, data={"a": "1"}) and None',
    # URLs
    'client.get("/echo?a=1&b=2")',
    'client.get("/echo?a=%20b")',
    'client.get("/echo/ä b?c=ü")',
    'client.get("/echo?")',
    'client.get("/echo?a=1?b")',
    'client.get("/echo#part")',
    'client.get("/echo;a=1")',
    'client.get("/echo;")',
    'client.get("/echo/%41%2F%zz")',
    'client.get("/echo/../x/./y")',
    'client.get("//echo")',
    'client.get("/echo//x")',
    'client.get("/echo/[1]{2}|3")',
    'client.get("/echo with space")',
    'client.get("/echo\\n")',
    'client.get("")',
    'client.get("/")',
    'client.get("echo")',
    'client.get("?a=1")',
    'client.get(user.host + "/echo")',
    'client.get(user.host.upper() + "/echo")',
    'client.get("http://127.0.0.1:1/refused")',
    'client.get("http://nosuchhost.invalid/")',
    'client.get("https://127.0.0.1:1/refused")',
    'client.get("/echo", params={"a": "1", "b": ["x", "ä y"]})',
    'client.get("/echo?z=0", params={"a": "1"})',
    'client.get("/echo", params={})',
    'client.get("/echo", params="a=1&b=2")',
    'client.get("/echo", params=None)',
    'client.get("/echo", params=iter([("a", "1")]), headers={"X-Number": 1})',
    'client.get("/missing", params={"a": "1"})',
    'client.get("/found", params={"a": "1"})',
    'client.get(None)',
    'client.get("/echo", unknown="x")',
    # headers
    'client.get("/echo", headers={"X-One": "1", "X-Two": "2"})',
    'client.get("/echo", headers={"x-one": "1", "X-One": "2"})',
    'client.get("/echo", headers={"User-Agent": "mine", "Host": "other", "Connection": "close"})',
    'client.get("/echo", headers={"Accept-Encoding": "identity"})',
    'client.get("/echo", headers={"accept-encoding": "gzip"})',
    'client.get("/echo", headers={"X-Percent": "100%s %d %%"})',
    'client.get("/echo", headers={"X-Mark": "~harness-0~"})',
    'client.get("/echo", headers={"X-High": "ä"})',
    'client.get("/echo", headers={"X-Beyond": "\\u20ac"})',
    'client.get("/echo", headers={"X-Number": 1})',
    'client.get("/echo", headers={"X-Bytes": b"1"})',
    'client.get("/echo", headers={"X-List": ["1", "2"]})',
    'client.get("/echo", headers={"X-Break": "1\\r\\nX-Two: 2"})',
    'client.get("/echo", headers={"X Bad": "1"})',
    'client.get("/echo", headers={"X-Empty": ""})',
    'client.get("/echo", headers={"Cookie": "mine=1"})',
    'client.get("/echo", auth=("name", "pass"))',
    'client.get("/echo", auth=("name", "pass", "more"))',
    'client.get("/echo", auth=("name",))',
    'client.post("/echo", json={"a": object})',
    'client.get("/echo", headers="no headers")',
    'client.get("/echo", context="none")',
    'client.get("/echo", auth=("nämé", b"pass"), headers={"Authorization": "x"})',
    # redirects and cookies
    'client.get("/found", allow_redirects=False)',
    'client.get("/plain", allow_redirects=False)',
    'client.get("/found", max_redirects=0)',
    'client.post("/other", "text")',
    'client.post("/again", "text")',
    'client.post("/again", json={"a": 1})',
    'client.post("/moved", {"a": "1"})',
    # streams
    'client.get("/big", stream=True).iter_content()',
    'client.get("/chunked", stream=True).iter_content(5)',
    'client.iter_lines("/echo")',
    # names and outcomes
    'client.get("/echo", name="/named")',
    'client.get("/missing", name="/named")',
    'client.get("/echo", context={"a": 1})',
    # broken connections
    'client.post("/cut", "text")',
    'client.post("/reset", "text")',
    'client.post("/cut-in-body", "text")',
    'client.put("/cut", "text")',
)
# fmt: on
for text in EXPRESSIONS:
    CALLS[text] = eval(f"lambda user: user.{text}".replace("user.user.", "user."), globals())


@call
def cookies_are_kept_and_sent(user: Any) -> Any:
    client = user.client
    paths = (
        "/cookie",
        "/echo",
        "/deep/echo?a=1",
        "/cookie-gone",
        "/echo",
        "/cookie-moved",
        "/echo",
    )
    return [client.get(path) for path in paths] + [client.post("/echo", {"a": "1"})]


@call
def cookie_of_the_locustfile_beside_one_of_the_server(user: Any) -> Any:
    user.client.get("/cookie")
    return user.client.get("/echo", headers={"Cookie": "mine=1"})


@call
def another_cookie_jar(user: Any) -> Any:
    user.client.get("/cookie")
    user.client.client.cookiejar = CookieJar()
    return [user.client.get(path) for path in ("/echo", "/cookie", "/echo")]


@call
def no_cookie_jar(user: Any) -> Any:
    user.client.get("/cookie")
    user.client.client.cookiejar = None
    return [user.client.get(path) for path in ("/echo", "/cookie", "/echo")]


@call
def parameters_that_can_be_read_once(user: Any) -> Any:
    def parameters() -> Iterator[tuple[str, str]]:
        yield "a", "1"

    user.client.get("/cookie")
    return user.client.get("/echo", params=parameters())


@call
def requests_of_the_agent_itself(user: Any) -> Any:
    user.client.get("/echo")
    with gevent.Timeout(HASTY):
        user.client.client.urlopen(user.host + "/echo")
    return user.client.get("/echo")


@call
def renamed(user: Any) -> Any:
    with user.client.rename_request("/group"):
        return [user.client.get("/echo"), user.client.get("/echo", name="/own")]


@call
def caught_without_a_word(user: Any) -> None:
    for path in ("/plain", "/missing", "/moved", "/cut", "/gzip-broken"):
        with user.client.get(path, catch_response=True) as response:
            user.seen(response)


@call
def caught_success(user: Any) -> None:
    for path in ("/plain", "/missing", "/cut"):
        with user.client.get(path, catch_response=True) as response:
            response.success()


@call
def caught_failure(user: Any) -> None:
    for path in ("/plain", "/missing", "/cut"):
        with user.client.get(path, catch_response=True, name="n", context={"a": 1}) as response:
            response.failure("too bad")
            user.seen(response)


@call
def caught_by_hand(user: Any) -> None:
    with user.client.get("/json", catch_response=True) as response:
        if response.json()["items"] == [1, 2, 3] and response.ok:
            response.failure(ValueError("no"))
        response.raise_for_status()


@call
def caught_reschedule(user: Any) -> None:
    with user.client.get("/plain", catch_response=True):
        raise RescheduleTask


@call
def caught_exception(user: Any) -> None:
    with user.client.get("/plain", catch_response=True):
        raise KeyError("within")


@call
def with_block_without_asking(user: Any) -> None:
    with user.client.get("/plain"):
        pass


@call
def success_without_asking(user: Any) -> None:
    user.client.get("/plain").success()


@call
def rest_of_locust(user: Any) -> None:
    for path in ("/json", "/plain", "/missing", "/empty", "/cut"):
        with user.rest("GET", path) as response:
            user.seen(response)
    with user.rest("POST", "/echo", json={"a": 1}) as response:
        assert response.js, "no JSON"


@call
def server_ends_idle_connection(user: Any) -> Any:
    first = user.client.get("/cut-afterwards")
    gevent.sleep(0.3)
    return [first, user.client.post("/echo", "once")]


@call
def server_ends_connection_at_second_get(user: Any) -> Any:
    return [user.client.get("/plain"), user.client.get("/cut-second")]


@call
def server_ends_connection_at_second_post(user: Any) -> Any:
    return [user.client.get("/plain"), user.client.post("/cut-second", "a")]


@call
def default_header_added_later(user: Any) -> Any:
    user.client.get("/echo")
    user.client.client.default_headers["X-Later"] = "1"
    return user.client.get("/echo")


@call
def connections_closed_by_the_locustfile(user: Any) -> Any:
    user.client.get("/echo")
    user.client.client.clientpool.close()
    return user.client.get("/echo")


@call
def other_base_url(user: Any) -> Any:
    user.client.get("/echo")
    user.client.base_url += "/base"
    return user.client.get("/echo")


@call
def requests_at_once(user: Any) -> list[int]:
    several = [gevent.spawn(user.client.get, f"/echo?{i}") for i in range(25)]
    several += [gevent.spawn(user.client.get, "/found") for i in range(25)]
    gevent.joinall(several)
    return [len(one.value.content) for one in several]


@call
def fast_and_full_in_turn(user: Any) -> Any:
    with user.client.get("/plain", stream=True, catch_response=True) as response:
        inner = user.client.get("/echo")
        return [inner, response.content]


@call
def event_listener_that_raises(user: Any) -> Any:
    def refuse(**_: Any) -> None:
        raise RescheduleTask

    user.environment.events.request.add_listener(refuse)
    try:
        return user.client.get("/plain")
    finally:
        user.environment.events.request.remove_listener(refuse)


@call
def gevent_timeout_around(user: Any) -> Any:
    with gevent.Timeout(HASTY, False):
        return user.client.get("/hang")


@call
def killed_while_waiting(user: Any) -> Any:
    waiting = gevent.spawn(user.client.get, "/hang")
    while urllib.request.urlopen(f"{user.host}/received").read() != b"1":
        gevent.sleep(0.01)
    waiting.kill()
    return [str(waiting.value), user.client.get("/plain")]


SETTINGS: dict[str, dict[str, Any]] = {
    "one connection": {"concurrency": 1},
    "default headers": {"default_headers": {"X-Default": "1", "accept-encoding": "identity"}},
    "three redirects": {"max_redirects": 3},
    "two retries": {"max_retries": 2, "network_timeout": 20.0},
}


SET_UP = (
    *("get /plain", "get /found", "get /loop", "get /cut"),
    *("requests at once", "requests of the agent itself"),
)


@call
def parts_of_a_request(user: Any) -> Any:
    request = user.client.post("/echo", json={"a": 1}, headers={"X": "1"}).request
    return [request.body, request.get_method(), request.get_host(), request.full_url, request.data]


def described(value: Any) -> Any:
    """The parts of a result that a locustfile can access, as JSON."""
    if isinstance(value, (list, tuple)):
        return [described(one) for one in value]
    if isinstance(value, Iterator):
        return [one if isinstance(one, str) else one.decode("latin-1") for one in value]
    if not hasattr(value, "status_code"):
        return value.decode("latin-1") if isinstance(value, bytes) else value

    def seen(function: Callable[[], Any]) -> Any:
        try:
            found = function()
        except zlib.error:  # a second access to FastHttpUser's text has another value
            return "not compressed"
        except Exception as error:  # noqa: BLE001 - it is what is compared
            return repr(error)
        return found.decode("latin-1") if isinstance(found, bytes) else found

    def body(value: Any) -> Any:
        sent = value.request.body
        return sent if isinstance(sent, (str, bytes, dict)) else type(sent).__name__

    def history() -> list[int]:
        return [one.status_code for one in value.history]

    whole = {} if isinstance(value, ResponseContextManager) else {"history": seen(history)}
    return whole | {
        "status": seen(lambda: value.status_code),
        "ok": seen(lambda: value.ok),
        "text": seen(lambda: value.text),
        "encoding": seen(lambda: value.encoding),
        "content": seen(lambda: value.content),
        "json": seen(value.json),
        "url": seen(lambda: value.url),
        "headers": seen(lambda: value.headers and list(value.headers.items())),
        "header": seen(lambda: value.headers and value.headers.get("content-length")),
        "request": seen(lambda: [value.request.url, value.request.method, body(value)]),
        "request headers": seen(lambda: list(value.request.headers.items())),
        "read": seen(lambda: b"".join(map(bytes, value.iter_content(10, decode_content=False)))),
        "error": seen(lambda: repr(value.raise_for_status())),
        "length": seen(lambda: len(value)),
    }


def made(call: Call, user: Any, url: str) -> dict[str, Any]:
    """The result of one call."""
    events: list[dict[str, Any]] = []
    parts: list[Any] = []

    def listen(**event: Any) -> None:
        times = event.pop("response_time"), event.pop("start_time")
        record: dict[str, Any] = {
            name: str(event[name]) for name in sorted(event) if name != "response"
        }
        record["exception"] = repr(event["exception"])
        record["response"] = described(event["response"])["status"]
        record["times"] = [type(time).__name__ for time in times]
        events.append(record)

    user.seen = lambda response: parts.append(described(response))
    user.environment.events.request.add_listener(listen)
    try:
        result = described(call(user))
    except BaseException as error:  # noqa: BLE001 - it is what is compared
        result = repr(error)
    user.environment.events.request.remove_listener(listen)
    jar = sorted((c.name, c.value, c.path) for c in user.client.cookiejar)
    with urllib.request.urlopen(url + "/log") as answer:
        log = json.load(answer)
    if call is requests_at_once:  # which of them comes first is chance
        events, log = [], sorted([0, request] for _, request in log)
    log = [[number, re.sub(r"boundary=\w+|--\w{32}", "", request)] for number, request in log]
    return {"result": result, "parts": parts, "events": events, "cookies": jar, "server": log}


def main(name: str, url: str) -> None:
    """Print the results of all calls."""
    base: Any = CLASSES[name]
    environment = Environment(events=locust.events)

    def user(**settings: Any) -> Any:
        return type("Caller", (base,), {"host": url} | settings)(environment)

    results = {text: made(call, user(), url) for text, call in CALLS.items()}
    for title, settings in SETTINGS.items():
        for text in SET_UP:
            results[f"{title}: {text}"] = made(CALLS[text], user(**settings), url)
    for path in SLOW:
        hasty = {"network_timeout": HASTY}
        results[f"get {path}"] = made(partial(get, path=path), user(**hasty), url)
        results[f"post {path}"] = made(partial(post, path=path), user(**hasty), url)
        again = user(**hasty, max_retries=1)
        results[f"again {path}"] = made(partial(get, path=path), again, url)
    echo = partial(get, path="/echo")
    with_name = url.replace("//", "//me:p%40ss@")
    for host in (with_name, *(url + end for end in ("/base", "/", "/bäse", "?q", "#f"))):
        results[f"host {host}"] = made(echo, user(host=host), url)
    print(json.dumps(results, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from harness.observe.fetch import Answer, NoAnswer, fetch
from tests.integration.observe.conftest import Endpoint, Reply
from tests.servers import PATIENCE


def test_fetch_sends_its_headers_and_returns_status_and_body(endpoint: Endpoint) -> None:
    endpoint.reply = Reply("hello", 202)

    assert fetch(endpoint.url + "/x?y=1", PATIENCE, "text/plain") == Answer(202, b"hello")
    [(path, headers)] = endpoint.requests
    assert path == "/x?y=1"
    assert headers["Accept"] == "text/plain"
    assert headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [404, 500, 503])
def test_fetch_an_error_status_is_an_answer(endpoint: Endpoint, status: int) -> None:
    endpoint.reply = Reply("no", status)

    assert fetch(endpoint.url, PATIENCE).status == status


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_fetch_follows_a_redirect(endpoint: Endpoint, status: int) -> None:
    def reply(path: str) -> Reply:
        there = path == "/metrics/"
        return Reply("there") if there else Reply("", status, {"Location": "/metrics/"})

    endpoint.reply = reply

    assert fetch(endpoint.url + "/metrics", PATIENCE) == Answer(200, b"there")


def test_fetch_decompresses_gzip(endpoint: Endpoint) -> None:
    body = gzip.compress(b"a 1\n")
    endpoint.reply = Reply(body, headers={"Content-Encoding": "gzip"})

    assert fetch(endpoint.url, PATIENCE).body == b"a 1\n"


def test_fetch_ignores_a_proxy(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    endpoint.reply = Reply("direct")

    assert fetch(endpoint.url, PATIENCE).body == b"direct"


def test_fetch_reaches_localhost_by_name(endpoint: Endpoint) -> None:
    assert fetch(endpoint.url.replace("127.0.0.1", "localhost"), PATIENCE).status == 200


def test_fetch_of_a_slow_answer_has_a_reason(endpoint: Endpoint) -> None:
    endpoint.reply = Reply("late", delay=60)

    with pytest.raises(NoAnswer, match=r"no complete response within 0\.2 s"):
        fetch(endpoint.url, 0.2)


NO_ANSWERS: dict[str, tuple[Reply, str]] = {
    "a body that is cut": (Reply("cut", headers={"Content-Length": "9"}), "after 3 of 9 bytes"),
    "gzip that is none": (Reply("plain", headers={"Content-Encoding": "gzip"}), "gzip"),
    "gzip that is cut": (
        Reply(gzip.compress(b"a 1\n" * 9)[:-9], headers={"Content-Encoding": "gzip"}),
        "end-of-stream",
    ),
    "a body over the limit": (Reply(b"x" * 1001), "more than 1000 bytes"),
    "gzip that grows over the limit": (
        Reply(gzip.compress(b"x" * 100_000), headers={"Content-Encoding": "gzip"}),
        "more than 1000 bytes",
    ),
    "redirects without end": (Reply("", 302, {"Location": "/"}), "more than 5 redirects"),
}


@pytest.mark.parametrize(("reply", "reason"), NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_fetch_without_a_complete_response_has_a_reason(
    endpoint: Endpoint, reply: Reply, reason: str
) -> None:
    endpoint.reply = reply

    with pytest.raises(NoAnswer, match=reason):
        fetch(endpoint.url, PATIENCE, most=1000)


@pytest.mark.parametrize(
    ("head", "sent"),
    [
        (b"", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\na 1\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\na 1\n\r\n" * 9),
        (b"HTTP/1.0 200 OK\r\n\r\n", b"a 1\n" * 20),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 80\r\n\r\n", b"a 1\n" * 20),
    ],
    ids=["headers", "chunks", "HTTP/1.0", "a connection that is closed afterwards"],
)
def test_fetch_time_out_is_that_of_the_whole_exchange(head: bytes, sent: bytes) -> None:
    late = pytest.raises(NoAnswer, match=r"no complete response within 0\.3 s")
    with dripping(sent, seconds=0.1, head=head) as server, late:
        fetch(f"http://127.0.0.1:{server.port}/", 0.3)
    # Each read gets a byte in time: only the end of the exchange can have stopped the server.
    assert server.bytes_sent < len(sent)


def test_fetch_without_an_answer_closes_its_connection() -> None:
    closed = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(ConnectionError):
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 2000)
            while connection.recv(65_536):
                pass
        closed.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(NoAnswer, match="more than 1000 bytes") as caught:
            fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/", PATIENCE, most=1000)
        assert closed.wait(PATIENCE), caught  # as long as its traceback is kept
        thread.join()


@pytest.mark.parametrize(
    ("head", "known"),
    [("", False), ("Content-Length: 4\r\n", True)],
    ids=["no length", "a length"],
)
def test_fetch_says_whether_the_end_of_the_body_was_announced(head: str, known: bool) -> None:
    with dripping(f"HTTP/1.0 200 OK\r\n{head}\r\na 1\n".encode(), seconds=0.0) as server:
        assert fetch(f"http://127.0.0.1:{server.port}/", PATIENCE) == Answer(200, b"a 1\n", known)


@dataclass
class Dripping:
    """A server that sends its answer byte by byte.

    Attributes:
        bytes_sent: How many bytes it could send before the client went away.
    """

    port: int
    bytes_sent: int = 0


@contextmanager
def dripping(answer: bytes, seconds: float, head: bytes = b"") -> Iterator[Dripping]:
    """Serve one request: what stands at its head at once, the rest with a pause after each byte."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(head)
            for byte in answer:
                connection.send(bytes([byte]))
                server.bytes_sent += 1
                time.sleep(seconds)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Dripping(listener.getsockname()[1])
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server
        thread.join()


def test_fetch_does_not_follow_a_redirect_to_a_file(endpoint: Endpoint) -> None:
    endpoint.reply = Reply("", 302, {"Location": "file:///etc/hostname"})

    assert fetch(endpoint.url, PATIENCE) == Answer(302, b"")


BAD_URLS: dict[str, tuple[str, str]] = {
    "another scheme": ("ftp://127.0.0.1/x", "unknown url type"),
    "a file": ("file:///etc/hostname", "unknown url type"),
    "no scheme": ("127.0.0.1:80", "unknown url type"),
    "a port in letters": ("http://127.0.0.1:x/", "nonnumeric port"),
    "a name that does not resolve": ("http://no-such-host.invalid/", "not known|name resolution"),
}


@pytest.mark.parametrize(("url", "reason"), BAD_URLS.values(), ids=BAD_URLS)
def test_fetch_of_a_bad_url_has_a_reason(url: str, reason: str) -> None:
    with pytest.raises(NoAnswer, match=reason):
        fetch(url, PATIENCE)


def test_fetch_from_a_closed_port_is_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(NoAnswer, match="connection refused"):
            fetch(f"http://127.0.0.1:{unused.getsockname()[1]}", PATIENCE)

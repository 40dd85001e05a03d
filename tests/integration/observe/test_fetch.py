import gzip
import socket

import pytest

from harness.observe.fetch import Answer, NoAnswer, fetch
from tests.integration.observe.conftest import Endpoint, Reply


def test_fetch_sends_its_headers_and_returns_status_and_body(endpoint: Endpoint) -> None:
    endpoint.reply = Reply("hello", 202)

    assert fetch(endpoint.url + "/x?y=1", 5, "text/plain") == Answer(202, b"hello")
    [(path, headers)] = endpoint.requests
    assert path == "/x?y=1"
    assert headers["Accept"] == "text/plain"
    assert headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [404, 500, 503])
def test_fetch_an_error_status_is_an_answer(endpoint: Endpoint, status: int) -> None:
    endpoint.reply = Reply("no", status)

    assert fetch(endpoint.url, 5).status == status


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_fetch_follows_a_redirect(endpoint: Endpoint, status: int) -> None:
    def reply(path: str) -> Reply:
        there = path == "/metrics/"
        return Reply("there") if there else Reply("", status, {"Location": "/metrics/"})

    endpoint.reply = reply

    assert fetch(endpoint.url + "/metrics", 5) == Answer(200, b"there")


def test_fetch_decompresses_gzip(endpoint: Endpoint) -> None:
    body = gzip.compress(b"a 1\n")
    endpoint.reply = Reply(body, headers={"Content-Encoding": "gzip"})

    assert fetch(endpoint.url, 5).body == b"a 1\n"


def test_fetch_ignores_a_proxy(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    endpoint.reply = Reply("direct")

    assert fetch(endpoint.url, 5).body == b"direct"


def test_fetch_reaches_localhost_by_name(endpoint: Endpoint) -> None:
    assert fetch(endpoint.url.replace("127.0.0.1", "localhost"), 5).status == 200


NO_ANSWERS: dict[str, tuple[Reply, str]] = {
    "a slow answer": (Reply("late", delay=0.6), r"no complete response within 0\.2 s"),
    "a body that drips": (Reply("0123456789", drip=0.1), r"no complete response within 0\.2 s"),
    "a body that is cut": (Reply("cut", headers={"Content-Length": "9"}), "after 3 of 9 bytes"),
    "gzip that is none": (Reply("plain", headers={"Content-Encoding": "gzip"}), "gzip"),
    "gzip that is cut": (
        Reply(gzip.compress(b"a 1\n" * 9)[:-9], headers={"Content-Encoding": "gzip"}),
        "end-of-stream",
    ),
}


@pytest.mark.parametrize(("reply", "reason"), NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_fetch_without_a_complete_response_has_a_reason(
    endpoint: Endpoint, reply: Reply, reason: str
) -> None:
    endpoint.reply = reply

    with pytest.raises(NoAnswer, match=reason):
        fetch(endpoint.url, 0.2)


def test_fetch_does_not_follow_a_redirect_to_a_file(endpoint: Endpoint) -> None:
    endpoint.reply = Reply("", 302, {"Location": "file:///etc/hostname"})

    assert fetch(endpoint.url, 5) == Answer(302, b"")


BAD_URLS: dict[str, tuple[str, str]] = {
    "another scheme": ("ftp://127.0.0.1/x", "unknown url type"),
    "a file": ("file:///etc/hostname", "unknown url type"),
    "no scheme": ("127.0.0.1:80", "unknown url type"),
    "a port in letters": ("http://127.0.0.1:x/", "nonnumeric port"),
    "a name that does not resolve": ("http://no-such-host.invalid/", "known"),
}


@pytest.mark.parametrize(("url", "reason"), BAD_URLS.values(), ids=BAD_URLS)
def test_fetch_of_a_bad_url_has_a_reason(url: str, reason: str) -> None:
    with pytest.raises(NoAnswer, match=reason):
        fetch(url, 1)


def test_fetch_from_a_closed_port_is_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(NoAnswer, match="connection refused"):
            fetch(f"http://127.0.0.1:{unused.getsockname()[1]}", 5)

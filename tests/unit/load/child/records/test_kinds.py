"""The kind of a failed request: what the exceptions of Locust's clients become."""

import errno
from http.client import IncompleteRead, RemoteDisconnected
from types import SimpleNamespace

import pytest
import requests
import urllib3
from geventhttpclient.useragent import BadStatusCode, RetriesExceeded
from hypothesis import given
from hypothesis import strategies as st

from harness.load.child.records.kinds import Kind, group_of, kind_of, without_varying


class CatchResponseError(Exception):
    """The exception of Locust, which a test must not import."""


def response(status: int, **more: object) -> SimpleNamespace:
    return SimpleNamespace(status_code=status, **more)


def wrapped(inner: BaseException) -> requests.ConnectionError:
    """As urllib3 and requests wrap an exception of a socket."""
    pool = urllib3.HTTPConnectionPool("127.0.0.1", 9)
    try:
        try:
            raise inner
        except OSError as error:
            raise urllib3.exceptions.MaxRetryError(pool, "/x", error) from error
    except urllib3.exceptions.MaxRetryError as error:
        return requests.ConnectionError(error)


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
AT_9 = SimpleNamespace(url="http://ada:secret@127.0.0.1:9/x?token=1")
MANUAL = ValueError("no id 7")
KINDS = {
    "status of requests": (
        response(500),
        requests.HTTPError("500 Server Error: Oops for url: /items/7"),
        ("status", 500, "500 Internal Server Error"),
    ),
    "status of geventhttpclient": (
        response(404),
        BadStatusCode("http://h/x", code=404),
        ("status", 404, "404 Not Found"),
    ),
    "unknown status": (response(599), None, ("status", 599, "599")),
    "check": (response(200), CatchResponseError("bad\n id 7"), ("check", 200, "bad id 7")),
    "check of an error answer": (
        response(503),
        CatchResponseError("not ready"),
        ("check", 503, "not ready"),
    ),
    "check without a message": (
        response(200),
        CatchResponseError(""),
        ("check", 200, "no message"),
    ),
    "check with an exception": (
        response(200, _manual_result=MANUAL),
        MANUAL,
        ("check", 200, "ValueError: no id 7"),
    ),
    "refused": (
        response(0, request=AT_9),
        REFUSED,
        ("connection", 0, "connection refused: nothing listened at 127.0.0.1:9"),
    ),
    "refused, wrapped by requests": (
        response(0, request=AT_9),
        wrapped(REFUSED),
        ("connection", 0, "connection refused: nothing listened at 127.0.0.1:9"),
    ),
    "refused at an unknown address": (None, REFUSED, ("connection", 0, "connection refused")),
    "reset": (
        response(0),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        ("connection", 0, "connection reset by the service"),
    ),
    "reset, wrapped": (
        response(0),
        wrapped(ConnectionResetError(errno.ECONNRESET, "reset")),
        ("connection", 0, "connection reset by the service"),
    ),
    "closed": (
        response(0),
        RemoteDisconnected("Remote end closed connection without response"),
        ("connection", 0, "connection closed by the service before the answer"),
    ),
    "cut": (
        response(0),
        IncompleteRead(b"", 9),
        ("connection", 0, "connection closed by the service within the answer"),
    ),
    "read timeout": (
        response(0),
        requests.ReadTimeout("read timeout=0.3"),
        ("timeout", 0, "ReadTimeout: read timeout=0.3"),
    ),
    "timeout of geventhttpclient": (
        response(0),
        RetriesExceeded("http://h/x", 0, original=TimeoutError("timed out")),
        ("timeout", 0, "RetriesExceeded: URL http://h/x: 0, original=timed out"),
    ),
    "other exception": (
        response(0),
        requests.TooManyRedirects("Exceeded 30 redirects."),
        ("exception", 0, "TooManyRedirects: Exceeded 30 redirects."),
    ),
    "text of a client of the locustfile": (None, "broken  pipe", ("exception", 0, "broken pipe")),
    "nothing": (None, None, ("exception", 0, "no reason")),
    "an own ConnectionError within a ValueError is no lost connection": (
        None,
        ValueError(ConnectionResetError()),
        ("exception", 0, "ValueError"),
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_kind_of_a_failure(name: str) -> None:
    answer, error, (kind, status, text) = KINDS[name]
    found = kind_of(answer, error)
    assert found[:3] == (kind, status, text)


def test_exception_of_a_with_block_names_it_unless_the_answer_was_an_error() -> None:
    found = kind_of(response(200), None, KeyError("id"))
    assert found[:3] == ("exception", 200, "KeyError: 'id' in the with-block of the locustfile")
    assert kind_of(response(500), None, KeyError("id"))[:2] == ("status", 500)


def test_exception_without_a_text_does_not_raise() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert kind_of(None, MuteError()).text == "MuteError"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("expected id 17, got 99", "expected id 3, got 1000"),
        (
            "no user 1b4e28ba-2fa1-11d2-883f-0016d3cca427",
            "no user ffffffff-aaaa-4bbb-8ccc-dddddddddd00",
        ),
        ("object at 0x7f3a10", "object at 0x10"),
        ("host='10.1.2.3:80'", "host='192.168.0.17:8080'"),
        ("took 1.25 s", "took 17 s"),
        (
            "bad token a8f5f167f44f4964e6c998dee827110c",
            "bad token 0cc175b9c0f1b6a831c399e269772661",
        ),
        ("at 2026-11-28T10:00:00Z", "at 2027-01-01T23:59:59Z"),
    ],
)
def test_messages_that_vary_in_numbers_and_ids_are_one_kind(one: str, other: str) -> None:
    assert without_varying(one) == without_varying(other)


@pytest.mark.parametrize(
    ("one", "other"), [("no such item", "no such user"), ("id 7 is missing", "id 7 is wrong")]
)
def test_messages_with_other_words_are_other_kinds(one: str, other: str) -> None:
    assert without_varying(one) != without_varying(other)


WORDS = st.text(st.characters(categories=["L"]), max_size=8)
NUMBERS = st.integers(0, 10**12)
FORMS = st.sampled_from(["{}", "{:x}7", "id-{}", "user_{}", "0x{:x}", "{}.5", "127.0.0.1:{}"])


@given(st.lists(st.tuples(WORDS, FORMS), max_size=6), st.data())
def test_group_depends_on_the_words_and_not_on_the_numbers(
    parts: list[tuple[str, str]], data: st.DataObject
) -> None:
    def message() -> str:
        return " ".join(f"{word} {form.format(data.draw(NUMBERS))}" for word, form in parts)

    first, second = without_varying(message()), without_varying(message())
    assert first == second == without_varying(first)
    assert not any(character.isascii() and character.isdigit() for character in first)
    assert group_of(Kind("check", 0, "", first)) == group_of(Kind("check", 0, "", second))


@given(st.text())
def test_any_text_has_a_group_without_its_digits(text: str) -> None:
    assert without_varying(without_varying(text)) == without_varying(text)
    assert len(group_of(Kind("check", 0, "", f"x{text}"))) == 16

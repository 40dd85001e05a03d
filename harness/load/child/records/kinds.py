"""The kind of a failed request, and the text that its report shows."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from hashlib import blake2b
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from harness.names import (
    FAILED_CHECK,
    FAILED_CONNECTION,
    FAILED_EXCEPTION,
    FAILED_STATUS,
    FAILED_TIMEOUT,
    REFUSED,
)

MOST_TEXT = 500  # characters of a message that are read
MOST_GROUPED = 200  # characters by which messages are grouped
_DEPTH = 8  # exceptions that cause each other
# A word with a digit in it: a number, an id, hexadecimal digits, a token.
_VARYING = re.compile(r"(?<![\w-])(?:[^\W\d]|-)*+\d[\w-]*")
_JOINED = re.compile(r"#(?:[.:,/]#)+")  # of an address, a time, a decimal number
_OF_CHECKS = frozenset({"CatchResponseError", "ResponseError"})  # of Locust
# requests, urllib3, geventhttpclient and the standard library.
_OF_CLIENTS = frozenset({"OSError", "HTTPException", "HTTPError", "ConnectionError"})
_BY_ERRNO = {
    errno.ECONNRESET: "connection reset by the service",
    errno.ECONNABORTED: "connection aborted",
    errno.EPIPE: "connection closed by the service while the request was sent",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
}
_BY_CLASS = {
    "RemoteDisconnected": "connection closed by the service before the answer",
    "HTTPConnectionClosed": "connection closed by the service before the answer",
    "IncompleteRead": "connection closed by the service within the answer",
    "gaierror": "host name not found",
}


class Kind(NamedTuple):
    """The kind of a failed request.

    Attributes:
        kind: One of the names `FAILED_...` in `harness.names`.
        status: The status code of the answer; 0 without an answer.
        text: The status, the message or the exception.
        grouped: The text without what varies between requests of one kind.
    """

    kind: str
    status: int
    text: str
    grouped: str


def kind_of(response: object, error: object, raised: object = None) -> Kind:
    """The kind of a failed request.

    Args:
        response: Its response; None if there is none.
        error: The exception that made it a failure for Locust.
        raised: The exception of a with-block, or of the client, without an `error`.
    """
    code = getattr(response, "status_code", 0)
    status = code if isinstance(code, int) else 0
    if error is None and status >= 400:
        return Kind(FAILED_STATUS, status, _status_text(status), "")
    if _names(error) & _OF_CHECKS:
        return _grouped(FAILED_CHECK, status, _text_of(error) or "no message")
    if error is not None and getattr(response, "_manual_result", None) is error:
        return _grouped(FAILED_CHECK, status, _described(error))
    if status >= 400 and _is_of_status(error):
        return Kind(FAILED_STATUS, status, _status_text(status), "")
    found = raised if error is None else error
    if isinstance(found, BaseException):
        return _of_exception(response, status, found, within=error is None and status > 0)
    return _grouped(FAILED_EXCEPTION, status, "no reason" if found is None else _text_of(found))


def _of_exception(response: object, status: int, error: BaseException, *, within: bool) -> Kind:
    """The kind of an exception, which a with-block raised if `within`."""
    described = _described(error)
    if within:
        return _grouped(
            FAILED_EXCEPTION, status, f"{described} in the with-block of the locustfile"
        )
    for one in _chain(error):
        if any("Timeout" in name for name in _names(one)):
            return _grouped(FAILED_TIMEOUT, status, described)
        if found := _of_connection(one):
            address = _address(response) if found == REFUSED else ""
            return Kind(FAILED_CONNECTION, status, f"{found}{address}", found)
    return _grouped(FAILED_EXCEPTION, status, described)


def without_varying(text: str) -> str:
    """A message without the words that have a digit in them, which "#" replaces."""
    return _JOINED.sub("#", _VARYING.sub("#", text))


def group_of(kind: Kind) -> str:
    """A short digest of the grouped text, which may hold a secret; the same in all processes."""
    if not kind.grouped:
        return ""
    return blake2b(kind.grouped.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _grouped(kind: str, status: int, text: str) -> Kind:
    # Cut once more: numbers of other lengths move what the first cut leaves.
    return Kind(kind, status, text, without_varying(text)[:MOST_GROUPED])


def _status_text(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _is_of_status(error: object) -> bool:
    """Whether an exception only says that the status code is one of an error."""
    return bool(_names(error) & {"HTTPError", "BadStatusCode", "LocustBadStatusCode"})


def _names(error: object) -> set[str]:
    """The names of the classes of an exception; the libraries are not imported for them."""
    return {base.__name__ for base in type(error).__mro__}


def _described(error: object) -> str:
    text = _text_of(error)
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def _text_of(error: object) -> str:
    """The message of an exception on one line."""
    try:
        return " ".join(str(error)[:MOST_TEXT].split())
    except Exception:  # noqa: BLE001 - an exception of the locustfile may not have a text
        return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and, if it is one of a client, those that it wraps."""
    found: BaseException | None = error
    for _ in range(_DEPTH):
        if found is None:
            return
        yield found
        if not _names(found) & _OF_CLIENTS:
            return
        # requests and urllib3 wrap them in `args` and `reason`, geventhttpclient in `original`.
        named = getattr(found, "reason", None), getattr(found, "original", None)
        inner = (*named, *found.args, found.__cause__, found.__context__)
        found = next((one for one in inner if isinstance(one, BaseException)), None)


def _of_connection(error: BaseException) -> str:
    """What broke a connection; empty if an exception is about something else."""
    number = getattr(error, "errno", None) if isinstance(error, OSError) else None
    names = _names(error)
    if number == errno.ECONNREFUSED or "ConnectionRefusedError" in names:
        return REFUSED
    if text := next((text for name, text in _BY_CLASS.items() if name in names), ""):
        return text
    if "ConnectionResetError" in names:
        return _BY_ERRNO[errno.ECONNRESET]
    return _BY_ERRNO.get(number or 0, "")


def _address(response: object) -> str:
    """Such as ": nothing listened at 127.0.0.1:8000", if the address is known."""
    url = getattr(getattr(response, "request", None), "url", None)
    try:
        host = urlsplit(url).netloc.rpartition("@")[2] if isinstance(url, str) else ""
    except ValueError:
        host = ""
    return f": nothing listened at {host}" if host else ""

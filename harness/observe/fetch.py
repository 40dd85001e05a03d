"""One HTTP request with a time-out, straight to the address: no proxy, no cookies, only HTTP."""

from __future__ import annotations

import gzip
import ssl
import zlib
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import NamedTuple, cast
from urllib.error import HTTPError, URLError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
    UnknownHandler,
)


class Answer(NamedTuple):
    """What a server said, redirects followed and compression undone."""

    status: int
    body: bytes


class NoAnswer(Exception):  # noqa: N818 - the absence of an answer, not a fault of ours
    """Nothing answered, not within the time-out, or not in full; the text says which."""


def fetch(
    url: str,
    timeout: float,
    accept: str = "*/*",
    *,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    body: bytes | None = None,
) -> Answer:
    """Get a URL, or post to it; blocks the calling thread.

    Args:
        url: http or https.
        timeout: Seconds for each step (connection, headers, body).
        accept: The Accept header.
        headers: More headers. They may hold a secret, so no redirect is followed with them.
        tls: For https; None trusts what this machine trusts.
        body: JSON that is posted; None gets.

    Raises:
        NoAnswer: There is no complete answer.
    """
    opener = _opener(accept, headers, tls)
    try:
        try:
            posted = {"Content-Type": "application/json"} if body is not None else {}
            response = opener.open(Request(url, body, posted), timeout=timeout)  # noqa: S310
        except HTTPError as error:
            with error:
                return Answer(error.code, _body(cast("HTTPResponse", error.fp), timeout))
        with response:
            return Answer(response.status, _body(response, timeout))
    except (OSError, HTTPException, ValueError, EOFError, zlib.error) as error:
        raise NoAnswer(_why(error, timeout)) from error


def _opener(
    accept: str, headers: Mapping[str, str] | None, tls: ssl.SSLContext | None
) -> OpenerDirector:
    opener = OpenerDirector()
    for handler in (
        HTTPHandler(),
        HTTPSHandler(context=tls),
        *(() if headers else (HTTPRedirectHandler(),)),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
        UnknownHandler(),
    ):
        opener.add_handler(handler)
    opener.addheaders = [
        ("User-Agent", "harness"),
        ("Accept", accept),
        # To compress its metrics a service takes longer than the network does to send them plain.
        ("Accept-Encoding", "identity"),
        *(headers or {}).items(),
    ]
    return opener


def _body(response: HTTPResponse, timeout: float) -> bytes:
    """The whole body; piecewise, because a server that drips never trips the socket's time-out."""
    deadline = monotonic() + timeout
    chunks: list[bytes] = []
    while chunk := response.read1(1 << 16):
        chunks.append(chunk)
        if monotonic() > deadline:
            raise TimeoutError
    body = b"".join(chunks)
    announced = response.headers.get("Content-Length")
    if announced is not None and int(announced) != len(body):
        raise EOFError(f"the answer ended after {len(body)} of {announced} bytes")
    if response.headers.get("Content-Encoding", "").lower() == "gzip":
        return gzip.decompress(body)
    return body


def _why(error: Exception, timeout: float) -> str:
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        return _why(error.reason, timeout)
    if isinstance(error, TimeoutError):
        return f"no complete answer within {timeout:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__

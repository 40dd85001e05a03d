"""A single HTTP request with a time-out, without proxies and cookies."""

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
    """The final response of a server after redirects, decompressed."""

    status: int
    body: bytes


class NoAnswer(Exception):  # noqa: N818 - an absent response, not an error of the harness
    """No response, a late one or an incomplete one; the message is the reason."""


def fetch(
    url: str,
    timeout: float,
    accept: str = "*/*",
    *,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    body: bytes | None = None,
) -> Answer:
    """Send a GET or POST request; blocks the calling thread.

    Args:
        url: An http or https URL.
        timeout: Seconds for each step (connection, headers, body).
        accept: The Accept header.
        headers: Further headers. They may contain a secret, so redirects are not followed with
            them.
        tls: The context for https; None uses the trusted certificates of this machine.
        body: JSON to post; None sends a GET.

    Raises:
        NoAnswer: There is no complete response.
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
        raise NoAnswer(_reason(error, timeout)) from error


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
        # Compression takes the service longer than the network takes for plain metrics.
        ("Accept-Encoding", "identity"),
        *(headers or {}).items(),
    ]
    return opener


def _body(response: HTTPResponse, timeout: float) -> bytes:
    """The whole body, read in pieces: a slow sender never exceeds the time-out of the socket."""
    deadline = monotonic() + timeout
    chunks: list[bytes] = []
    while chunk := response.read1(1 << 16):
        chunks.append(chunk)
        if monotonic() > deadline:
            raise TimeoutError
    body = b"".join(chunks)
    announced = response.headers.get("Content-Length")
    if announced is not None and int(announced) != len(body):
        raise EOFError(f"the response ended after {len(body)} of {announced} bytes")
    if response.headers.get("Content-Encoding", "").lower() == "gzip":
        return gzip.decompress(body)
    return body


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        return _reason(error.reason, timeout)
    if isinstance(error, TimeoutError):
        return f"no complete response within {timeout:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__

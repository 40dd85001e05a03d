"""One HTTP request with a deadline, straight to the address: no proxy, no cookies, only HTTP."""

from __future__ import annotations

import gzip
import io
import ssl
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from socket import SHUT_RDWR, socket
from threading import Timer
from time import monotonic
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from harness.errors import UsageError

MOST_BYTES: Final = 64 * 2**20  # of a body, also once it is decompressed
_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK: Final = 2**16


class Answer(NamedTuple):
    """The answer of a server, redirects followed and compression undone.

    Attributes:
        end_known: Whether the server announced where the body ends, by its length or by chunks.
            Without that, a body that was cut looks complete.
    """

    status: int
    body: bytes
    end_known: bool = True


class NoAnswer(Exception):  # noqa: N818 - the absence of an answer, not a fault of the harness
    """No complete answer came within the time and size allowed; the text says why."""


def tls_of(
    ca_file: Path | None,
    key: str = "target.ca_file",
    hint: str = "name the PEM file of the CA, relative to the folder of budgets.yaml",
) -> ssl.SSLContext | None:
    """The TLS context for a service with `target.ca_file`; None without one.

    Args:
        ca_file: Certificates in PEM.
        key: Where the user named the file, for the message.
        hint: What to do about a file that cannot be used.

    Raises:
        UsageError: The file cannot be read, or has no certificate.
    """
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        no_pem = isinstance(error, ssl.SSLError)
        reason = "it has no certificate in PEM" if no_pem else error.strerror
        raise UsageError(
            f"{key}: cannot use {ca_file}: {reason}",
            hint,
        ) from error


def fetch(
    url: str,
    timeout: float,
    accept: str = "*/*",
    *,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    body: bytes | None = None,
    most: int = MOST_BYTES,
    method: str = "",
) -> Answer:
    """Send a request; blocks the calling thread.

    Args:
        url: http or https.
        timeout: Seconds for the whole exchange, redirects included.
        accept: The Accept header.
        headers: More headers. They may hold a secret, so no redirect is followed with them.
        tls: For https; None trusts the certificates that this machine trusts.
        body: What is sent, JSON unless `headers` name another type; None sends nothing.
        most: Bytes that the body may have, compressed and decompressed.
        method: In upper case; empty is POST with a body, GET without. A redirect is followed only
            for GET and HEAD.

    Raises:
        NoAnswer: There is no complete response.
    """
    sent = {
        "User-Agent": "harness",
        "Accept": accept,
        # To compress its metrics a service takes longer than the network does to send them plain.
        "Accept-Encoding": "identity",
        "Connection": "close",
        **({"Content-Type": "application/json"} if body is not None else {}),
        **(headers or {}),
    }
    deadline = monotonic() + timeout
    method = method or ("GET" if body is None else "POST")
    final = bool(headers) or body is not None or method not in {"GET", "HEAD"}
    try:
        for _ in range(_MOST_REDIRECTS + 1):
            answer, location = _exchange(
                url, deadline, sent, tls=tls, body=body, most=most, method=method
            )
            there = urljoin(url, location) if location else ""
            if final or not there.startswith(("http://", "https://")):
                return answer
            url = there
    except (OSError, HTTPException, ValueError, EOFError, zlib.error) as error:
        raise NoAnswer(_why(error, timeout, expired=monotonic() >= deadline)) from error
    raise NoAnswer(f"more than {_MOST_REDIRECTS} redirects")


def _exchange(
    url: str,
    deadline: float,
    headers: Mapping[str, str],
    *,
    tls: ssl.SSLContext | None,
    body: bytes | None,
    most: int,
    method: str,
) -> tuple[Answer, str]:
    """One request: its answer, and where a redirect leads (else an empty text)."""
    path = urlsplit(url)._replace(scheme="", netloc="", fragment="").geturl() or "/"
    with closing(_connection(url, deadline - monotonic(), tls)) as connection:
        connection.connect()
        with _ended_at(deadline, connection.sock):
            connection.request(method, path, body, dict(headers))
            with connection.getresponse() as response:
                redirected = response.status in _REDIRECTS
                location = response.headers.get("Location", "") if redirected else ""
                end_known = response.length is not None or bool(response.chunked)
                content = b"" if method == "HEAD" else _body(response, deadline, most)
                return Answer(response.status, content, end_known), location


def _connection(url: str, seconds: float, tls: ssl.SSLContext | None) -> HTTPConnection:
    if seconds <= 0:
        raise TimeoutError
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"unknown url type: {url}; write http:// or https://")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"nonnumeric port: {url}") from error
    if parts.scheme == "http":
        return HTTPConnection(parts.hostname, port, timeout=seconds)
    return HTTPSConnection(parts.hostname, port, timeout=seconds, context=tls)


@contextmanager
def _ended_at(deadline: float, connected: socket) -> Iterator[None]:
    """Shut a connection down at a moment of `time.monotonic`, so that no read of it blocks.

    The time-out of a socket is that of one read: a server that sends a byte now and then would
    never reach it. An `HTTPConnection` has no socket any more once its response has begun, if the
    server closes the connection after it.
    """

    def end() -> None:
        with suppress(OSError):
            connected.shutdown(SHUT_RDWR)

    timer = Timer(max(0.0, deadline - monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _body(response: HTTPResponse, deadline: float, most: int) -> bytes:
    """The whole body, decompressed."""
    body = _read(response, most)
    if monotonic() >= deadline:
        raise TimeoutError  # what there is may be cut where the connection was shut down
    announced = response.headers.get("Content-Length")
    if announced is not None and int(announced) != len(body):
        raise EOFError(f"the response ended after {len(body)} of {announced} bytes")
    if response.headers.get("Content-Encoding", "").lower() == "gzip":
        return _read(gzip.GzipFile(fileobj=io.BytesIO(body)), most)
    return body


def _read(source: HTTPResponse | gzip.GzipFile, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := source.read1(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            raise ValueError(f"the response has more than {most} bytes")
    return b"".join(chunks)


def _why(error: Exception, timeout: float, *, expired: bool) -> str:
    if expired or isinstance(error, TimeoutError):
        return f"no complete response within {round(timeout, 2):g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__

"""Inside the generator: one request over one kept-alive connection, with as few steps as possible.

Connections come from geventhttpclient's pool and return to it, so their number, name resolution and
all time-outs are those of FastHttpUser. Only one idle connection is kept here, until another
request needs it. A response that is not ordinary, or a broken connection, is passed to
geventhttpclient's response, together with the bytes received so far.
"""

from __future__ import annotations

import errno
import select
from typing import Any

from gevent import monkey
from geventhttpclient.client import IDEMPOTENT_METHODS, HTTPClient
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError, HTTPSocketPoolResponse

from harness.load.child.fast.response import Head, head_of
from harness.load.child.fast.timeouts import shared_timeout

_BLOCK = 16384  # bytes; one receipt is enough for most answers
_MOST = 1 << 20
WORKS_HERE = hasattr(select, "poll")  # Windows has none
_poll: Any = monkey.get_original("select", "poll") if WORKS_HERE else None

RawResponse = (
    tuple[Head, bytes, int] | HTTPSocketPoolResponse
)  # the head, all bytes, and the index at which the body begins


class _Connection:
    """A connection of the pool with direct access to its parts."""

    __slots__ = ("_readable", "_receive", "_wait", "send", "silent", "socket")

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.send = socket._sock.send  # noqa: SLF001 - gevent's method handles a time-out first
        self._receive = socket._sock.recv  # noqa: SLF001
        self._readable = socket._read_event  # noqa: SLF001
        self._wait = shared_timeout(socket.timeout).wait if socket.timeout else socket.hub.wait
        poll = _poll()
        poll.register(socket.fileno(), select.POLLIN)
        self.silent = poll.poll

    def receive(self, size: int) -> bytes:
        """Wait for data, which cannot have arrived yet, and receive them.

        Raises:
            OSError: The connection is broken, or no data arrived in time.
        """
        while True:
            self._wait(self._readable)
            try:
                data: bytes = self._receive(size)
            except BlockingIOError:  # a spurious wake-up
                continue
            return data

    def usable(self) -> bool:
        """Whether the idle connection is silent: data could only mean that the server closed it."""
        return not self.silent(0)


class _Ended:
    """Replaces a socket whose response broke off: reading raises the same error again."""

    def __init__(self, socket: Any, error: OSError) -> None:
        self._socket = socket
        self._error = error

    def recv(self, _: int) -> bytes:
        raise self._error

    def close(self) -> None:
        self._socket.close()


class Wire:
    """The connections of one session to one server.

    Attributes:
        pool_requests: Running requests that take their connections from the pool.
    """

    def __init__(self, client: HTTPClient) -> None:
        self._client = client
        self._pool: Any = client._connection_pool  # noqa: SLF001 - there is no public access
        self._idle: _Connection | None = None
        self._waiting = 0
        self.pool_requests = 0

    @property
    def closed(self) -> bool:
        """Whether the locustfile has closed the session's pool."""
        return bool(self._pool._closed)  # noqa: SLF001

    def give_back(self) -> None:
        """Return the idle connection to the pool."""
        idle, self._idle = self._idle, None
        if idle is not None:
            self._pool.return_socket(idle.socket)

    def exchange(self, method: str, message: bytes, *, bodiless: bool) -> RawResponse:
        """Send a request and receive the response.

        Repeats a request exactly when `HTTPClient.request` does: if it is idempotent, and the
        connection ended before any part of the response arrived.

        Args:
            method: The method, in upper case.
            message: The whole request.
            bodiless: Whether the response has no body despite its head: the method is HEAD.

        Raises:
            OSError, HTTPParseError: Like `HTTPClient.request`.
        """
        attempts = self._pool.size + 1 if method in IDEMPOTENT_METHODS else 0
        while True:
            connection = self._take()
            error: OSError | None = None
            try:
                _send(connection, message)
            except OSError as caught:
                if caught.errno not in (errno.ECONNRESET, errno.EPIPE):
                    self._pool.release_socket(connection.socket)
                    raise
                error = caught  # a response sent before the end of the connection may be readable
            except BaseException:  # e.g. the user was killed
                self._pool.release_socket(connection.socket)
                raise
            try:
                if error is not None:
                    return self._in_full(connection.socket, method, b"")
                return self._receive(connection, method, bodiless=bodiless)
            except (OSError, HTTPParseError) as caught:
                again = error is not None or isinstance(caught, HTTPConnectionClosed)
                if not again or attempts <= 0:
                    raise
                attempts -= 1

    def _take(self) -> _Connection:
        idle, self._idle = self._idle, None
        if idle is not None:
            if idle.usable():
                return idle
            self._pool.release_socket(idle.socket)
        self._waiting += 1
        try:
            return _Connection(self._pool.get_socket())
        finally:
            self._waiting -= 1

    def _keep(self, connection: _Connection, head: Head) -> None:
        if not head.keep_alive:
            self._pool.release_socket(connection.socket)
        elif self._idle is None and not self._waiting and not self.pool_requests:
            self._idle = connection
        else:
            self._pool.return_socket(connection.socket)

    def _receive(self, connection: _Connection, method: str, *, bodiless: bool) -> RawResponse:
        """The response; the connection is kept, or passed to the response that reads on."""
        blocks: list[bytes] = []
        socket = connection.socket
        try:
            data = connection.receive(_BLOCK)
            blocks.append(data)
            at = data.find(b"\r\n\r\n") + 4
            head = head_of(data[:at]) if at > 3 else None
            if head is not None:
                end = at if bodiless else at + head.length
                if len(data) < end:
                    data = _rest(connection, blocks, end - len(data))
                if len(data) == end:
                    self._keep(connection, head)
                    return head, data, at
        except OSError as error:
            socket = _Ended(socket, error)
        except BaseException:  # e.g. the user was killed
            self._pool.release_socket(socket)
            raise
        return self._in_full(socket, method, b"".join(blocks))

    def _in_full(self, socket: Any, method: str, received: bytes) -> HTTPSocketPoolResponse:
        return HTTPSocketPoolResponse(
            socket,
            self._pool,
            block_size=self._client.block_size,
            method=method,
            headers_type=self._client.headers_type,
            pre_buffered=received,
        )


def _send(connection: _Connection, message: bytes) -> None:
    try:
        sent = connection.send(message)
    except BlockingIOError:  # the kernel's buffer is full
        sent = 0
    if sent < len(message):
        connection.socket.sendall(memoryview(message)[sent:])


def _rest(connection: _Connection, blocks: list[bytes], missing: int) -> bytes:
    """All bytes received, once none is missing or the connection has ended."""
    while missing > 0:
        block = connection.socket.recv(min(missing, _MOST))
        if not block:
            break
        blocks.append(block)
        missing -= len(block)
    return b"".join(blocks)

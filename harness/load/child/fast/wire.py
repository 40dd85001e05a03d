"""Inside the generator: one request over one kept-alive connection, with as few steps as possible.

Connections come from geventhttpclient's pool and return to it, so their number, name resolution and
all time-outs are those of FastHttpUser. Only one idle connection is kept here, until another
request needs it. A response that is not ordinary, or a broken connection, is passed to
geventhttpclient's response, together with the bytes received so far.
"""

from __future__ import annotations

import errno
import select
import time
from typing import Any

from geventhttpclient.client import IDEMPOTENT_METHODS, HTTPClient
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError, HTTPSocketPoolResponse

from harness.load.child.fast.response import Head, head_of
from harness.load.child.fast.timeouts import waiting
from harness.load.child.receipts.clock import ANCILLARY_BYTES, CLOCK, Ancillary, Receipt
from harness.load.child.receipts.sockets import LAST, POLL

_BLOCK = 16384  # bytes; one receipt is enough for most answers
_MOST = 1 << 20
WORKS_HERE = POLL is not None
_monotonic = time.monotonic

# The head, all bytes, the index at which the body begins, and of the receipt of the last byte the
# control messages and the time of its reading; or a response that is not ordinary.
RawResponse = tuple[Head, bytes, int, Ancillary, float] | HTTPSocketPoolResponse


class _Connection:
    """A connection of the pool with direct access to its parts.

    Attributes:
        ancillary: The control messages of the last receipt; they have the kernel's stamp.
        read: When that receipt had been read, monotonic seconds.
    """

    __slots__ = ("_readable", "_receive", "_wait", "ancillary", "read", "ready", "send", "socket")

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.send = socket._sock.send  # noqa: SLF001 - gevent's method handles a time-out first
        self._receive = socket._sock.recvmsg  # noqa: SLF001
        self._readable = socket._read_event  # noqa: SLF001
        hub, timeout = socket.hub, socket.timeout
        self._wait = waiting(timeout, hub) if timeout else hub.wait
        self.ancillary: Ancillary = ()
        self.read = 0.0
        poll = POLL()
        poll.register(socket.fileno(), select.POLLIN)
        self.ready = poll.poll  # of an idle connection: the server has closed it

    def receive(self, size: int) -> bytes:
        """Wait for data, which cannot have arrived yet, and receive them.

        Raises:
            OSError: The connection is broken, or no data arrived in time.
        """
        while True:
            self._wait(self._readable)
            try:
                data: bytes
                data, self.ancillary, _, _ = self._receive(size, ANCILLARY_BYTES)
            except BlockingIOError:  # a spurious wake-up
                continue
            self.read = _monotonic()
            return data

    def receive_rest(self, blocks: list[bytes], missing: int) -> bytes:
        """Receive until no byte is missing or the connection has ended; returns all bytes."""
        while missing > 0:
            block, self.ancillary, _, _ = self.socket.recvmsg(min(missing, _MOST), ANCILLARY_BYTES)
            self.read = _monotonic()
            if not block:
                self.ancillary = ()
                break
            blocks.append(block)
            missing -= len(block)
        return b"".join(blocks)

    def receipt(self) -> Receipt | None:
        """When the last bytes were received and read; None without the kernel's stamp."""
        at = CLOCK.moment(self.ancillary)
        return None if at is None else (at, self.read)


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
        sent: Bytes of the requests that were sent, see `take_sent`.
    """

    def __init__(self, client: HTTPClient) -> None:
        self._client = client
        self._pool: Any = client._connection_pool  # noqa: SLF001 - there is no public access
        self._idle: _Connection | None = None
        self._waiting = 0
        self.pool_requests = self.sent = 0

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
        repeated = 0
        while True:
            connection, self._idle = self._idle, None
            if connection is None or connection.ready(0):
                connection = self._connect(connection)
            error: OSError | None = None
            try:
                _send(connection, message)
                self.sent += len(message)
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
                if not again or method not in IDEMPOTENT_METHODS or repeated > self._pool.size:
                    raise
                repeated += 1

    def _connect(self, broken: _Connection | None) -> _Connection:
        """A connection of the pool, after the release of one that the server has closed."""
        if broken is not None:
            self._pool.release_socket(broken.socket)
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
                    data = connection.receive_rest(blocks, end - len(data))
                if len(data) == end:
                    self._keep(connection, head)
                    return head, data, at, connection.ancillary, connection.read
            LAST.put(connection.receipt())  # all may have come, in a form that is not ordinary
        except OSError as error:
            LAST.put(None)
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


def take_sent(wire: Wire | None) -> int:
    """The bytes that connections have sent since the last call."""
    if wire is None:
        return 0
    sent, wire.sent = wire.sent, 0
    return sent

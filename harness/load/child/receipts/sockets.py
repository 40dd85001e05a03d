"""Inside the generator: geventhttpclient's sockets, with the kernel's times of what they receive.

geventhttpclient makes its sockets in `ConnectionPool._create_tcp_socket` and reads them by `recv`.
A stamped socket reads by `recvmsg`, which returns the same bytes and the kernel's stamp. TLS reads
its connections itself, without the stamps.

A stamped socket makes up for the time that this takes: it sends with one system call and without
gevent's copies, and does not try to read an answer that cannot have arrived.
"""

from __future__ import annotations

import select
import time
from typing import Any

import gevent
import gevent.socket
from gevent import monkey
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool

from harness.load.child.fast.timeouts import shared_timeout
from harness.load.child.receipts.clock import ANCILLARY_BYTES, CLOCK, Ancillary, Receipt, stamp
from harness.load.child.records.sent_bytes import add_sent

_MOST_SELECTED = 1024  # descriptors, select(2); geventhttpclient renews connections above it
# The one that does not switch greenlets; Windows has none.
POLL: Any = monkey.get_original("select", "poll") if hasattr(select, "poll") else None
_getcurrent, _monotonic = gevent.getcurrent, time.monotonic


class LastReceipt:
    """The receipt of the last bytes of the newest answer.

    No switch of greenlets lies between the receipt of the last bytes of an answer and the event of
    its request, so one place is enough. What an exchange leaves behind is removed when another one
    begins.

    Attributes:
        ancillary: The control messages of the last bytes, with the kernel's stamp.
        read: When they had been read, monotonic seconds.
        greenlet: Which greenlet read them.
        asked: The socket that has sent a request, until it reads.
    """

    __slots__ = ("_receipt", "ancillary", "asked", "greenlet", "read")

    def __init__(self) -> None:
        self._receipt: Receipt | None = None
        self.ancillary: Ancillary = ()
        self.read = 0.0
        self.greenlet: object = None
        self.asked: object = None

    def put(self, receipt: Receipt | None) -> None:
        """Keep a receipt of the running greenlet; None removes the one that is kept."""
        self._receipt, self.ancillary = receipt, ()
        self.greenlet = _getcurrent()

    def get(self) -> Receipt | None:
        """The receipt that the running greenlet has put here last; None without a stamp."""
        if self.greenlet is not _getcurrent():
            return None
        if self.ancillary:
            at = CLOCK.moment(self.ancillary)
            self.put(None if at is None else (at, self.read))
        return self._receipt


LAST = LastReceipt()


class StampedSocket(gevent.socket.socket):  # type: ignore[misc] # gevent has no types
    """A TCP socket whose `recv` keeps the kernel's stamp in `LAST`."""

    __slots__ = ()

    def sendall(self, data: Any, flags: int = 0) -> None:
        """As `socket.sendall`."""
        if type(data) is bytes and data:
            try:
                sent = self._sock.send(data, flags)
            except BlockingIOError:  # the kernel's buffer is full
                sent = 0
            add_sent(sent)
            if sent == len(data):
                LAST.asked = self
                return
            data = memoryview(data)[sent:]
        super().sendall(data, flags)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As `socket.recv`."""
        last = LAST
        last.put(None)
        if last.asked is self:
            last.asked = None
            self._wait_for_answer()
        try:  # as gevent's method does, which is slower
            data, ancillary, _, _ = self._sock.recvmsg(size, ANCILLARY_BYTES, flags)
        except BlockingIOError:
            data, ancillary, _, _ = self.recvmsg(size, ANCILLARY_BYTES, flags)
        if data:
            last.ancillary = ancillary
            last.read = _monotonic()
            last.greenlet = _getcurrent()
        return data  # type: ignore[no-any-return]

    def is_silent(self) -> bool:
        """Whether there is nothing to read; needs a quarter of the time of gevent's `select`."""
        poll = POLL()
        poll.register(self._sock.fileno(), select.POLLIN)
        return not poll.poll(0)

    def _wait_for_answer(self) -> None:
        """Wait until there is something to read; needs less time than gevent's `_wait`."""
        watcher, timeout = self._read_event, self.timeout
        if watcher is None or watcher.callback is not None or timeout == 0.0:
            return  # `recv` raises the error
        if timeout is None:
            self.hub.wait(watcher)
        else:
            shared_timeout(timeout).wait(watcher)


def install() -> None:
    """Let geventhttpclient make stamped sockets for plain HTTP; a second call has no effect."""
    pool: Any = ConnectionPool
    create, get = pool._create_tcp_socket, pool.get_socket  # noqa: SLF001 - made to be overridden
    if hasattr(create, "stamps"):
        return
    is_alive = pool._is_socket_alive  # noqa: SLF001 - there is no public access

    def create_stamped(self: Any, *family: Any) -> Any:
        made = create(self, *family)
        plain = type(made) is gevent.socket.socket and not isinstance(self, SSLConnectionPool)
        if plain and stamp(made):
            made.__class__ = StampedSocket
        return made

    def get_socket(self: Any) -> Any:
        LAST.put(None)  # of an earlier exchange, e.g. of an answer that redirects
        return get(self)

    def is_silent(self: Any, sock: Any) -> bool:
        if type(sock) is StampedSocket and 0 <= sock.fileno() < _MOST_SELECTED:
            return sock.is_silent()
        return bool(is_alive(self, sock))

    create_stamped.stamps = True  # type: ignore[attr-defined]
    pool._create_tcp_socket, pool.get_socket = create_stamped, get_socket  # noqa: SLF001
    pool._is_socket_alive = is_silent  # noqa: SLF001

"""Inside the generator: sockets that keep the kernel's times of what they receive.

A stamped socket reads by `recvmsg`, which returns the same bytes and the kernel's stamp. It makes
up for the time that this takes: it sends with one system call and without gevent's copies, and does
not try to read an answer that cannot have arrived.
"""

from __future__ import annotations

import select
import time
from typing import Any

import gevent
import gevent.socket
from gevent import monkey

from harness.load.child.fast.timeouts import waiting
from harness.load.child.receipts.clock import ANCILLARY_BYTES, CLOCK, Ancillary, Receipt
from harness.load.child.records.sent_bytes import add_sent

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

    def keep(self, ancillary: Ancillary) -> None:
        """Keep the control messages of bytes that the running greenlet has just read."""
        self.ancillary = ancillary
        self.read = _monotonic()
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
    """A TCP socket whose `recv` and `recv_into` keep the kernel's stamp in `LAST`."""

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
        self._before_reading()
        try:  # as gevent's method does, which is slower
            data, ancillary, _, _ = self._sock.recvmsg(size, ANCILLARY_BYTES, flags)
        except BlockingIOError:
            data, ancillary, _, _ = self.recvmsg(size, ANCILLARY_BYTES, flags)
        if data:
            LAST.keep(ancillary)
        return data  # type: ignore[no-any-return]

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        """As `socket.recv_into`; the kernel's stamp is kept if the whole buffer may be filled."""
        self._before_reading()
        if size:
            return int(super().recv_into(buffer, size, flags))
        try:
            count, ancillary, _, _ = self._sock.recvmsg_into((buffer,), ANCILLARY_BYTES, flags)
        except BlockingIOError:
            count, ancillary, _, _ = self.recvmsg_into((buffer,), ANCILLARY_BYTES, flags)
        if count:
            LAST.keep(ancillary)
        return int(count)

    def is_silent(self) -> bool:
        """Whether there is nothing to read; needs a quarter of the time of gevent's `select`."""
        poll = POLL()
        poll.register(self._sock.fileno(), select.POLLIN)
        return not poll.poll(0)

    def _before_reading(self) -> None:
        LAST.put(None)
        if LAST.asked is self:
            LAST.asked = None
            self._wait_for_answer()

    def _wait_for_answer(self) -> None:
        """Wait until there is something to read; needs less time than gevent's `_wait`."""
        watcher, timeout = self._read_event, self.timeout
        if watcher is None or watcher.callback is not None or timeout == 0.0:
            return  # `recv` raises the error
        if timeout is None:
            self.hub.wait(watcher)
        else:
            waiting(timeout, self.hub)(watcher)

"""Inside the generator: its end of the socket pair."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from os import _exit

from gevent import socket
from gevent.lock import RLock

from harness.load.child.orders import ControlChannel
from harness.load.protocol.frames import Decoder, Frame, encode


class HarnessChannel(ControlChannel):
    """Sends frames, and keeps the ones that the harness sends.

    Attributes:
        farewell: Called when the harness is gone, before this process ends.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        # gevent's socket: a full pipe makes one greenlet wait, not all of them.
        self._socket = socket.socket(fileno=descriptor)
        self._lock = RLock()
        self.farewell: Callable[[], None] = lambda: None

    def send(self, frame: Frame) -> None:
        """Send a frame. When nobody listens any more, `listen` ends this process."""
        with self._lock, suppress(OSError):
            self._socket.sendall(encode(frame))

    def listen(self) -> None:
        """Receive frames for as long as the harness lives, then end this process at once."""
        decoder = Decoder()
        with suppress(OSError):
            while data := self._socket.recv(65536):
                for frame in decoder.feed(data):
                    self.keep(frame)
        sys.stderr.write("the harness is gone: load stopped\n")
        sys.stderr.flush()
        self.farewell()
        _exit(1)  # no drain: nobody counts the answers, and the target should get no more load

"""Inside the generator: the channel to the harness, one end of a socket pair."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from os import _exit

from gevent import socket
from gevent.lock import RLock

from harness.load.child.control_channel import ControlChannel
from harness.load.protocol.frames import Decoder, Frame, ToGenerator, encode


class HarnessChannel(ControlChannel):
    """Exchanges frames with the harness.

    Attributes:
        on_harness_gone: Called when the harness has closed the connection, before this process
            ends.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        # A socket of gevent: a full pipe blocks one greenlet, not all of them.
        self._socket = socket.socket(fileno=descriptor)
        self._lock = RLock()
        self.on_harness_gone: Callable[[], None] = lambda: None

    def send(self, frame: Frame) -> None:
        """Send a frame. When the harness has closed the connection, `listen` ends this process."""
        with self._lock, suppress(OSError):
            self._socket.sendall(encode(frame))

    def listen(self) -> None:
        """Receive frames until the harness closes the connection, then end this process at once."""
        decoder: Decoder[ToGenerator] = Decoder()
        with suppress(OSError):
            while data := self._socket.recv(65536):
                for frame in decoder.feed(data):
                    self.handle(frame)
        sys.stderr.write("the harness is gone: load stopped\n")
        sys.stderr.flush()
        self.on_harness_gone()
        _exit(1)  # no drain: the responses are not counted, and the target should get no more load

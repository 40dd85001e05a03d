"""Inside the generator: its end of the socket pair."""

from __future__ import annotations

import sys
from contextlib import suppress
from os import _exit

from gevent import socket
from gevent.event import AsyncResult
from gevent.lock import RLock
from gevent.queue import Queue

from harness.load.frames import Decoder, Frame, Gathered, Setup, Share, Start, Stop, encode


class Link:
    """Sends frames, and keeps the ones that the harness sends.

    Attributes:
        setup: The frame, once it has come; so too `start` and `stop`.
        gathered: Set in a worker once the master has handed out all users.
        shares: In a worker, what the master says after another one was lost.
    """

    def __init__(self, descriptor: int) -> None:
        # gevent's socket: a full pipe makes one greenlet wait, not all of them.
        self._socket = socket.socket(fileno=descriptor)
        self._lock = RLock()
        self.setup: AsyncResult[Setup] = AsyncResult()
        self.start: AsyncResult[Start] = AsyncResult()
        self.stop: AsyncResult[Stop | str] = AsyncResult()
        self.gathered: AsyncResult[Gathered] = AsyncResult()
        self.shares: Queue[Share] = Queue()

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
                    self._keep(frame)
        sys.stderr.write("the harness is gone: load stopped\n")
        sys.stderr.flush()
        _exit(1)  # no drain: nobody counts the answers, and the target should get no more load

    def _keep(self, frame: Frame) -> None:
        if isinstance(frame, Setup):
            self.setup.set(frame)
        elif isinstance(frame, Start):
            self.start.set(frame)
        elif isinstance(frame, Stop):
            self.stop.set(frame)

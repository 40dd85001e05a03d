"""Inside the generator: what it has been told, wherever that came from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.queue import Queue

from harness.load.protocol.frames import Frame, Setup, Start, Stop
from harness.load.protocol.workers import Beat, Gathered, Ping, Share

STEP = 0.1  # s


class DismissedError(Exception):
    """The end was ordered before the load began; the message says why."""


class ControlChannel:
    """The frames that tell a generator what to do, each to be waited for.

    Attributes:
        stop: Set to the frame, or to the reason why the load ends without having been told to.
        gathered: Set in a worker once the master has handed out all users.
        shares: In a worker, what the master says after another one was lost.
    """

    def __init__(self) -> None:
        self.setup: AsyncResult[Setup] = AsyncResult()
        self.start: AsyncResult[Start] = AsyncResult()
        self.stop: AsyncResult[Stop | str] = AsyncResult()
        self.gathered: AsyncResult[Gathered] = AsyncResult()
        self.shares: Queue[Share] = Queue()
        self._quiet = 0.0

    def keep(self, frame: Frame) -> None:
        """Take a frame that has come."""
        if isinstance(frame, Beat | Ping):
            self._quiet = 0.0
        elif isinstance(frame, Setup):
            self.setup.set(frame)
        elif isinstance(frame, Start):
            self.start.set(frame)
        elif isinstance(frame, Stop):
            self.end(frame)
        elif isinstance(frame, Gathered):
            self.gathered.set(frame)
        elif isinstance(frame, Share):
            self.shares.put(frame)

    def end(self, why: Stop | str) -> None:
        """End the load, unless it already ends."""
        if not self.stop.ready():
            self.stop.set(why)

    def before_stop(self, order: Any) -> Any:
        """Wait for an order.

        Raises:
            DismissedError: The load is to end before it has come.
        """
        gevent.wait([order, self.stop], count=1)
        if self.stop.ready() and not order.ready():
            why = self.stop.get()
            raise DismissedError(why if isinstance(why, str) else "told to stop before the start")
        return order.get()

    def watch(self, patience: float, whose: str) -> None:
        """End the load when neither a beat nor a ping has come for `patience` seconds.

        Whoever hears nothing must stop by itself: nobody else would.
        """
        self.listen_until(patience, self.stop.ready)
        self.end(f"{whose} said nothing for {patience:.0f} s")

    def listen_until(self, patience: float, condition: Callable[[], object]) -> None:
        """Return when the condition holds, or nothing has come for `patience` seconds."""
        # Steps are counted, not time: when our own loop was late, nothing was read either.
        while not condition() and self._quiet <= patience:
            gevent.sleep(STEP)
            self._quiet += STEP

    def send(self, frame: Frame) -> None:
        """Tell the other side; does not raise because nobody listens any more."""
        raise NotImplementedError

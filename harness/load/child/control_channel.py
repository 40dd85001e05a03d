"""Inside the generator: the frames that control it, from the harness or from a master."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

import gevent
from gevent.event import AsyncResult
from gevent.queue import Queue

from harness.load.protocol.frames import (
    Frame,
    Refused,
    Setup,
    Start,
    Stop,
    ToGenerator,
    ToWorker,
    Welcome,
)
from harness.load.protocol.workers import Heartbeat, Ping, Share, UsersAssigned

STEP = 0.1  # s


class StoppedBeforeStartError(Exception):
    """The load was stopped before it began; the message is the reason."""


class ControlChannel:
    """The frames that control a generator, each in an attribute that can be waited for.

    Attributes:
        setup: The load to run.
        start: The start of the load.
        stop: The frame, or the reason why the load ends by itself.
        users_assigned: In a worker, set once the master has prepared the load.
        shares: In a worker, the shares of the schedule that follow the loss of another worker.
    """

    def __init__(self) -> None:
        self.setup: AsyncResult[Setup] = AsyncResult()
        self.start: AsyncResult[Start] = AsyncResult()
        self.stop: AsyncResult[Stop | str] = AsyncResult()
        self.users_assigned: AsyncResult[UsersAssigned] = AsyncResult()
        self.shares: Queue[Share] = Queue()
        self._silent_for = 0.0

    def handle(self, frame: ToGenerator | ToWorker) -> None:
        """Store a received frame in its attribute."""
        match frame:
            case Heartbeat() | Ping():
                self._silent_for = 0.0
            case Setup():
                self.setup.set(frame)
            case Start():
                self.start.set(frame)
            case Stop():
                self.end(frame)
            case UsersAssigned():
                self.users_assigned.set(frame)
            case Share():
                self.shares.put(frame)
            case Welcome() | Refused():
                pass  # of a worker: handled by its channel
            case _:
                assert_never(frame)

    def end(self, reason: Stop | str) -> None:
        """End the load, unless it already ends."""
        if not self.stop.ready():
            self.stop.set(reason)

    def wait_before_stop(self, event: Any) -> Any:
        """Wait for the value of `start`, `welcome` or `users_assigned`.

        Raises:
            StoppedBeforeStartError: The load ends before the value is set.
        """
        gevent.wait([event, self.stop], count=1)
        if self.stop.ready() and not event.ready():
            reason = self.stop.get()
            raise StoppedBeforeStartError(
                reason if isinstance(reason, str) else "stopped before the start"
            )
        return event.get()

    def watch(self, seconds: float, sender: str) -> None:
        """End the load when `sender` has sent no heartbeat or ping for some seconds.

        A generator without connection must end by itself: nothing else would end it.
        """
        self.listen_until(seconds, self.stop.ready)
        self.end(f"{sender} sent no message for {seconds:.0f} s")

    def listen_until(self, seconds: float, condition: Callable[[], object]) -> None:
        """Return when the condition holds, or when nothing has arrived for some seconds."""
        # Steps are counted, not time: a late loop of this process has read no frame either.
        while not condition() and self._silent_for <= seconds:
            gevent.sleep(STEP)
            self._silent_for += STEP

    def send(self, frame: Frame) -> None:
        """Send a frame; does not raise when the connection is closed."""
        raise NotImplementedError

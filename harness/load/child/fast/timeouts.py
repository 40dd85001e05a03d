"""Inside the generator: time-outs of many waits with one timer, since starting a timer is slow.

Waits of the same length expire in the order in which they began, so only the oldest is watched.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import gevent

_getcurrent, _monotonic = gevent.getcurrent, time.monotonic


class SharedTimeout:
    """Waits with a common time-out in seconds, for the greenlets of the main thread."""

    def __init__(self, seconds: float, hub: Any) -> None:
        """Use `waiting`, which keeps one instance for each length."""
        self._seconds = seconds
        self._hub = hub
        self._waiting: dict[Any, float] = {}  # greenlet -> end of its wait, the first one first
        self._timer: Any = None

    def wait(self, watcher: Any) -> None:
        """Wait for a watcher that no other greenlet waits for.

        It may return early: unlike gevent's `wait`, which needs more time, it does not check what
        has switched to the greenlet.

        Raises:
            TimeoutError: The time is over.
        """
        greenlet = _getcurrent()
        self._waiting[greenlet] = _monotonic() + self._seconds
        if self._timer is None:
            self._start(self._seconds)
        watcher.start(greenlet.switch)
        try:
            self._hub.switch()
        finally:
            watcher.stop()
            self._waiting.pop(greenlet, None)

    def _start(self, seconds: float) -> None:
        # The timer must not keep the process alive.
        self._timer = self._hub.loop.timer(seconds, ref=False)
        self._timer.start(self._look, update=True)

    def _look(self) -> None:
        while self._waiting:
            greenlet, end = next(iter(self._waiting.items()))
            left = end - time.monotonic()
            if left > 0:
                self._start(left)
                return
            del self._waiting[greenlet]
            greenlet.throw(TimeoutError("timed out"))  # the message of gevent
        self._timer = None


# One that is left out goes on for the waits that it has; a locustfile may set many time-outs.
_shared = lru_cache(maxsize=64)(SharedTimeout)


def waiting(seconds: float, hub: Any) -> Callable[[Any], None]:
    """What waits for a watcher of a thread's hub and raises TimeoutError after so many seconds.

    Another thread than the main one may end, and its event loop with it. A timer that outlived that
    would crash the process, so there each wait has a timer of its own.
    """
    return _shared(seconds, hub).wait if hub.main_hub else partial(_wait_alone, seconds, hub)


def _wait_alone(seconds: float, hub: Any, watcher: Any) -> None:
    with gevent.Timeout(seconds, TimeoutError("timed out")):
        hub.wait(watcher)

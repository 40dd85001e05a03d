"""Inside the generator: time-outs of many waits with one timer, since starting one takes its time.

Waits of the same length end in the order in which they began, so only the oldest has to be watched.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import gevent


class SharedTimeout:
    """Waits that may take so many seconds; for the greenlets of one thread."""

    def __init__(self, seconds: float) -> None:
        """See `patience`, of which there is one for each length."""
        self._seconds = seconds
        self._hub: Any = gevent.get_hub()
        self._waiting: dict[Any, float] = {}  # greenlet -> when it gives up, the first one first
        self._timer: Any = None

    def wait(self, watcher: Any) -> None:
        """Wait for a watcher that nobody else waits for.

        Raises:
            TimeoutError: It took too long.
        """
        greenlet = gevent.getcurrent()
        self._waiting[greenlet] = time.monotonic() + self._seconds
        if self._timer is None:
            self._start(self._seconds)
        try:
            self._hub.wait(watcher)
        finally:
            self._waiting.pop(greenlet, None)

    def _start(self, seconds: float) -> None:
        # It alone must not keep the process alive.
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
            greenlet.throw(TimeoutError("timed out"))  # gevent's own words
        self._timer = None


patience = cache(SharedTimeout)

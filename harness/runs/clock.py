"""The clock of a run: every file of a run folder has its times."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_ATTEMPTS: Final = 5
_SURE: Final = 0.01  # seconds that a reading of both clocks may take, at most


class RunClock:
    """The monotonic clock as seconds since the epoch, by one offset for the whole run.

    The wall clock may be set while the run goes on; these times are not affected.

    Args:
        monotonic: Seconds of a clock that is never set, `time.monotonic`.
        wall: Seconds since the epoch, `time.time`.

    Attributes:
        step: The largest distance of the wall clock from this one that `watch` has found, in
            seconds; above 0 where the wall clock is ahead.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.step = 0.0
        self._monotonic = monotonic
        self._wall = wall
        self._offset = self._distance() or wall() - monotonic()

    def now(self) -> float:
        """This moment, in seconds since the epoch."""
        return self.epoch(self._monotonic())

    def epoch(self, moment: float) -> float:
        """A moment of the monotonic clock as seconds since the epoch."""
        return moment + self._offset

    def watch(self) -> None:
        """Compare the wall clock with this one; to be called about once a second."""
        distance = self._distance()
        if distance is not None and abs(distance - self._offset) > abs(self.step):
            self.step = distance - self._offset

    def _distance(self) -> float | None:
        """The wall clock minus the monotonic one; None when the process was halted meanwhile."""
        for _ in range(_ATTEMPTS):
            before = self._monotonic()
            wall = self._wall()
            after = self._monotonic()
            if after - before <= _SURE:
                return wall - (before + after) / 2
        return None

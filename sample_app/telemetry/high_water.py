"""The highest level of the last N seconds, and the integral of the level over time.

A gauge that is sampled once a second shows about half of a short peak. This class keeps the peak of
each second, so every scraper with an interval below N seconds gets every peak. Scrapes change no
state, so there may be several scrapers.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic


class HighWater:
    """Follows a level, such as connections in use.

    Args:
        longest: The longest window that can be requested, whole seconds.
        clock: Monotonic seconds.
    """

    def __init__(self, longest: int = 60, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        # One more than the window: it begins inside a second, whose peak must count.
        self._peaks = [0] * (longest + 1)
        self._longest = longest
        self._level = 0
        self._changed = clock()
        self._second = int(self._changed)
        self._integral = 0.0

    def set(self, level: int) -> None:
        """The level is `level` from now on."""
        self._advance()
        self._level = level
        slot = self._second % len(self._peaks)
        self._peaks[slot] = max(self._peaks[slot], level)

    def peak(self, seconds: int) -> int:
        """The highest level of the last `seconds`; covers up to one second more.

        Raises:
            ValueError: When the window is longer than `longest`.
        """
        if not 0 <= seconds <= self._longest:
            message = f"window of {seconds} s: at most {self._longest} s are kept"
            raise ValueError(message)
        self._advance()
        size = len(self._peaks)
        return max(self._peaks[(self._second - back) % size] for back in range(seconds + 1))

    def integral(self) -> float:
        """Level times seconds since the start: its rate is the exact mean level."""
        self._advance()
        return self._integral

    def _advance(self) -> None:
        """Bring the integral and the seconds that have passed up to now."""
        now = self._clock()
        self._integral += self._level * (now - self._changed)
        self._changed = now
        size = len(self._peaks)
        second = int(now)
        for passed in range(max(self._second + 1, second - size + 1), second + 1):
            self._peaks[passed % size] = self._level
        self._second = second

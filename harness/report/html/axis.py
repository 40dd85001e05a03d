"""The time axis of all charts of a run: equal intervals of whole seconds."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from harness.runs.model import Evidence

# More intervals than pixels are not visible, and would make the page of a long run large.
MOST_INTERVALS = 720
_WIDTHS = (1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600)


@dataclass(frozen=True, slots=True)
class Axis:
    """Intervals of a run's time.

    Attributes:
        start: Start of the first interval, in seconds since the epoch.
        width: Length of each interval, in whole seconds.
        zero: Time 0 of the charts, as `Clock.zero`.
        window: The first interval of the window, and the one after its last; None without one.
    """

    start: float
    width: int
    count: int
    zero: float
    window: tuple[int, int] | None

    @property
    def edges(self) -> list[float]:
        """Starts of all intervals and the end of the last, in seconds since the epoch."""
        return [self.start + number * self.width for number in range(self.count + 1)]

    def number(self, at: float) -> int | None:
        """The interval of a time; None outside all intervals."""
        number = int((at - self.start) // self.width)
        return number if 0 <= number < self.count else None


def axis_of(evidence: Evidence) -> Axis | None:
    """The axis from the start of the load to the end of the window, or of the load.

    Returns:
        At most `MOST_INTERVALS` intervals; None if the load never began.
    """
    clock = evidence.manifest.clock
    if clock.started is None or clock.zero is None:
        return None
    zero = clock.zero
    end = clock.window_end or clock.drained or _last_reading(evidence)
    before, after = max(0.0, zero - clock.started), max(1.0, end - zero)
    least = (before + after) / (MOST_INTERVALS - 2)
    width = next((w for w in _WIDTHS if w >= least), ceil(least))
    # A clock has no more than microseconds, and 20.0000001 s are 20 intervals of a second.
    leading, following = (ceil(round(seconds, 3) / width) for seconds in (before, after))
    whole = clock.window_start is not None and clock.window_end is not None
    return Axis(
        start=zero - leading * width,
        width=width,
        count=leading + following,
        zero=zero,
        window=(leading, leading + following) if whole else None,
    )


def _last_reading(evidence: Evidence) -> float:
    return max((series.times[-1] for series in evidence.series if series.times), default=0.0)

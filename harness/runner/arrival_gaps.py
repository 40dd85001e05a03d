"""Whether the generators were late by much of the gap between arrivals, so that it was not kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from harness.names import SCHEDULER_LAG
from harness.runs.cells import Cell, middle_of
from harness.runs.model import Distribution
from harness.units import Unit, format_quantity

SHARE: Final = 0.5  # of the mean gap, which the p99 of the lag may reach
FEWEST: Final = 100  # arrivals that a p99 needs


class ArrivalGaps:
    """Collects how late the arrivals of the window were emitted, over all generators."""

    def __init__(self) -> None:
        self._lags: Counter[int] = Counter()  # by the lower edge of the bucket, in nanoseconds

    def add(self, cells: Iterable[Cell]) -> None:
        """Add the cells of a report."""
        for cell in cells:
            if cell.what == SCHEDULER_LAG and cell.second >= 0:
                self._lags.update(cell.counts)

    def notice(self, seconds: float) -> str:
        """A sentence when the p99 of the lag is over `SHARE` of the mean gap; else empty.

        Args:
            seconds: Length of the window.
        """
        buckets = sorted(self._lags)
        lags = Distribution(
            tuple(map(middle_of, buckets)), tuple(self._lags[bucket] for bucket in buckets)
        )
        lag = lags.quantile(0.99)
        if lag is None or lags.count < FEWEST:
            return ""
        gap = seconds / lags.count
        if lag <= SHARE * gap:
            return ""
        late, mean, share = (
            format_quantity(value, unit)
            for value, unit in ((lag, Unit.SECONDS), (gap, Unit.SECONDS), (SHARE, Unit.RATIO))
        )
        return (
            f"the gaps between arrivals were not kept: 1% of the arrivals were at least {late} late"
            f", and the limit is {share} of the mean gap of {mean}; use FastUser, lower the rate, "
            "or give the generator a core of its own"
        )

"""Whether the generators were late by much of the gap between arrivals, so that it was not kept.

Their own lateness ends when they emit an arrival. The start also waits for a user that is idle.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from harness.load.protocol.frames import Report
from harness.names import SCHEDULER_LAG, START_LAG
from harness.runs.cells import middle_of
from harness.runs.model import Distribution
from harness.units import Unit, format_quantity

SHARE: Final = 0.5  # of the mean gap, which the p99 of the lag may reach
FEWEST: Final = 100  # arrivals that a p99 needs
MOSTLY: Final = 2.0  # times the lag of the generators, from which on users are the larger part


class ArrivalGaps:
    """Collects how late the arrivals of the window were emitted and begun, over all generators."""

    def __init__(self) -> None:
        # By the lower edge of the bucket, in nanoseconds.
        self._lags: dict[str, Counter[int]] = {SCHEDULER_LAG: Counter(), START_LAG: Counter()}
        self._users_ran_out = False

    def add(self, report: Report) -> None:
        """Add the arrivals of a report."""
        of_window = [one for one in report.cells if one.what in self._lags and one.second >= 0]
        for cell in of_window:
            self._lags[cell.what].update(cell.counts)
        self._users_ran_out |= bool(of_window) and report.idle_users == 0

    def notice(self, seconds: float) -> str:
        """A sentence when the p99 of the lag is over `SHARE` of the mean gap; else empty.

        Args:
            seconds: Length of the window.
        """
        emitted = self._distribution(SCHEDULER_LAG)
        lag = emitted.quantile(0.99)
        if lag is None or emitted.count < FEWEST:
            return ""
        gap = seconds / emitted.count
        if lag <= SHARE * gap:
            return ""
        limit = (
            f"the limit is {format_quantity(SHARE, Unit.RATIO)} of the mean gap of {_time_of(gap)}"
        )
        start = self._distribution(START_LAG).quantile(0.99) or 0.0
        if self._users_ran_out and start > MOSTLY * lag:
            return (
                f"the gaps between arrivals were not kept: 1% of the arrivals began at least "
                f"{_time_of(start)} late, mostly because all users waited for the service. The "
                f"generator itself was at least {_time_of(lag)} late for 1%, and {limit}. Lower "
                "the rate, or raise max_users if the service can answer more requests at once"
            )
        return (
            "the gaps between arrivals were not kept: the generator was at least "
            f"{_time_of(lag)} late for 1% of the arrivals, and {limit}. Lower the rate, give the "
            "generator a core of its own, or use FastUser if the locustfile does not"
        )

    def _distribution(self, what: str) -> Distribution:
        lags = self._lags[what]
        buckets = sorted(lags)
        return Distribution(
            tuple(map(middle_of, buckets)), tuple(lags[bucket] for bucket in buckets)
        )


def _time_of(seconds: float) -> str:
    return format_quantity(seconds, Unit.SECONDS)

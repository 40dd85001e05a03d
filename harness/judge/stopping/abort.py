"""Which budget is certainly breached while the load still runs.

A budget with `abort: true` limits a share: of requests that failed, or that took longer than its
bound (a p95 allows 5% of them) and what an unlucky start may add to it (see `start_noise`). Its
breach is certain when one of two conditions holds:

- the lower confidence bound of the share is above the allowed share (see `proportion`), looked at
  once a second, in batches of a tenth of the elapsed window. During the first 15 seconds, in which
  noise that lasts for seconds has not shown itself yet, it must be above 15 s / elapsed of it;
- so many requests were over already that the share of the whole window will be more than three
  times what is allowed, whatever happens in the rest of it, as long as no second brings more
  requests than the busiest one before. This detects an outage in the middle of a run,
  after which the batches differ too much for the first rule.

Fixed by simulation (tests/unit/judge/stopping/test_abort.py), with 100 requests a second for 60 s,
whose latencies are correlated over 1 s and have bursts, and a p95 budget looked at from 5 s on. A
service exactly at its limit is aborted in 0.1% of the runs (1% when its noise is correlated over 3
s). Three times the allowed share is aborted after 12 s in the median and 15 s in nine of ten runs,
six times after 8 and 10 s, twelve times after 6 and 7 s; twice the allowed share in 98% of the
runs, after 15 s in the median. A total outage from the start is certain after 5 s; one after 30 s
of 60, for a budget of 1% failures, within 2 s more. Failures that come in half seconds of which
half fail, 1% in all and allowed, abort 0.4% of the runs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

from harness.budgets.model import Budget, ErrorRatio, Latency
from harness.judge.intervals.proportion import share_bounds
from harness.judge.intervals.start_noise import FAILS, NOISE, inflate
from harness.judge.measure.requests import selects
from harness.names import ERROR
from harness.runs.cells import Cell
from harness.runs.model import LatencyKey

_ALPHA = 1e-4  # of one look, for less than 1% over the looks of a minute
_FEWEST_SECONDS = 5  # fewer batches than this do not show how they vary
_BATCHES = 10  # from ten seconds on; more would be too short to vary on their own
_EARLY = 15.0  # seconds in which more than the allowed share must be exceeded
_HOPELESS = 3.0  # times the allowed share, so that no cluster of failures reaches it by chance


class AbortWatch:
    """Counts what the load generator reports, for the budgets that may abort the load.

    Budgets without `abort`, and those with a waiver, whose breach is accepted, are left out.

    Attributes:
        budgets: The watched ones.
    """

    def __init__(
        self,
        budgets: Iterable[Budget],
        seconds: float,
        noise: Mapping[str, float] | None = None,
        longest: float | None = None,
    ) -> None:
        """Watch a window that is planned to last `seconds`.

        Args:
            budgets: Of the scenario.
            seconds: Of the window.
            noise: From start to start, by the budget's name, as in the manifest.
            longest: Seconds of a window that goes on after `seconds`; None when it never does.
        """
        known = noise or {}
        self._watches = [
            _Watch(b, (seconds, longest or seconds), known.get(b.name, NOISE))
            for b in budgets
            if b.abort and b.waiver is None
        ]
        self.budgets = tuple(watch.budget for watch in self._watches)
        self._breached: Budget | None = None

    def states(self) -> tuple[tuple[str, str], ...]:
        """The watched budgets by name, with their outcome; it is empty before there is one."""
        return tuple((b.name, "fail" if b is self._breached else "") for b in self.budgets)

    def add(self, cells: Iterable[Cell]) -> None:
        """Count the cells of a report, except those of the warm-up."""
        if self._watches:
            for cell in cells:
                for watch in self._watches:
                    watch.add(cell)

    def breach(self, elapsed_of_window: float, in_flight: int = 0) -> Budget | None:
        """The first budget that is certainly breached; to be called about once a second.

        Args:
            elapsed_of_window: Seconds since the window's start; unfinished ones do not count.
            in_flight: Requests whose outcome is not known yet. They count as if each kept every
                budget: fast failures among slow answers must not look like a share of 100%, and
                so a service that answers nothing at all is not aborted before its time-outs.
        """
        for watch in self._watches:
            if watch.certain(int(elapsed_of_window), in_flight):
                self._breached = watch.budget
                return watch.budget
        return None


class _Watch:
    """Requests over the limit of one budget and all of them, for each second of the window."""

    def __init__(self, budget: Budget, ends: tuple[float, float], noise: float) -> None:
        self.budget = budget
        self._planned, self._longest = ends
        # In nanoseconds; a service that is at its limit may have started unluckily.
        self._limit = budget.bound * inflate(noise, FAILS) * 1e9
        self._over: defaultdict[int, int] = defaultdict(int)
        self._totals: defaultdict[int, int] = defaultdict(int)

    def add(self, cell: Cell) -> None:
        if cell.second < 0:
            return
        indicator = self.budget.indicator
        if not isinstance(indicator, Latency | ErrorRatio) or not selects(
            indicator, LatencyKey.of(cell)
        ):
            return
        count = sum(cell.counts.values())
        self._totals[cell.second] += count
        if isinstance(indicator, ErrorRatio):
            self._over[cell.second] += count * (cell.outcome == ERROR)
        else:
            # A bucket that only begins at the limit may hold times of it.
            over = sum(n for low, n in cell.counts.items() if low > self._limit)
            self._over[cell.second] += over

    def certain(self, elapsed: int, in_flight: int) -> bool:
        """Whether the breach is certain after so many whole seconds."""
        if elapsed < max(1, self.budget.abort_after):
            return False
        over = [self._over[second] for second in range(elapsed)]
        totals = [self._totals[second] for second in range(elapsed)]
        totals[-1] += in_flight
        if sum(totals) - in_flight < self.budget.min_samples:
            return False
        allowed = _allowed(self.budget)
        end = self._planned if elapsed <= self._planned else self._longest
        to_come = max(totals) * max(0.0, end - elapsed)
        if sum(over) > _HOPELESS * allowed * (sum(totals) + to_come):
            return True
        if elapsed < _FEWEST_SECONDS or sum(over) <= allowed * sum(totals):
            return False
        size = max(1, elapsed // _BATCHES)
        lower, _ = share_bounds(_batches(over, size), _batches(totals, size), _ALPHA, _ALPHA)
        return lower > allowed * max(1.0, _EARLY / elapsed)


def _allowed(budget: Budget) -> float:
    """The share of requests that may be over the limit."""
    indicator = budget.indicator
    if isinstance(indicator, Latency) and indicator.quantile is not None:
        return 1 - indicator.quantile
    return budget.bound if isinstance(indicator, ErrorRatio) else math.inf


def _batches(counts: list[int], size: int) -> list[int]:
    return [sum(counts[begin : begin + size]) for begin in range(0, len(counts), size)]

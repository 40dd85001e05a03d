"""The values of the live progress line, computed from the reports of the generators."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import assert_never

from harness import names
from harness.budgets.model import Scenario
from harness.budgets.workload import ClosedWorkload, OpenWorkload, ShapeWorkload
from harness.load.arrivals import rate_at
from harness.load.protocol.frames import Report
from harness.runs.cells import middle_of
from harness.runs.model import Distribution, Progress

RECENT_REPORTS = 5  # the p95 of the live line is over as many seconds
LOOK = 2.0  # s after the planned end until it is known whether the run goes on
STALE = 3.0  # s after which the last report of a source is no longer current


class Meter:
    """Keeps the state that a progress line needs from one report to the next."""

    def __init__(self, scenario: Scenario) -> None:
        self._loads = scenario.loads
        self._sources_of_load = scenario.workers or 1
        self._warm_up = scenario.warm_up
        self._planned = scenario.warm_up + scenario.expected
        self._longest = scenario.seconds
        self._recent: deque[dict[int, int]] = deque([{}], maxlen=RECENT_REPORTS)
        self._sources: dict[str, _Source] = {}
        self._reported: set[str] = set()  # sources, since the previous line
        self._errors = 0

    def progress(self, report: Report, elapsed: float) -> Progress | None:
        """The progress of the run, `elapsed` seconds after the start of the load.

        Returns:
            None until all sources have reported in this second.
        """
        self._take_cells(report)
        first = _Source(self._before_load(report), elapsed - 1.0)
        before = self._sources.get(report.source, first)
        rate = (report.recorded - before.recorded) / max(elapsed - before.at, 1e-9)
        source = _Source(report.recorded, elapsed, max(rate, 0.0), report.in_flight)
        again = report.source in self._reported
        self._sources[report.source] = source
        self._reported.add(report.source)
        if not again and len(self._reported) < self._expected(elapsed):
            return None
        # A source that reports twice does not wait for a silent one.
        self._reported = {report.source} if again else set()
        progress = self._progress(elapsed)
        self._recent.append({})
        return progress

    def _before_load(self, report: Report) -> int:
        """Requests that users sent as they started."""
        return sum(
            sum(cell.counts.values())
            for cell in report.cells
            if cell.what == names.LATENCY and cell.second < -self._warm_up
        )

    def _expected(self, elapsed: float) -> int:
        """Number of sources that report by now: those whose load began a second ago."""
        begun = sum(load.start <= elapsed - 0.9 for load in self._loads)
        return begun * self._sources_of_load

    def _progress(self, elapsed: float) -> Progress:
        active = [one for one in self._sources.values() if elapsed - one.at < STALE]
        total = self._planned if elapsed < self._planned + LOOK else self._longest
        return Progress(
            phase=self._phase(elapsed),
            elapsed=min(max(elapsed, 0.0), total),
            total=total,
            asked_rate=self._asked_rate(elapsed),
            rate=sum(source.rate for source in active),
            p95=self._p95(),
            errors=self._errors,
            in_flight=sum(source.in_flight for source in active),
        )

    def _take_cells(self, report: Report) -> None:
        counts = self._recent[-1]
        for cell in report.cells:
            if cell.what == names.LATENCY:
                if cell.outcome == names.ERROR:
                    self._errors += sum(cell.counts.values())
                for bucket, count in cell.counts.items():
                    counts[bucket] = counts.get(bucket, 0) + count

    def _phase(self, elapsed: float) -> str:
        if elapsed < self._warm_up:
            return "warm-up"
        return "measuring" if elapsed < self._longest else "draining"

    def _asked_rate(self, elapsed: float) -> float | None:
        """The scheduled rate of all loads together; None when one of them has no schedule."""
        rate = 0.0
        for load in self._loads:
            match load.workload:
                case OpenWorkload():
                    rate += rate_at(load.workload, elapsed - load.start)
                case ClosedWorkload() | ShapeWorkload():
                    return None
                case _:
                    assert_never(load.workload)
        return rate if elapsed < self._longest else None

    def _p95(self) -> float | None:
        counts: dict[int, int] = {}
        for part in self._recent:
            for bucket, count in part.items():
                counts[bucket] = counts.get(bucket, 0) + count
        buckets = sorted(counts)
        distribution = Distribution(
            tuple(map(middle_of, buckets)), tuple(counts[bucket] for bucket in buckets)
        )
        return distribution.quantile(0.95)


@dataclass(frozen=True, slots=True)
class _Source:
    """The last report of a source: requests recorded, its time, their rate, those in flight."""

    recorded: int = 0
    at: float = 0.0
    rate: float = 0.0
    in_flight: int = 0

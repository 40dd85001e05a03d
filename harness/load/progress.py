"""From the generator's reports to what the live line shows."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from harness import names
from harness.budgets.model import OpenWorkload, Scenario
from harness.load.arrivals import rate_at
from harness.load.frames import Report
from harness.runs.cells import middle_of
from harness.runs.model import Distribution, Progress

RECENT_REPORTS = 5  # the p95 of the live line is over as many seconds


class Meter:
    """Keeps the little that a progress line needs from one report to the next."""

    def __init__(self, scenario: Scenario) -> None:
        self._workload = scenario.loads[0].workload
        self._warm_up = scenario.warm_up
        self._total = scenario.warm_up + scenario.duration
        self._recent: deque[Mapping[int, int]] = deque(maxlen=RECENT_REPORTS)
        self._recorded = 0
        self._at = 0.0
        self._errors = 0

    def progress(self, report: Report, elapsed: float) -> Progress:
        """Where the run is, `elapsed` seconds after the start of the load."""
        latencies = [cell for cell in report.cells if cell.what == names.LATENCY]
        self._errors += sum(
            sum(cell.counts.values()) for cell in latencies if cell.outcome == names.ERROR
        )
        counts: dict[int, int] = {}
        for cell in latencies:
            for bucket, count in cell.counts.items():
                counts[bucket] = counts.get(bucket, 0) + count
        self._recent.append(counts)
        rate = (report.recorded - self._recorded) / max(elapsed - self._at, 1e-9)
        self._recorded, self._at = report.recorded, elapsed
        return Progress(
            phase=self._phase(elapsed),
            elapsed=min(max(elapsed, 0.0), self._total),
            total=self._total,
            asked_rate=self._asked_rate(elapsed),
            rate=max(rate, 0.0),
            p95=self._p95(),
            errors=self._errors,
            in_flight=report.in_flight,
        )

    def _phase(self, elapsed: float) -> str:
        if elapsed < self._warm_up:
            return "warm-up"
        return "measuring" if elapsed < self._total else "draining"

    def _asked_rate(self, elapsed: float) -> float | None:
        if isinstance(self._workload, OpenWorkload) and elapsed < self._total:
            return rate_at(self._workload, elapsed)
        return None

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

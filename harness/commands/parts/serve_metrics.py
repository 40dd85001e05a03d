"""`--serve-metrics`: a run as metrics that Prometheus scrapes while the command lasts."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from harness import names
from harness.budgets.model import Plan, Scenario
from harness.commands.parts.outputs import print_line
from harness.judge.model import Judgement
from harness.report.run.openmetrics import (
    latency_bounds,
    limit_samples,
    outcome_samples,
    run_samples,
)
from harness.runs.cells import Cell
from harness.runs.histograms import HistogramSet
from harness.runs.model import LatencyKey, Manifest
from harness.runs.openmetrics import Sample, reading


class LiveMetrics:
    """The samples of a run at any moment; its methods may be called from several threads.

    The limits of the budgets are exposed from the start, their values and outcomes only after the
    run is judged, because a part of the window has no verdict.

    Args:
        plan: The whole of budgets.yaml.
        scenario: The scenario that is run.
    """

    def __init__(self, plan: Plan, scenario: Scenario) -> None:
        budgets = plan.budgets_of(scenario.name)
        self._labels = {names.RUN_SERVICE: plan.service, names.RUN_SCENARIO: scenario.name}
        self._tally = HistogramSet(latency_bounds(budgets))
        self._limits = tuple(limit_samples(budgets))
        self._about: tuple[Sample, ...] = ()
        self._outcomes: tuple[Sample, ...] = ()
        self._readings: dict[str, Mapping[str, float]] = {}
        self._lock = threading.Lock()

    def set_manifest(self, run: str, manifest: Manifest) -> None:
        """Update the facts of the run.

        Args:
            run: The name of its folder.
            manifest: As far as it is known.
        """
        self._about = tuple(run_samples(run, manifest))

    def add_recorded(
        self, cells: Iterable[Cell], readings: Mapping[str, float], source: str
    ) -> None:
        """Add a report of a generator: the latencies since its last report, and its readings.

        Args:
            cells: Latencies. With several generators, the cells of a generator's own lags carry
                its name.
            readings: Values by metric name.
            source: The name of the generator; empty if there is only one.
        """
        with self._lock:
            for cell in cells:
                key = LatencyKey.of(cell)
                self._tally.add(key, cell.counts)
            self._readings[source] = readings

    def judged(self, judgement: Judgement) -> None:
        """Add the verdicts."""
        self._outcomes = tuple(outcome_samples(judgement.outcome, judgement.verdicts))

    def samples(self) -> list[Sample]:
        """All samples of this moment."""
        with self._lock:
            found = list(self._tally.samples())
            for source, readings in self._readings.items():
                own = {names.SOURCE: source} if source else None
                found += (reading(name, value, own) for name, value in readings.items())
        found += (*self._about, *self._limits, *self._outcomes)
        return [one._replace(labels={**one.labels, **self._labels}) for one in found]


@contextmanager
def served(
    plan: Plan, scenario: Scenario, options: argparse.Namespace
) -> Iterator[LiveMetrics | None]:
    """Serve a run to Prometheus with `--serve-metrics`, until the verdict was scraped, too.

    Raises:
        UsageError: The port is taken.
    """
    if options.serve_metrics is None:
        yield None
        return
    from harness.observe.endpoint import metrics_server  # prometheus_client takes 0.1 s

    metrics = LiveMetrics(plan, scenario)
    host, port = options.serve_metrics

    def print_wait(seconds: float) -> None:
        if not options.quiet:
            print_line(f"waiting up to {seconds:.0f} s for a scrape of the verdict (Ctrl-C skips)")

    with metrics_server(host, port, metrics.samples) as server:
        yield metrics
        with suppress(KeyboardInterrupt):
            server.wait(print_wait)

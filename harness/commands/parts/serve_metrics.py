"""`--serve-metrics`: the run as Prometheus may scrape it, for as long as the command lasts."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from harness import names
from harness.budgets.model import Plan, Scenario
from harness.commands.parts.outputs import tell
from harness.judge.model import Judgement
from harness.observe.endpoint import endpoint
from harness.report.run.openmetrics import (
    latency_bounds,
    limit_samples,
    outcome_samples,
    run_samples,
)
from harness.runs.cells import Cell
from harness.runs.histograms import HistogramSet
from harness.runs.model import Manifest
from harness.runs.openmetrics import Sample, reading


class LiveMetrics:
    """The samples of a run at any moment; its methods may be called from several threads.

    The limits of the budgets are there from the start; their values and outcomes only once the run
    is judged, because a verdict on a part of the window is none.

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

    def know(self, run: str, manifest: Manifest) -> None:
        """Take the name of the run's folder, and what is known of the run by now."""
        self._about = tuple(run_samples(run, manifest))

    def hear(self, cells: Iterable[Cell], readings: Mapping[str, float], source: str) -> None:
        """Take what a generator reported: what it recorded since its last report, and its account.

        Args:
            cells: Those of the generator's own lags have its name where there are several.
            readings: By metric name.
            source: Which of several generators it is; empty when there is one.
        """
        with self._lock:
            for cell in cells:
                key = cell.key
                self._tally.add(key, cell.counts)
            self._readings[source] = readings

    def judged(self, judgement: Judgement) -> None:
        """Take the verdicts."""
        self._outcomes = tuple(outcome_samples(judgement.outcome, judgement.verdicts))

    def samples(self) -> list[Sample]:
        """All that is known now."""
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
    """Serve a run to Prometheus, if asked for, until the verdict was scraped as well.

    Raises:
        UsageError: The port is taken.
    """
    if options.serve_metrics is None:
        yield None
        return
    exposed = LiveMetrics(plan, scenario)
    host, port = options.serve_metrics

    def tell_wait(seconds: float) -> None:
        if not options.quiet:
            line = f"waiting up to {seconds:.0f} s until the verdict is scraped (Ctrl-C ends that)"
            tell(line)

    with endpoint(host, port, exposed.samples) as shown:
        yield exposed
        with suppress(KeyboardInterrupt):
            shown.wait(tell_wait)

"""What is done with each report of a generator: it is stored, watched, observed and shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness import names
from harness.budgets.model import Scenario
from harness.judge.stopping.abort import AbortWatch
from harness.load.generator import OnReport
from harness.load.progress import Meter
from harness.load.protocol.frames import Report, readings
from harness.load.recorded import slow_requests, with_source
from harness.runner.arrival_gaps import ArrivalGaps
from harness.runner.elsewhere import RequestsElsewhere
from harness.runner.manifest import RunState
from harness.runner.mask import Mask
from harness.runner.options import RunObserver, RunOptions
from harness.runner.redact import redacted
from harness.runs.clock import RunClock
from harness.runs.folder import RunFolder
from harness.runs.latency import LatencyLog
from harness.runs.log import cannot_write
from harness.runs.metrics import MetricsLog
from harness.runs.records.failures import FailureLog
from harness.runs.records.slowest import SlowestLog


@dataclass(frozen=True, slots=True)
class RunLogs:
    """The logs of a run, open while it goes on.

    Attributes:
        clock: Of the run.
        mask: Hides values of environment variables in the texts of failures.
        write_error: Done, with the reason, once a report could not be written.
        gaps: Of the arrivals so far.
        elsewhere: The requests so far that did not go to the target.
    """

    latency: LatencyLog
    metrics: MetricsLog
    slowest: SlowestLog
    failures: FailureLog
    clock: RunClock
    mask: Mask
    write_error: asyncio.Future[str]
    gaps: ArrivalGaps = field(default_factory=ArrivalGaps)
    elsewhere: RequestsElsewhere = field(default_factory=RequestsElsewhere)

    def begin(self, window_start: float) -> None:
        """Set the zero of the seconds of reports, in epoch seconds; before any `write`."""
        self.latency.begin(window_start)
        self.failures.begin(window_start)

    def write(self, report: Report) -> None:
        """Write the cells, the readings, the slowest and the failed requests of a report."""
        labels = {names.SOURCE: report.source} if report.source else None
        self.clock.watch()
        self.gaps.add(report)
        self.elsewhere.add(report)
        try:
            self.latency.write(with_source(report))
            self.metrics.add_readings(readings(report), self.clock.epoch(report.at), labels)
            self.slowest.write(slow_requests(report, self.clock.epoch))
            self.failures.write(
                redacted(one.at_times(self.clock.epoch), self.mask) for one in report.failures
            )
        except OSError as error:
            if not self.write_error.done():
                self.write_error.set_result(cannot_write(error))


@contextmanager
def open_logs(folder: RunFolder, clock: RunClock, mask: Mask = str) -> Iterator[RunLogs]:
    """The logs of a run folder, open for the length of the context.

    Args:
        folder: The run folder.
        clock: Of the run.
        mask: Hides values of environment variables.

    Raises:
        OSError: A file cannot be written.
    """
    with (
        LatencyLog(folder.file(names.LATENCY_FILE)) as latency,
        MetricsLog(folder.file(names.METRICS_FILE)) as metrics,
        SlowestLog(folder.file(names.SLOWEST_FILE)) as slowest,
        FailureLog(folder.file(names.FAILURES_FILE)) as failures,
    ):
        write_error: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        yield RunLogs(latency, metrics, slowest, failures, clock, mask, write_error)


def listener(scenario: Scenario, state: RunState, logs: RunLogs, options: RunOptions) -> OnReport:
    """A function that passes each report to the logs and to everything that follows the run."""
    listeners: list[OnReport] = [logs.write]
    if options.watch:
        listeners.append(_to_watch(options.watch))
    if options.observer:
        listeners.append(_to_observer(options.observer))
    listeners.append(_to_progress(scenario, state, options))

    def on_report(report: Report) -> None:
        for each in listeners:
            each(report)

    return on_report


def _to_watch(watch: AbortWatch) -> OnReport:
    return lambda report: watch.add(report.cells)


def _to_observer(observer: RunObserver) -> OnReport:
    return lambda report: observer.add_recorded(
        with_source(report), readings(report), report.source
    )


def _to_progress(scenario: Scenario, state: RunState, options: RunOptions) -> OnReport:
    """Show the progress of the run, with the budgets that are decided."""
    meter = Meter(scenario)
    deciding = options.decision or options.watch

    def show(report: Report) -> None:
        at = state.clock.epoch(report.at)
        started = state.manifest.clock.started or at
        if progress := meter.progress(report, at - started):
            budgets = deciding.states() if deciding else ()
            options.show(progress._replace(budgets=budgets))

    return show

"""Where each report of a generator goes."""

import time
from dataclasses import replace
from pathlib import Path

from harness import names
from harness.budgets.model import Budget, ErrorRatio
from harness.judge.stopping.abort import AbortWatch
from harness.load.protocol.frames import Report, Slow
from harness.runner.listeners import RunLogs, listener, open_logs
from harness.runner.manifest import RunState, new_manifest
from harness.runner.mask import Mask
from harness.runner.options import RunOptions
from harness.runs.cells import Cell
from harness.runs.folder import RunFolder
from harness.runs.metrics import read_metrics
from harness.runs.model import LatencyKey, Progress, SlowRequest
from harness.runs.records.failed import FailedReply, Failures
from harness.runs.records.failures import read_failures
from harness.runs.records.slowest import SlowestLog, read_slowest
from harness.units import Unit
from tests.recorded import read_counts
from tests.unit.runner.fakes import SCENARIO, FakeObserver, plan

ERRORS = Budget("errors", ErrorRatio(), Unit.RATIO, 0.01, "max", abort=True)
CELLS = (
    Cell(names.LATENCY, names.ERROR, "GET", "/", 0, {1000: 300}),
    Cell(names.SCHEDULER_LAG, "", "", "", 0, {1000: 1}),
)


def report(at: float, source: str = "") -> Report:
    """300 requests, all of them failed."""
    counts = {"asked": 300, "sent": 300, "dropped": 0, "started": 300, "recorded": 300}
    load = {"in_flight": 4, "lost": 0, "oldest": 0.0, "users": 9, "idle_users": 1, "backlog": 0}
    slow = Slow(at - 0.5, "GET", "/", names.OK, 0.25, 0.2)
    return Report(at, CELLS, **counts, **load, cpu=0.1, memory=1000, slowest=(slow,), source=source)  # type: ignore[arg-type]


class FullLog(SlowestLog):
    """A log on a full disk."""

    def write(self, requests: object) -> None:
        raise OSError(28, "No space left on device", "slowest.jsonl")


async def test_report_is_stored_watched_observed_and_shown(tmp_path: Path) -> None:
    folder, observer, shown = RunFolder(tmp_path), FakeObserver(), list[Progress]()
    watch = AbortWatch([ERRORS], SCENARIO.duration)
    state = RunState(folder, new_manifest(plan(), SCENARIO))
    now = time.monotonic()
    started = state.clock.epoch(now - SCENARIO.warm_up - 1.0)
    options = RunOptions(watch=watch, observer=observer, show=shown.append)
    with open_logs(folder, state.clock) as logs:
        logs.latency.begin(state.begin(started, SCENARIO))
        listener(SCENARIO, state, logs, options)(report(now))
    assert read_counts(folder.file(names.LATENCY_FILE)) == {
        LatencyKey(names.LATENCY, names.ERROR, "GET", "/"): 300,
        LatencyKey(names.SCHEDULER_LAG): 1,
    }
    (asked,) = read_metrics(folder.file(names.METRICS_FILE), {names.GENERATOR_ASKED})
    assert (asked.values, dict(asked.labels)) == ((300.0,), {})
    assert abs(asked.times[0] - state.clock.epoch(now)) < 0.1
    (slow,) = read_slowest(folder.file(names.SLOWEST_FILE), started, started + 100)
    at = slow.at
    assert slow == SlowRequest(at, "GET /", names.OK, 0.25, 0.2)
    assert abs(at - state.clock.epoch(now - 0.5)) < 0.1
    assert watch.breach(SCENARIO.duration) is ERRORS
    ((cells, readings, source),) = observer.reports
    assert (cells, readings[names.GENERATOR_IN_FLIGHT], source) == (CELLS, 4.0, "")
    (progress,) = shown
    assert (progress.phase, progress.errors, progress.in_flight) == ("measuring", 300, 4)
    assert progress.budgets == (("errors", ""),)


async def test_failures_are_stored_in_the_time_of_the_run_and_without_secrets(
    tmp_path: Path,
) -> None:
    folder = RunFolder(tmp_path)
    state = RunState(folder, new_manifest(plan(), SCENARIO))
    now = time.monotonic()
    reply = FailedReply(now - 0.5, 200, "text/plain", 9, "token=hunter2 and top secret")
    failures = Failures(
        *("GET", "/", "check", 200, "no top secret", "g", {0: 300}, now - 0.5, now - 0.25),
        *(True, "", (reply,)),
    )
    mask: Mask = lambda text: text.replace("top secret", "${S}")  # noqa: E731
    with open_logs(folder, state.clock, mask) as logs:
        start = state.begin(state.clock.epoch(now - SCENARIO.warm_up - 1.0), SCENARIO)
        logs.begin(start)
        logs.write(replace(report(now), failures=(failures,)))
    (kind,) = read_failures(folder.file(names.FAILURES_FILE), start, start + 10).kinds
    assert (kind.text, kind.count, kind.varies) == ("no ${S}", 300, True)
    assert kind.replies[0].body == "token=*** and ${S}"
    assert abs(kind.first - state.clock.epoch(now - 0.5)) < 0.1
    assert abs(kind.last - state.clock.epoch(now - 0.25)) < 0.1


async def test_report_of_one_of_several_generators_keeps_its_source(tmp_path: Path) -> None:
    folder, observer = RunFolder(tmp_path), FakeObserver()
    state = RunState(folder, new_manifest(plan(), SCENARIO))
    with open_logs(folder, state.clock) as logs:
        listener(SCENARIO, state, logs, RunOptions(observer=observer))(
            report(time.monotonic(), "worker-2")
        )
    (asked,) = read_metrics(folder.file(names.METRICS_FILE), {names.GENERATOR_ASKED})
    assert dict(asked.labels) == {names.SOURCE: "worker-2"}
    ((cells, _, source),) = observer.reports
    assert [cell.name for cell in cells] == ["/", "worker-2"]
    assert source == "worker-2"


async def test_report_that_cannot_be_written_is_noted_once_and_still_shown(tmp_path: Path) -> None:
    shown: list[Progress] = []
    folder = RunFolder(tmp_path)
    state = RunState(folder, new_manifest(plan(), SCENARIO))
    with open_logs(folder, state.clock) as logs, FullLog(tmp_path / "x") as full:
        broken: RunLogs = replace(logs, slowest=full)
        on_report = listener(SCENARIO, state, broken, RunOptions(show=shown.append))
        on_report(report(time.monotonic()))
        on_report(report(time.monotonic() + 1.0))
    assert broken.write_error.result() == "cannot write slowest.jsonl: No space left on device"
    assert len(shown) == 2

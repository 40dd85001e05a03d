"""How a load ends: the status, the reason and the window that the manifest has then."""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.budgets.model import Budget, ErrorRatio, Scenario, Target
from harness.errors import GeneratorError, RunFolderError
from harness.judge.stopping.abort import AbortWatch
from harness.judge.stopping.decided import DecisionWatch
from harness.names import ERROR, LATENCY
from harness.observe.target import Service
from harness.runner.listeners import RunLogs, open_logs
from harness.runner.manifest import RunState, new_manifest
from harness.runner.options import RunOptions
from harness.runner.phases.context import RunContext
from harness.runner.phases.load import LoadPhase
from harness.runs.cells import Cell
from harness.runs.folder import RunFolder, read_manifest
from harness.runs.model import Clock, Evidence, Manifest
from harness.units import Unit
from tests.unit.runner.fakes import ACCOUNT, SCENARIO, FakeFleet, FakeScraper, FakeStart, plan

LENGTH = SCENARIO.warm_up + SCENARIO.duration
ERRORS = Budget("errors", ErrorRatio(), Unit.RATIO, 0.01, "max", abort=True)


@dataclass
class Parts:
    """A load that has begun `ago` seconds before."""

    fleet: FakeFleet
    scraper: FakeScraper
    service: Service
    start: FakeStart
    logs: RunLogs
    calls: list[str]


Change = Callable[[Parts], object]


async def end_of(
    folder: Path,
    change: Change,
    ago: float = 6.0,
    options: RunOptions | None = None,
    scenario: Scenario = SCENARIO,
) -> tuple[Manifest, list[str]]:
    """The manifest after a load, and the calls; `change` acts as soon as the load has started."""
    calls: list[str] = []
    run = RunFolder(folder)
    state = RunState(run, new_manifest(plan(), scenario))
    service = Service("http://h", (), asyncio.get_running_loop().create_future(), pid=None)
    with open_logs(run, state.clock) as logs:
        fleet, scraper = FakeFleet(calls), FakeScraper(service, logs.metrics, calls)
        parts = Parts(fleet, scraper, service, FakeStart(calls, ago), logs, calls)
        fleet.on_start = lambda: change(parts)
        context = RunContext(
            *(scenario, options or RunOptions(), state, Target("http://h")), fleet.open
        )
        phase = LoadPhase(context, parts.start, service, scraper, 30.0, logs, fleet)
        await asyncio.wait_for(phase.run(), 60)
    return state.manifest, calls


def nothing(_: Parts) -> None:
    return


def window(clock: Clock) -> float | None:
    """Seconds of the window."""
    if clock.window_start is None or clock.window_end is None:
        return None
    return clock.window_end - clock.window_start


async def test_load_ends_with_its_schedule(tmp_path: Path) -> None:
    manifest, calls = await end_of(tmp_path, nothing, ago=LENGTH)
    assert (manifest.status, manifest.reason) == ("complete", "")
    assert calls == ["begin", "start 5", "scrape", "scrape", "stop None"]
    clock = manifest.clock
    assert clock.started is not None
    assert clock.window_start == clock.started + SCENARIO.warm_up
    assert window(clock) == pytest.approx(SCENARIO.duration)
    assert clock.drained is not None
    assert (manifest.requests, manifest.notices) == (ACCOUNT, ("a notice",))
    stored = read_manifest(RunFolder(tmp_path))  # as of the start
    assert (stored.status, stored.clock.window_end) == ("running", clock.window_end)


async def test_notices_on_the_locustfile_are_shown_before_the_load(tmp_path: Path) -> None:
    shown: list[str] = []
    at_start: list[list[str]] = []
    options = RunOptions(note=shown.append)
    await end_of(tmp_path, lambda _: at_start.append(list(shown)), LENGTH, options)
    assert at_start == [["note: a notice"]]


def dies(parts: Parts) -> None:
    parts.service.died.set_result(-signal.SIGKILL)


def generator_dies(parts: Parts) -> None:
    parts.fleet.died.set_result("exit code 1")
    parts.fleet.on_stop = raising(GeneratorError("the generator died"))


def cannot_write(parts: Parts) -> None:
    parts.logs.write_error.set_result("cannot write latency.hlog: No space left on device")


def cannot_scrape(parts: Parts) -> None:
    parts.scraper.errors.append(OSError(28, "No space left on device", "metrics.om"))


def interrupts(parts: Parts) -> None:
    parts.start.interrupted.set()


def raising(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def all_at_once(parts: Parts) -> None:
    for change in (interrupts, cannot_write, dies):
        change(parts)


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        (dies, "failed", "the service ended during the load: signal SIGKILL"),
        (generator_dies, "failed", "the load generator died: exit code 1"),
        (cannot_write, "failed", "cannot write latency.hlog: No space left on device"),
        (cannot_scrape, "failed", "cannot write metrics.om: No space left on device"),
        (interrupts, "interrupted", "interrupted by a signal"),
        (all_at_once, "failed", "the service ended during the load: signal SIGKILL"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_load_that_ends_early_has_its_reason_and_a_window_until_then(
    tmp_path: Path, change: Change, status: str, reason: str
) -> None:
    begun = time.monotonic()
    manifest, calls = await end_of(tmp_path, change, ago=SCENARIO.warm_up + 1.0)
    assert (manifest.status, manifest.reason) == (status, reason)
    length = window(manifest.clock)
    assert length is not None
    assert 1.0 <= length <= 1.0 + time.monotonic() - begun
    # No more load first, then the last scrape; with the whole drain of the scenario.
    assert calls[-2:] in (["stop None", "scrape"], ["scrape", "stop None"])
    assert manifest.clock.drained is not None
    code = -signal.SIGKILL if change in {dies, all_at_once} else None
    assert manifest.target.get("exit_code") == code


async def test_load_that_ends_in_its_warm_up_has_no_window(tmp_path: Path) -> None:
    scenario = replace(SCENARIO, warm_up=600.0)  # it takes longer than any pause of the test
    manifest, _ = await end_of(tmp_path, interrupts, ago=1.0, scenario=scenario)
    assert manifest.status == "interrupted"
    assert manifest.clock.started is not None
    assert (manifest.clock.window_start, manifest.clock.window_end) == (None, None)


def interrupts_the_drain(parts: Parts) -> None:
    parts.fleet.on_stop = lambda: interrupts(parts)


def cannot_write_in_the_drain(parts: Parts) -> None:
    parts.fleet.on_stop = lambda: cannot_write(parts)


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        (interrupts_the_drain, "interrupted", "interrupted by a signal while it drained"),
        (
            cannot_write_in_the_drain,
            "failed",
            "cannot write latency.hlog: No space left on device",
        ),
    ],
    ids=["a signal", "a full disk"],
)
async def test_drain_that_goes_wrong_keeps_the_whole_window(
    tmp_path: Path, change: Change, status: str, reason: str
) -> None:
    manifest, _ = await end_of(tmp_path, change, ago=LENGTH)
    assert (manifest.status, manifest.reason) == (status, reason)
    assert window(manifest.clock) == pytest.approx(SCENARIO.duration)


async def test_service_that_dies_in_the_drain_leaves_its_exit_code(tmp_path: Path) -> None:
    def change(parts: Parts) -> None:
        parts.fleet.on_stop = lambda: dies(parts)

    manifest, _ = await end_of(tmp_path, change, ago=LENGTH)
    assert (manifest.status, manifest.target["exit_code"]) == ("complete", -signal.SIGKILL)


async def test_generator_that_dies_in_the_drain_of_a_complete_load_is_an_error(
    tmp_path: Path,
) -> None:
    def change(parts: Parts) -> None:
        parts.fleet.on_stop = raising(GeneratorError("the generator died"))

    with pytest.raises(GeneratorError):
        await end_of(tmp_path, change, ago=LENGTH)


async def test_certain_breach_aborts_the_load_and_ends_the_window_with_its_second(
    tmp_path: Path,
) -> None:
    watch = AbortWatch([ERRORS], SCENARIO.duration)
    # Three times the allowed 1% of 6000 requests are 180: exceeded after two seconds.
    watch.add([Cell(LATENCY, ERROR, "GET", "/", second, {1000: 100}) for second in (0, 1)])
    manifest, calls = await end_of(tmp_path, nothing, options=RunOptions(watch=watch))
    assert (manifest.status, manifest.aborted_by) == ("aborted", "errors")
    assert manifest.reason == "the breach of errors was certain after 2 s of the window"
    assert window(manifest.clock) == pytest.approx(2.0)
    assert calls[-2:] in (["stop 2.0", "scrape"], ["scrape", "stop 2.0"])


class EarlyDecision(DecisionWatch):
    """Decides everything at the second look."""

    def __init__(self) -> None:
        self.moments = [1, 2, 30]
        self.shown: list[tuple[float, Evidence]] = []
        self.undecided = ()

    def decided(self, evidence: Evidence, seconds: float) -> bool:
        self.shown.append((seconds, evidence))
        return len(self.shown) == 2


async def test_decided_run_is_complete_with_a_window_until_the_decision(tmp_path: Path) -> None:
    decision = EarlyDecision()
    manifest, calls = await end_of(
        tmp_path, nothing, ago=SCENARIO.warm_up + 3.0, options=RunOptions(decision=decision)
    )
    assert (manifest.status, manifest.reason) == ("complete", "")
    assert window(manifest.clock) == pytest.approx(2.0)
    assert calls[-1] == "stop None"
    assert [seconds for seconds, _ in decision.shown] == [1, 2]
    for seconds, evidence in decision.shown:
        assert evidence.manifest.status == "complete"
        assert window(evidence.manifest.clock) == pytest.approx(seconds)
        assert evidence.manifest.requests == ACCOUNT


class FullDisk(DecisionWatch):
    """A look at the evidence for which something cannot be stored."""

    def __init__(self, error: Exception) -> None:
        self.moments = [1]
        self.undecided = ()
        self.error = error

    def decided(self, evidence: Evidence, seconds: float) -> bool:
        raise self.error


async def test_disk_that_is_full_at_a_look_ends_the_load_as_any_full_disk(tmp_path: Path) -> None:
    begun = time.monotonic()
    full = FullDisk(OSError(28, "No space left on device", "run.json"))
    manifest, calls = await end_of(
        tmp_path, nothing, ago=SCENARIO.warm_up + 3.0, options=RunOptions(decision=full)
    )
    reason = "cannot write run.json: No space left on device"
    assert (manifest.status, manifest.reason) == ("failed", reason)
    length = window(manifest.clock)
    assert length is not None
    assert 3.0 <= length <= 3.0 + time.monotonic() - begun
    assert calls[-2:] in (["stop None", "scrape"], ["scrape", "stop None"])


async def test_load_that_an_error_ends_leaves_no_task(tmp_path: Path) -> None:
    options = RunOptions(decision=FullDisk(RunFolderError("damaged")))
    with pytest.raises(RunFolderError):
        await end_of(tmp_path, nothing, ago=SCENARIO.warm_up + 3.0, options=options)
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}

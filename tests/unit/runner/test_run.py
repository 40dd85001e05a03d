"""One run from the first scrape to the last, and what run.json has when it cannot be finished."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from harness import names
from harness.budgets.model import Gauge, Scenario, Selector
from harness.errors import GeneratorError, HarnessError, ScenarioError, UsageError
from harness.load.fleet import Fleet
from harness.load.protocol.master import WorkerPool
from harness.observe.scraper import Scraper
from harness.runner.folder import new_run_folder, store_report
from harness.runner.options import DiagnosisOptions, RunOptions
from harness.runner.run import AFTER_LOAD, gather, was_interrupted
from harness.runs.digests import changes
from harness.runs.folder import RunFolder, read_manifest
from harness.runs.metrics import read_metrics
from harness.runs.model import Manifest
from harness.units import Unit
from tests.servers import closed_port
from tests.unit.judge.evidence import budget
from tests.unit.runner.fakes import (
    ACCOUNT,
    SCENARIO,
    FakeFleet,
    FakeObserver,
    FakeStart,
    http_service,
    plan,
)


def interrupt_this_process() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service is in this process, which may have to wait for a CPU."""
    monkeypatch.setattr("harness.observe.target._PROBE_TIMEOUT", 60.0)
    monkeypatch.setattr("harness.runner.run.Scraper", partial(Scraper, timeout=60.0))


async def run(
    folder: Path,
    fleet: FakeFleet,
    options: RunOptions,
    calls: list[str],
    scenario: Scenario = SCENARIO,
) -> Manifest:
    """Run the scenario on a small service; what run.json has then."""
    folder.mkdir(exist_ok=True)
    with http_service(calls) as url:
        options = replace(options, url=url)
        shop = plan(url, metrics=("/metrics",))
        async with asyncio.timeout(60):
            await gather(
                *(shop, scenario, RunFolder(folder), options),
                open_fleet=fleet.open,
                start_early=fleet.early,
            )
    return read_manifest(RunFolder(folder))


async def test_run_takes_its_steps_in_order(tmp_path: Path) -> None:
    calls: list[str] = []
    observer = FakeObserver()
    start = FakeStart(calls, ago=SCENARIO.seconds)
    options = RunOptions(start=start, observer=observer)
    manifest = await run(tmp_path / "r", FakeFleet(calls), options, calls)
    ready = ["early", "served", "scrape", "open", "scrape", "begin"]
    load = ["start 5", "scrape", "scrape", "stop None"]
    assert calls == [*ready, *load, "scrape", "close", "end early"]
    assert observer.statuses == ["r running", "r running", "r complete"]
    assert manifest.status == "complete"
    assert manifest.target["ours"] is False
    assert (manifest.target["command"], manifest.target["exit_code"]) == (None, None)
    assert (manifest.target["scrape_interval"], manifest.target["scrape_error"]) == (30.0, "")
    (series,) = read_metrics(tmp_path / "r" / names.METRICS_FILE, {"a"})
    assert series.values == (1.0,) * 5


async def test_announcement_is_made_while_the_service_starts_and_shown_before_the_load(
    tmp_path: Path,
) -> None:
    calls: list[str] = []

    def announcement() -> list[str]:
        calls.append(f"in the loop's thread: {threading.current_thread() is main}")
        return ["measures 5 s"]

    main = threading.current_thread()
    start = FakeStart(calls, ago=SCENARIO.seconds)
    options = RunOptions(start=start, announcement=announcement, note=calls.append)
    await run(tmp_path, FakeFleet(calls), options, calls)
    assert calls.index("in the loop's thread: False") < calls.index("measures 5 s")
    assert calls[calls.index("measures 5 s") :][:3] == ["measures 5 s", "note: a notice", "begin"]


async def test_service_that_does_not_start_waits_for_no_announcement(tmp_path: Path) -> None:
    def announcement() -> list[str]:
        raise ValueError("not asked for")

    with closed_port() as port:
        url = f"http://127.0.0.1:{port}"
        options = RunOptions(url=url, announcement=announcement)
        start_early = FakeFleet([]).early
        await gather(plan(url), SCENARIO, RunFolder(tmp_path), options, start_early=start_early)
    assert read_manifest(RunFolder(tmp_path)).status == "failed"


@pytest.mark.parametrize("seen", [True, False])
async def test_notice_says_that_the_process_of_a_service_here_cannot_be_seen(
    seen: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not seen:
        monkeypatch.setattr(psutil, "net_connections", lambda _: [])
    calls: list[str] = []
    options = RunOptions(start=FakeStart(calls, ago=SCENARIO.seconds))
    manifest = await run(tmp_path, FakeFleet(calls), options, calls)
    found = [one for one in manifest.notices if "cpu-contention" in one]
    lacking = (
        f"the process that listens at {manifest.target['url']} cannot be seen (it may belong to"
        " another user or run in a container), so the run has no guard cpu-contention: a breach of"
        " a time may be due to other work on this machine"
    )
    assert found == ([] if seen else [lacking])


@pytest.mark.parametrize("dies", [False, True])
async def test_accounts_are_those_of_the_last_reports(dies: bool, tmp_path: Path) -> None:
    fleet = FakeFleet([])
    if dies:
        fleet.on_start = lambda: fleet.died.set_result("killed by SIGKILL")
    fleet.account_at_the_end = ACCOUNT.model_copy(update={"recorded": 9, "in_flight": 0})
    options = RunOptions(start=FakeStart(fleet.calls, ago=SCENARIO.seconds))
    manifest = await run(tmp_path, fleet, options, fleet.calls)
    assert manifest.requests.recorded == 9
    assert manifest.status == ("failed" if dies else "complete")


@pytest.mark.parametrize("interrupted", [False, True])
async def test_finished_run_has_the_digests_of_its_files(interrupted: bool, tmp_path: Path) -> None:
    fleet = FakeFleet([])
    if interrupted:
        fleet.on_start = interrupt_this_process
    options = RunOptions(start=FakeStart(fleet.calls, ago=SCENARIO.seconds))
    manifest = await run(tmp_path, fleet, RunOptions() if interrupted else options, fleet.calls)
    assert manifest.files is not None
    expected = [names.LATENCY_FILE, names.METRICS_FILE, names.MANIFEST_FILE]
    assert list(manifest.files) == expected
    assert changes(tmp_path, manifest.files) == {}


async def test_given_scrapes_are_the_only_ones_between_the_edges(tmp_path: Path) -> None:
    calls: list[str] = []
    start = FakeStart(calls, ago=SCENARIO.seconds)
    options = RunOptions(start=start, scrapes=[10.0, 20.0])
    manifest = await run(tmp_path, FakeFleet(calls), options, calls)
    assert manifest.target["scrape_interval"] == SCENARIO.duration / 3


async def test_guards_without_readings_are_a_notice_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.runner.run.unread", lambda: "this system does not report it")
    options = RunOptions(start=FakeStart([], ago=SCENARIO.seconds))
    manifest = await run(tmp_path, FakeFleet([]), options, [])
    assert manifest.notices[1:] == ("this system does not report it",)


async def test_workers_are_those_of_the_pool(tmp_path: Path) -> None:
    calls: list[str] = []
    pool = WorkerPool("127.0.0.1", 0, 7, run_id="x", secret="s")
    options = RunOptions(start=FakeStart(calls, ago=SCENARIO.seconds), pool=pool)
    manifest = await run(tmp_path, FakeFleet(calls), options, calls)
    assert manifest.scenario["workers"] == 7


async def test_signal_during_the_load_is_the_end_of_a_run_that_goes_on_to_be_judged(
    tmp_path: Path,
) -> None:
    fleet = FakeFleet([])
    fleet.on_start = interrupt_this_process
    scenario = replace(SCENARIO, warm_up=600.0)  # it takes longer than any pause of the test
    manifest = await run(tmp_path, fleet, RunOptions(), fleet.calls, scenario)
    assert (manifest.status, manifest.reason) == ("interrupted", "interrupted by a signal")
    assert (manifest.clock.window_start, manifest.clock.window_end) == (None, None)
    assert fleet.calls[-5:] in (
        ["stop None", "scrape", "scrape", "close", "end early"],
        ["scrape", "stop None", "scrape", "close", "end early"],
    )


async def test_signal_after_the_load_is_a_notice_of_a_complete_run(tmp_path: Path) -> None:
    fleet = FakeFleet([])

    def start() -> None:
        if fleet.calls.count("open") == 2:  # of the diagnosis
            interrupt_this_process()

    fleet.on_start = start
    scenario = replace(SCENARIO, warm_up=0.0, duration=0.2)
    options = RunOptions(diagnosis=DiagnosisOptions("always", 600.0))
    manifest = await run(tmp_path, fleet, options, fleet.calls, scenario)
    assert manifest.status == "complete"
    assert AFTER_LOAD in manifest.notices
    assert was_interrupted(manifest)


async def test_run_is_complete_whose_diagnosis_is_interrupted_twice(tmp_path: Path) -> None:
    fleet = FakeFleet([])

    def stop() -> None:
        if "diagnosing" in told:
            interrupt_this_process()
            fleet.hangs = True

    told: list[str] = []

    def start() -> None:
        if fleet.calls.count("open") == 2:
            told.append("diagnosing")
            interrupt_this_process()

    fleet.on_start, fleet.on_stop = start, stop
    scenario = replace(SCENARIO, warm_up=0.0, duration=0.2)
    options = RunOptions(diagnosis=DiagnosisOptions("always", 600.0))
    with pytest.raises(KeyboardInterrupt):
        await run(tmp_path, fleet, options, fleet.calls, scenario)
    manifest = read_manifest(RunFolder(tmp_path))
    assert told == ["diagnosing"]
    assert (manifest.status, manifest.reason) == ("complete", "")


async def test_second_signal_ends_the_drain(tmp_path: Path) -> None:
    fleet = FakeFleet([])
    fleet.on_start = fleet.on_stop = interrupt_this_process
    fleet.hangs = True
    with pytest.raises(KeyboardInterrupt):
        await run(tmp_path, fleet, RunOptions(), [])
    manifest = read_manifest(RunFolder(tmp_path))
    assert (manifest.status, manifest.reason) == ("interrupted", "interrupted a second time")
    assert fleet.calls[-2:] == ["close", "end early"]


def opened_by(act: Callable[[], object]) -> type[FakeFleet]:
    """Generators that do not get ready."""

    class Unready(FakeFleet):
        @asynccontextmanager
        async def open(self, *_: object, **__: object) -> AsyncIterator[Fleet]:
            act()
            await asyncio.Event().wait()
            yield self

    return Unready


def raising(error: HarnessError) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


async def test_signal_before_the_load_ends_the_run(tmp_path: Path) -> None:
    fleet = opened_by(interrupt_this_process)([])
    with pytest.raises(KeyboardInterrupt):
        await run(tmp_path, fleet, RunOptions(), [])
    manifest = read_manifest(RunFolder(tmp_path))
    assert (manifest.status, manifest.reason) == (
        "interrupted",
        "interrupted before the load began",
    )
    assert manifest.clock.started is None


async def test_generator_that_does_not_get_ready_leaves_a_failed_run(tmp_path: Path) -> None:
    fleet = opened_by(raising(GeneratorError("it did not get ready", "see its log")))([])
    manifest = await run(tmp_path, fleet, RunOptions(), [])
    assert (manifest.status, manifest.reason) == (
        "failed",
        "it did not get ready\nhint: see its log",
    )


async def test_bad_locustfile_leaves_a_failed_run_and_is_raised(tmp_path: Path) -> None:
    fleet = opened_by(raising(ScenarioError("no user class", "add one")))([])
    with pytest.raises(ScenarioError):
        await run(tmp_path, fleet, RunOptions(), [])
    manifest = read_manifest(RunFolder(tmp_path))
    assert (manifest.status, manifest.reason) == ("failed", "no user class\nhint: add one")


async def test_filter_by_an_unknown_label_is_noted_before_the_load(tmp_path: Path) -> None:
    calls: list[str] = []
    gauge = budget(Gauge(Selector("a", {"pool": "main"})), 5.0, unit=Unit.COUNT, name="it")
    with http_service(calls) as url:
        shop = replace(plan(url, metrics=("/metrics",)), budgets=(gauge,))
        options = RunOptions(url=url, start=FakeStart(calls, ago=SCENARIO.seconds))
        options = replace(options, note=calls.append)
        fleet = FakeFleet(calls)
        await gather(
            *(shop, SCENARIO, RunFolder(tmp_path), options),
            open_fleet=fleet.open,
            start_early=fleet.early,
        )
    assert calls[2:5] == ["scrape", "note: it: a has no label pool; it has none", "open"]


async def test_service_that_does_not_answer_leaves_a_failed_run(tmp_path: Path) -> None:
    fleet = FakeFleet([])
    with closed_port() as port:
        url = f"http://127.0.0.1:{port}"
        folder, options = RunFolder(tmp_path), RunOptions(url=url)
        await gather(plan(url), SCENARIO, folder, options, start_early=fleet.early)
    assert fleet.calls == ["early", "end early"]
    manifest = read_manifest(RunFolder(tmp_path))
    assert manifest.status == "failed"
    assert manifest.reason.startswith(f"nothing answers at {url}: ")
    assert manifest.target == {}


# --- its folder --------------------------------------------------------------------------------


def test_new_run_folder_has_the_budgets_and_no_empty_file(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path / "r", plan(), SCENARIO)
    assert [path.name for path in folder.path.iterdir()] == [names.BUDGETS_FILE]
    assert folder.file(names.BUDGETS_FILE).read_text().endswith("version: '1'\n")


def test_report_that_cannot_be_stored_is_an_error_of_usage(tmp_path: Path) -> None:
    store_report(RunFolder(tmp_path), "summary.md", "a")
    assert (tmp_path / "summary.md").read_text() == "a"
    with pytest.raises(UsageError, match=r"cannot write .*summary.md.*: No such file or directory"):
        store_report(RunFolder(tmp_path / "absent"), "summary.md", "a")

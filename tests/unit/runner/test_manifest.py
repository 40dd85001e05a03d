"""The manifest before a run, and its changes."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.budgets.model import Load, Target
from harness.budgets.workload import (
    ClosedWorkload,
    OpenWorkload,
    ShapeWorkload,
    Stage,
    UserStage,
    Workload,
)
from harness.observe.target import Service
from harness.runner.manifest import RunState, new_manifest, target_facts
from harness.runs.folder import RunFolder, read_manifest
from tests.unit.runner.fakes import ACCOUNT, SCENARIO, FakeFleet, FakeObserver, plan


def state(folder: Path) -> RunState:
    return RunState(RunFolder(folder), new_manifest(plan(), SCENARIO))


def test_manifest_before_a_run_has_the_scenario_and_the_machine(tmp_path: Path) -> None:
    before = time.time()
    manifest = new_manifest(plan(), SCENARIO)
    assert before <= manifest.clock.created <= time.time()
    assert (manifest.status, manifest.service, manifest.target) == ("running", "shop", {})
    assert {key: manifest.scenario[key] for key in ("name", "warm_up", "duration", "drain")} == {
        "name": "smoke",
        "warm_up": 5.0,
        "duration": 60.0,
        "drain": 30.0,
    }
    assert manifest.scenario["settles"] is False
    assert manifest.noise == {}
    assert set(manifest.versions) == {"harness", "locust", "gevent"}
    assert manifest.host["cpus"] > 0


def test_names_that_are_not_utf_8_are_stored_with_a_question_mark(tmp_path: Path) -> None:
    load = Load(Path("gr\udcfcn.py"), SCENARIO.loads[0].workload, arguments=("--to=gr\udcfcn",))
    manifest = new_manifest(plan(), replace(SCENARIO, loads=(load,)))
    run = RunState(RunFolder(tmp_path), manifest)
    run.note("cannot write /gr\udcfcn/latency.hlog")
    run.fail("the whole output is in /gr\udcfcn/generator.log")
    run.seal()
    run.store()
    stored = read_manifest(run.folder)
    (facts,) = stored.scenario["loads"]
    assert (facts["locustfile"], facts["arguments"]) == ("gr?n.py", ["--to=gr?n"])
    assert stored.notices == ("cannot write /gr?n/latency.hlog",)
    assert stored.reason == "the whole output is in /gr?n/generator.log"


@pytest.mark.parametrize(
    ("workload", "model"),
    [
        (OpenWorkload((Stage(5.0, 1.0),)), "open"),
        (ClosedWorkload((UserStage(5, 1.0),)), "closed"),
        (ShapeWorkload("Wave", 5), "closed"),
    ],
    ids=["arrivals", "users", "a shape"],
)
def test_manifest_names_the_model_of_each_load(workload: Workload, model: str) -> None:
    scenario = replace(SCENARIO, loads=(Load(Path("a.py"), workload, tags=("x",)),))
    (load,) = new_manifest(plan(), scenario).scenario["loads"]
    assert load["workload"]["model"] == model
    assert (load["locustfile"], load["tags"]) == ("a.py", ("x",))


async def test_target_has_no_password_and_a_command_only_if_we_started_it() -> None:
    died: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    target = Target(url="http://h", command="serve")
    service = Service("http://me:secret@h:1", ("http://me:secret@h:1/metrics",), died)
    facts = target_facts(target, service)
    assert facts == {
        "url": "http://h:1",
        "command": None,
        "metrics": ["http://h:1/metrics"],
        "ours": False,
        "exit_code": None,
    }
    exporter = "http://me:secret@db:9187/metrics"
    with_exporter = replace(service, metrics=(*service.metrics, exporter), exporters=(exporter,))
    facts = target_facts(target, with_exporter)
    assert facts["metrics"] == ["http://h:1/metrics", "http://db:9187/metrics"]
    assert facts["exporters"] == ["db:9187"]
    facts = target_facts(target, Service("http://h:1", (), died, pid=7))
    assert (facts["command"], facts["ours"]) == ("serve", True)


def test_stored_manifest_is_the_one_that_the_observer_gets(tmp_path: Path) -> None:
    observer = FakeObserver()
    run = RunState(RunFolder(tmp_path), new_manifest(plan(), SCENARIO), observer)
    run.store()
    run.fail("the disk is full")
    run.store()
    assert observer.statuses == [f"{tmp_path.name} running", f"{tmp_path.name} failed"]
    assert read_manifest(RunFolder(tmp_path)).clock == run.manifest.clock
    stored = json.loads((tmp_path / "run.json").read_text())
    assert (stored["schema"], stored["reason"]) == (1, "the disk is full")


def test_load_has_begun_once_its_start_is_known(tmp_path: Path) -> None:
    run = state(tmp_path)
    assert not run.begun
    assert run.begin(100.0, SCENARIO) == 105.0
    assert run.begun
    clock = run.manifest.clock
    assert (clock.started, clock.window_start, clock.window_end) == (100.0, 105.0, 165.0)


def test_window_ends_as_planned_until_the_run_goes_on(tmp_path: Path) -> None:
    run = state(tmp_path)
    run.begin(100.0, replace(SCENARIO, planned=20.0))
    assert run.manifest.clock.window_end == 125.0
    run.end_window_after(SCENARIO.duration)
    assert run.manifest.clock.window_end == 165.0


@pytest.mark.parametrize(
    ("end", "window"),
    [
        (104.0, (None, None)),
        (105.0, (None, None)),
        (110.0, (105.0, 110.0)),
        (170.0, (105.0, 165.0)),
    ],
    ids=["in the warm-up", "at its start", "in the window", "after it"],
)
def test_window_that_is_cut(
    tmp_path: Path, end: float, window: tuple[float | None, float | None]
) -> None:
    run = state(tmp_path)
    run.begin(100.0, SCENARIO)
    run.cut_window(end)
    assert (run.manifest.clock.window_start, run.manifest.clock.window_end) == window
    run.cut_window(end)
    assert (run.manifest.clock.window_start, run.manifest.clock.window_end) == window


def test_window_that_never_began_stays_away(tmp_path: Path) -> None:
    run = state(tmp_path)
    run.cut_window(100.0)
    assert (run.manifest.clock.window_start, run.manifest.clock.window_end) == (None, None)


def test_facts_of_the_target_are_added(tmp_path: Path) -> None:
    run = state(tmp_path)
    run.update_target({"url": "http://h", "exit_code": None})
    run.update_target({"exit_code": 3})
    assert run.manifest.target == {"url": "http://h", "exit_code": 3}


async def test_accounts_are_those_of_the_generators(tmp_path: Path) -> None:
    run = state(tmp_path)
    run.take_accounts(FakeFleet([]))
    assert (run.manifest.requests, run.manifest.notices) == (ACCOUNT, ("a notice",))
    assert (run.manifest.workers, run.manifest.user_errors) == ((), ())


async def test_notices_of_the_run_stay_when_the_accounts_are_taken_again(tmp_path: Path) -> None:
    run = state(tmp_path)
    run.take_accounts(FakeFleet([]))
    run.note("not diagnosed")
    run.take_accounts(FakeFleet([]))
    assert run.manifest.notices == ("a notice", "not diagnosed")

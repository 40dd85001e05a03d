"""The load after the window, and where a service sends its traces."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from requests.utils import get_environ_proxies

from harness.budgets.model import Load, Scenario, Target
from harness.budgets.workload import (
    ClosedWorkload,
    OpenWorkload,
    ShapeWorkload,
    Stage,
    UserStage,
    Workload,
)
from harness.errors import UsageError
from harness.observe.target import Service
from harness.runner.manifest import RunState, new_manifest
from harness.runner.options import DiagnosisOptions, RunOptions
from harness.runner.phases.context import RunContext
from harness.runner.phases.diagnosis import Breaches, DiagnosisPhase, goes_on, receive_traces
from harness.runs.folder import RunFolder
from tests.servers import free_port
from tests.unit.runner.fakes import SCENARIO, FakeFleet, plan

FILE = Path("load.py")
STARTED = Target(url="http://127.0.0.1:{port}", command="serve", environment={"A": "1"})
ON = RunOptions(diagnosis=DiagnosisOptions("breach"))


def scenario(*workloads: Workload) -> Scenario:
    loads = tuple(Load(FILE, one, str(number), 3.0) for number, one in enumerate(workloads))
    return Scenario("s", loads, warm_up=5.0, duration=60.0, auto_warm_up=True, planned=20.0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            OpenWorkload((Stage(40.0, 20.0), Stage(80.0, 60.0, start_rate=40.0)), max_users=9),
            OpenWorkload((Stage(80.0, 15.0),), seed=2, max_users=9),
        ),
        # It ended with a pause: the highest rate, because the breach was under load.
        (
            OpenWorkload((Stage(90.0, 20.0), Stage(0.0, 5.0)), seed=4),
            OpenWorkload((Stage(90.0, 15.0),), seed=5),
        ),
        (
            ClosedWorkload((UserStage(5, 9.0), UserStage(20, 9.0, start_users=5))),
            ClosedWorkload((UserStage(20, 15.0),), seed=2),
        ),
        (ShapeWorkload("Steps"), ShapeWorkload("Steps")),
    ],
)
def test_load_goes_on_as_it_ended(before: Workload, after: Workload) -> None:
    found = goes_on(scenario(before), 15.0)
    assert [load.workload for load in found.loads] == [after]
    assert (found.warm_up, found.duration, found.trace_ratio) == (0.0, 15.0, 1.0)
    assert (found.loads[0].start, found.planned, found.auto_warm_up) == (0.0, None, False)


def test_part_of_the_load_goes_on() -> None:
    rate = goes_on(scenario(OpenWorkload((Stage(80.0, 60.0),))), 15.0, 0.25)
    assert rate.loads[0].workload == OpenWorkload((Stage(20.0, 15.0),), seed=2)
    users = goes_on(scenario(ClosedWorkload((UserStage(3, 9.0),))), 15.0, 0.1)
    assert users.loads[0].workload == ClosedWorkload((UserStage(1, 15.0),), seed=2)


def received(tmp_path: Path, target: Target, options: RunOptions) -> tuple[Target, str]:
    with receive_traces(target, options, RunFolder(tmp_path), str) as (found, receiver):
        return found, receiver.url if receiver else ""


def test_service_that_the_harness_starts_sends_its_traces_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    found, url = received(tmp_path, STARTED, ON)
    assert url.startswith("http://127.0.0.1:")
    assert dict(found.environment) == {
        "A": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
    }


@pytest.mark.parametrize(
    ("own", "hosts"),
    [
        ({"HTTP_PROXY": "http://proxy:3128"}, "127.0.0.1"),
        ({"http_proxy": "http://proxy:3128", "NO_PROXY": "a.example, b"}, "a.example,b,127.0.0.1"),
        ({"ALL_PROXY": "http://proxy:3128", "no_proxy": "a", "NO_PROXY": "b"}, "a,127.0.0.1"),
    ],
)
def test_traces_do_not_go_through_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: dict[str, str], hosts: str
) -> None:
    for name in ("http_proxy", "all_proxy", "no_proxy", "otel_exporter_otlp_endpoint"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    found, url = received(tmp_path, replace(STARTED, environment=own), ON)
    assert found.environment["no_proxy"] == found.environment["NO_PROXY"] == hosts
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    assert get_environ_proxies(url) == {}  # as the exporter for Python asks


@pytest.mark.parametrize("hosts", ["localhost,127.0.0.1", "*"])
def test_hosts_that_are_reached_without_a_proxy_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: str
) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    own = replace(STARTED, environment={"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": hosts})
    found = received(tmp_path, own, ON)[0].environment
    assert (found["NO_PROXY"], "no_proxy" in found) == (hosts, False)


@pytest.mark.parametrize(
    "name",
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER"],
)
def test_service_with_settings_of_its_own_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    own = replace(STARTED, environment={name: "x"})
    assert received(tmp_path, own, ON) == (own, "")
    monkeypatch.setenv(name, "x")
    assert received(tmp_path, STARTED, ON) == (STARTED, "")


def test_own_batch_delay_stays(tmp_path: Path) -> None:
    own = replace(STARTED, environment={"OTEL_BSP_SCHEDULE_DELAY": "50"})
    assert received(tmp_path, own, ON)[0].environment["OTEL_BSP_SCHEDULE_DELAY"] == "50"


def test_nothing_is_received_where_nothing_can_come(tmp_path: Path) -> None:
    running = Target(url="http://127.0.0.1:8000")
    assert received(tmp_path, STARTED, RunOptions()) == (STARTED, "")  # never
    assert received(tmp_path, running, ON) == (running, "")
    assert received(tmp_path, STARTED, replace(ON, url="http://127.0.0.1:8000"))[1] == ""
    assert list(tmp_path.iterdir()) == []


def test_running_service_sends_its_traces_to_the_given_address(tmp_path: Path) -> None:
    running = Target(url="http://127.0.0.1:8000")
    port = free_port()
    listening = RunOptions(diagnosis=DiagnosisOptions("breach", listen=("127.0.0.1", port)))
    assert received(tmp_path, running, listening) == (running, f"http://127.0.0.1:{port}")
    taken = receive_traces(running, listening, RunFolder(tmp_path), str)
    with (
        taken,
        pytest.raises(UsageError, match="cannot receive traces"),
        receive_traces(running, listening, RunFolder(tmp_path), str),
    ):
        pass


async def diagnosed(folder: Path, end: Callable[[FakeFleet, Service], object]) -> tuple[str, ...]:
    """The notices of a diagnosis whose load something ends as soon as it goes on."""
    shop = plan()
    assert shop.target is not None
    state = RunState(RunFolder(folder), new_manifest(shop, SCENARIO))
    fleet, service = FakeFleet([]), Service("http://h", (), asyncio.Future())
    fleet.on_start = lambda: end(fleet, service)
    options = RunOptions(diagnosis=DiagnosisOptions("always", 600.0))
    context = RunContext(SCENARIO, options, state, shop.target, fleet.open)
    breaches = Breaches(shop, SCENARIO, state)
    phase = DiagnosisPhase(context, breaches, service, asyncio.Event(), None)
    async with asyncio.timeout(60):
        await phase.run()
    return state.manifest.notices


@pytest.mark.parametrize(
    ("end", "notice"),
    [
        (
            lambda fleet, _: fleet.died.set_result("exit code 1"),
            "the load generator died in the load for the diagnosis: exit code 1",
        ),
        (
            lambda fleet, _: fleet.died.set_exception(
                OSError(28, "No space left on device", "slowest.jsonl")
            ),
            "not diagnosed: cannot write slowest.jsonl: No space left on device",
        ),
        (
            lambda _, service: service.died.set_result(3),
            "the service ended while the load went on for the diagnosis",
        ),
    ],
    ids=["the generator", "a full disk", "the service"],
)
async def test_notice_says_what_ended_a_diagnosis(
    tmp_path: Path, end: Callable[[FakeFleet, Service], object], notice: str
) -> None:
    assert notice in await diagnosed(tmp_path, end)

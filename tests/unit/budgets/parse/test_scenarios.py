"""Scenarios and target of budgets.yaml."""

from pathlib import Path

import pytest

from harness.budgets.model import (
    Load,
    Scenario,
    Target,
)
from harness.budgets.workload import (
    CapacityOptions,
    ClosedWorkload,
    OpenWorkload,
    ShapeWorkload,
    Stage,
    UserStage,
    Workload,
)
from tests.unit.budgets.parse.parsing import ERRORS, HEAD, SMOKE, plan_of, scenario_of, target_of

SCENARIOS: dict[str, tuple[str, Workload, float, float]] = {
    "a rate lasts for warm-up and duration": (
        "rate: 50, duration: 1m",
        OpenWorkload((Stage(50.0, 65.0),)),
        5.0,
        60.0,
    ),
    "a workload with a rate has its own keys": (
        "workload: {rate: 30/m, arrivals: even, seed: 7, max_users: 9}, warm_up: 0, duration: 8s",
        OpenWorkload((Stage(0.5, 8.0),), "even", 7, 9, min_users=9),
        0.0,
        8.0,
    ),
    "the warm-up lies inside the stages": (
        "workload: {stages: [{rate: 5/s, for: 10s}, {rate: 9/s, for: 1m}]}, warm_up: 15s",
        OpenWorkload((Stage(5.0, 10.0), Stage(9.0, 60.0))),
        15.0,
        55.0,
    ),
    "users have all started after half of the warm-up": (
        "users: 20, warm_up: 10s, duration: 30s",
        ClosedWorkload((UserStage(20, 5.0, 0), UserStage(20, 35.0))),
        10.0,
        30.0,
    ),
    "users start within a second when there is no warm-up": (
        "users: 20, warm_up: 0s, duration: 30s",
        ClosedWorkload((UserStage(20, 1.0, 0), UserStage(20, 29.0))),
        0.0,
        30.0,
    ),
    "users may start at a rate": (
        "workload: {users: 20, spawn_rate: 2/s, seed: 3}, duration: 30s",
        ClosedWorkload((UserStage(20, 10.0, 0), UserStage(20, 25.0)), 3),
        5.0,
        30.0,
    ),
    "a ramp starts at the rate before it, and at nothing when it is the first": (
        (
            "workload: {stages: [{ramp_to: 50/s, for: 10s}, {ramp_to: 20/s, for: 1m}, "
            "{rate: 30/s, for: 5s}, {ramp_to: 0, for: 5s}]}, warm_up: 10s"
        ),
        OpenWorkload(
            (
                Stage(50.0, 10.0, 0.0),
                Stage(20.0, 60.0, 50.0),
                Stage(30.0, 5.0),
                Stage(0.0, 5.0, 30.0),
            )
        ),
        10.0,
        70.0,
    ),
    "a stage may be a pause": (
        "workload: {stages: [{rate: 5/s, for: 10s}, {rate: 0, for: 5s}, {rate: 5/s, for: 10s}]}",
        OpenWorkload((Stage(5.0, 10.0), Stage(0.0, 5.0), Stage(5.0, 10.0))),
        5.0,
        20.0,
    ),
    "stages of users are the closed model": (
        (
            "workload: {stages: [{users: 10, for: 20s}, {ramp_to_users: 50, for: 30s}, "
            "{users: 0, for: 5s}, {ramp_to_users: 5, for: 5s}], seed: 4}, warm_up: 20s"
        ),
        ClosedWorkload(
            (UserStage(10, 20.0), UserStage(50, 30.0, 10), UserStage(0, 5.0), UserStage(5, 5.0, 0)),
            4,
        ),
        20.0,
        40.0,
    ),
    "users that ramp first start from none": (
        "workload: {stages: [{ramp_to_users: 8, for: 8s}]}, warm_up: 4s",
        ClosedWorkload((UserStage(8, 8.0, 0),)),
        4.0,
        4.0,
    ),
    "a pool that grows starts with ten users": (
        "workload: {rate: 5/s, when_exhausted: grow, max_users: 500}, duration: 20s",
        OpenWorkload((Stage(5.0, 25.0),), max_users=500, when_exhausted="grow", min_users=10),
        5.0,
        20.0,
    ),
    "a pool that grows may start with more": (
        "workload: {rate: 5/s, when_exhausted: grow, min_users: 100}, duration: 20s",
        OpenWorkload((Stage(5.0, 25.0),), when_exhausted="grow", min_users=100),
        5.0,
        20.0,
    ),
    "a pool smaller than ten starts whole": (
        "workload: {rate: 5/s, when_exhausted: grow, max_users: 3}, duration: 20s",
        OpenWorkload((Stage(5.0, 25.0),), max_users=3, when_exhausted="grow", min_users=3),
        5.0,
        20.0,
    ),
    "arrivals may be dropped": (
        "workload: {rate: 5/s, when_exhausted: drop}, duration: 20s",
        OpenWorkload((Stage(5.0, 25.0),), when_exhausted="drop"),
        5.0,
        20.0,
    ),
    "a shape of the locustfile": (
        "workload: {shape: DoubleWave, seed: 2}, duration: 1m",
        ShapeWorkload("DoubleWave", 2),
        5.0,
        60.0,
    ),
}


@pytest.mark.parametrize(
    ("keys", "workload", "warm_up", "duration"), SCENARIOS.values(), ids=SCENARIOS
)
def test_scenario_workload_is_in_seconds_and_per_second(
    keys: str, workload: Workload, warm_up: float, duration: float
) -> None:
    scenario = scenario_of(keys)
    assert scenario.loads[0].workload == workload
    assert (scenario.warm_up, scenario.duration) == (warm_up, duration)
    if not isinstance(workload, ShapeWorkload):
        assert workload.seconds == warm_up + duration


def test_scenario_tags_may_be_one_text_or_a_list() -> None:
    scenario = scenario_of("rate: 1, duration: 1s, tags: read, exclude_tags: [slow, 7], drain: 0")
    (load,) = scenario.loads
    assert (load.tags, load.exclude_tags) == (("read",), ("slow", "7"))
    assert scenario.drain == 0.0


def test_scenario_of_several_loads_gives_each_the_rest_of_the_time() -> None:
    plan = plan_of(
        f"{HEAD}scenarios:\n  it:\n    loads:\n"
        "      readers: {locustfile: read.py, rate: 40/s, tags: read}\n"
        "      buyers: {locustfile: buy.py, users: 5, start: 4s, exclude_tags: slow}\n"
        "      late-buyers: {locustfile: buy.py, workload: {users: 6}, start: 15s}\n"
        "      import: {locustfile: import.py, start: 12s, "
        "workload: {stages: [{ramp_to: 9/s, for: 10s}]}}\n"
        f"    warm_up: 10s\n    duration: 20s\n    trace_ratio: 0\n{ERRORS}",
        source="shop/budgets.yaml",
    )
    shop = Path("shop")
    rate = OpenWorkload((Stage(40.0, 30.0),))
    # Users start within half of what is left of the warm-up, or within a second.
    buyers = ClosedWorkload((UserStage(5, 3.0, 0), UserStage(5, 23.0)))
    late = ClosedWorkload((UserStage(6, 1.0, 0), UserStage(6, 14.0)))
    assert plan.scenarios["it"] == Scenario(
        "it",
        (
            Load(shop / "read.py", rate, "readers", tags=("read",)),
            Load(shop / "buy.py", buyers, "buyers", 4.0, exclude_tags=("slow",)),
            Load(shop / "buy.py", late, "late-buyers", 15.0),
            Load(shop / "import.py", OpenWorkload((Stage(9.0, 10.0, 0.0),)), "import", 12.0),
        ),
        warm_up=10.0,
        duration=20.0,
        trace_ratio=0.0,
    )


def test_stages_of_a_load_may_end_with_the_scenario() -> None:
    scenario = plan_of(
        f"{HEAD}scenarios: {{it: {{duration: 20s, loads: {{a: {{locustfile: a.py, start: 10s, "
        f"workload: {{stages: [{{rate: 5/s, for: 15s}}]}}}}}}}}}}\n{ERRORS}"
    ).scenarios["it"]
    assert scenario.loads[0].workload == OpenWorkload((Stage(5.0, 15.0),))
    assert scenario.duration == 20.0


@pytest.mark.parametrize(
    ("keys", "workers", "trace_ratio"),
    [
        pytest.param("", 1, 0.05, id="one process by default"),
        pytest.param(", workers: 4, trace_ratio: 100%", 4, 1.0, id="several"),
        pytest.param(", workers: auto, trace_ratio: 0.5%", None, 0.005, id="as many as fit"),
    ],
)
def test_scenario_says_its_workers_and_its_traces(
    keys: str, workers: int | None, trace_ratio: float
) -> None:
    scenario = scenario_of(f"rate: 1, duration: 1s{keys}")
    assert (scenario.workers, scenario.trace_ratio) == (workers, trace_ratio)


def test_absolute_locustfile_stays_absolute() -> None:
    text = f"{HEAD}scenarios: {{it: {{locustfile: /srv/a.py, rate: 1, duration: 1s}}}}\n{ERRORS}"
    scenario = plan_of(text, source="shop/budgets.yaml").scenarios["it"]
    assert scenario.loads[0].locustfile == Path("/srv/a.py")


TARGETS: dict[str, tuple[str, Target]] = {
    "a service that already runs": (
        'url: "https://user:word@shop.example/base/", metrics: ["http://[::1]:9/m", "/metrics"]',
        Target("https://user:word@shop.example/base/", metrics=("http://[::1]:9/m", "/metrics")),
    ),
    "a command that gets the port in its environment": (
        'command: serve, url: "http://localhost:{port}", environment: {PORT: "{port}", N: 1.10}',
        Target("http://localhost:{port}", "serve", environment={"PORT": "{port}", "N": "1.10"}),
    ),
    "a command with a fixed port": (
        'command: serve, url: "http://localhost:80", ready_timeout: 1m, stop_timeout: 500ms',
        Target("http://localhost:80", "serve", ready_timeout=60.0, stop_timeout=0.5),
    ),
    "a private CA": (
        'url: "https://shop.internal", ca_file: ca.pem',
        Target("https://shop.internal", ca_file=Path("ca.pem")),
    ),
}


@pytest.mark.parametrize(("keys", "target"), TARGETS.values(), ids=TARGETS)
def test_target_is_read(keys: str, target: Target) -> None:
    assert target_of(keys) == target


def test_file_without_a_target_has_none() -> None:
    assert plan_of(HEAD + SMOKE + ERRORS).target is None


def test_capacity_of_a_scenario_says_how_to_search() -> None:
    keys = "min: 100/s, from: 20/s, to: 400/s, for: 5m, max_regression: 10%"
    found = scenario_of(f"rate: 50, duration: 1m, capacity: {{{keys}}}").capacity
    assert found == CapacityOptions(100.0, 20.0, 400.0, 300.0, 0.1)
    assert scenario_of("rate: 50, duration: 1m, capacity: {}").capacity == CapacityOptions()
    assert scenario_of("rate: 50, duration: 1m").capacity is None

"""What the command line changes of a scenario, and what it cannot."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.budgets.model import Load, Scenario
from harness.budgets.override import Changes, override
from harness.budgets.parse.parse import parse_plan
from harness.budgets.workload import (
    ClosedWorkload,
    OpenWorkload,
    ShapeWorkload,
    Stage,
    UserStage,
    Workload,
)
from harness.errors import UsageError

FILE = Path("a.py")
TIMES = "warm_up: 5s, duration: 20s"
RATE = f"""{TIMES}, workload:
  {{rate: 50/s, arrivals: even, seed: 7, max_users: 9, when_exhausted: drop}}"""
CONSTANT = f"{TIMES}, rate: 50/s"
USERS = f"{TIMES}, workload: {{users: 20, seed: 3}}"
SPAWNED = f"{TIMES}, workload: {{users: 20, spawn_rate: 2.5/s}}"
SHAPE = f"{TIMES}, workload: {{shape: Wave, seed: 4}}"
RATES = """warm_up: 5s, workload:
  {seed: 2, stages: [{rate: 50/s, for: 5s}, {rate: 90/s, for: 20s}]}"""
RAMP = "warm_up: 5s, workload: {seed: 2, stages: [{ramp_to: 50/s, for: 25s}]}"
STEPS = """warm_up: 5s, workload:
  {seed: 6, stages: [{users: 5, for: 5s}, {ramp_to_users: 9, for: 20s}]}"""


def changed(scenario: str, **changes: Any) -> Scenario:
    """A scenario `it` of a file, with changes."""
    locustfile = "" if "loads:" in scenario else f"locustfile: {FILE}, tags: read,"
    text = f"""
version: 1
service: shop
scenarios:
  it: {{{locustfile} {scenario}}}
budgets: {{errors: {{indicator: error_ratio, max: 1%}}}}
"""
    plan = parse_plan(text, Path("budgets.yaml"), {}, date(2026, 11, 20))
    return override(plan, "it", Changes(**changes))


def several(*loads: str) -> str:
    named = (f"l{n}: {{locustfile: {FILE}, {load}}}" for n, load in enumerate(loads))
    return f"{TIMES}, loads: {{{', '.join(named)}}}"


def closed(users: int, ramp: float, hold: float, seed: int) -> ClosedWorkload:
    return ClosedWorkload((UserStage(users, ramp, 0), UserStage(users, hold)), seed)


CHANGES: dict[str, tuple[str, dict[str, Any], Workload]] = {
    "another rate keeps the keys of the open model": (
        RATE,
        {"rate": 5.0},
        OpenWorkload((Stage(5.0, 25.0),), "even", 7, 9, "drop", min_users=9),
    ),
    "another rate": (CONSTANT, {"rate": 5.0}, OpenWorkload((Stage(5.0, 25.0),))),
    "a rate instead of stages lasts as long": (
        RATES,
        {"rate": 5.0},
        OpenWorkload((Stage(5.0, 25.0),), seed=2),
    ),
    "a rate instead of stages may have another length": (
        RAMP,
        {"rate": 5.0, "duration": 3.0, "warm_up": 1.0},
        OpenWorkload((Stage(5.0, 4.0),), seed=2),
    ),
    "a rate instead of users": (STEPS, {"rate": 5.0}, OpenWorkload((Stage(5.0, 25.0),), seed=6)),
    "a rate instead of users that start at a rate": (
        SPAWNED,
        {"rate": 5.0},
        OpenWorkload((Stage(5.0, 25.0),)),
    ),
    "users instead of a rate": (RATE, {"users": 4}, closed(4, 2.5, 22.5, 7)),
    "users instead of stages": (STEPS, {"users": 4, "duration": 55.0}, closed(4, 2.5, 57.5, 6)),
    "a rate for longer": (
        RATE,
        {"duration": 60.0},
        OpenWorkload((Stage(50.0, 65.0),), "even", 7, 9, "drop", min_users=9),
    ),
    "users for longer": (USERS, {"duration": 60.0}, closed(20, 2.5, 62.5, 3)),
    "users with another warm-up have all started after half of it": (
        USERS,
        {"warm_up": 10.0},
        closed(20, 5.0, 25.0, 3),
    ),
    "users that start at a rate still do": (SPAWNED, {"warm_up": 20.0}, closed(20, 8.0, 32.0, 1)),
    "a shape for longer": (SHAPE, {"duration": 60.0}, ShapeWorkload("Wave", 4)),
    "more workers change no stages": (
        RATES,
        {"workers": 3},
        OpenWorkload((Stage(50.0, 5.0), Stage(90.0, 20.0)), seed=2),
    ),
}


@pytest.mark.parametrize(("before", "changes", "after"), CHANGES.values(), ids=CHANGES)
def test_option_changes_the_workload_and_nothing_else(
    before: str, changes: dict[str, Any], after: Workload
) -> None:
    scenario = changed(before, **changes)
    assert scenario.loads == (Load(FILE, after, tags=("read",)),)
    assert scenario.duration == changes.get("duration", 20.0)
    assert scenario.warm_up == changes.get("warm_up", 5.0)
    if not isinstance(after, ShapeWorkload):
        assert after.seconds == pytest.approx(scenario.seconds)


def test_rate_replaces_that_of_the_only_load_of_several() -> None:
    scenario = changed(several("rate: 50/s, start: 5s"), rate=5.0)
    assert scenario.loads == (Load(FILE, OpenWorkload((Stage(5.0, 20.0),)), "l0", 5.0),)


@pytest.mark.parametrize(
    ("option", "workers"), [(None, 1), (4, 4), ("auto", None)], ids=["none", "some", "auto"]
)
def test_workers_are_those_of_the_option(option: Any, workers: int | None) -> None:
    assert changed(RATE, workers=option).workers == workers


def test_several_loads_last_to_the_end_of_a_longer_scenario() -> None:
    scenario = changed(
        several(
            "rate: 50/s",
            "rate: 9/s, start: 10s",
            "start: 20s, workload: {stages: [{rate: 90/s, for: 2s}, {rate: 0, for: 1s}]}",
            "users: 6",
            "start: 3s, workload: {shape: Wave}",
        ),
        duration=50.0,
        warm_up=10.0,
    )
    assert [(load.name, load.start, load.workload) for load in scenario.loads] == [
        ("l0", 0.0, OpenWorkload((Stage(50.0, 60.0),))),
        ("l1", 10.0, OpenWorkload((Stage(9.0, 50.0),))),
        ("l2", 20.0, OpenWorkload((Stage(90.0, 2.0), Stage(0.0, 1.0)))),
        ("l3", 0.0, closed(6, 5.0, 55.0, 1)),
        ("l4", 3.0, ShapeWorkload("Wave")),
    ]


STAGES = "the stages of scenario 'it' set how long it lasts"
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a rate and users": (RATE, {"rate": 5.0, "users": 5}, "exclude each other"),
    "a rate for several loads": (
        several("rate: 50/s", "users: 20"),
        {"rate": 5.0},
        "scenario 'it' has several loads, and --rate cannot say which it means",
    ),
    "users for several loads": (
        several("rate: 50/s", "users: 20"),
        {"users": 5},
        "scenario 'it' has several loads, and --users cannot say which it means",
    ),
    "a rate for a shape": (
        SHAPE,
        {"rate": 5.0},
        "Wave says how many users scenario 'it' has, not --rate",
    ),
    "users for a shape": (
        SHAPE,
        {"users": 5},
        "Wave says how many users scenario 'it' has, not --users",
    ),
    "a duration for stages": (RATES, {"duration": 5.0}, STAGES),
    "a warm-up for a ramp": (RAMP, {"warm_up": 5.0}, STAGES),
    "a duration for stages of users": (STEPS, {"duration": 5.0}, STAGES),
    "a longest duration for stages": (RATES, {"max_duration": 50.0}, STAGES),
    "a duration that ends before a load starts": (
        several("rate: 50/s", "rate: 9/s, start: 10s"),
        {"duration": 5.0},
        "scenario 'it' does not fit the options: loads.l1: starts at 10 s, but warm-up and",
    ),
    "a duration shorter than the stages of a load": (
        several("rate: 50/s", "workload: {stages: [{rate: 5/s, for: 25s}]}"),
        {"duration": 10.0},
        "loads.l1: its stages last until 25 s, but warm-up and duration are 15 s together",
    ),
    "a longest duration that is shorter": (
        CONSTANT,
        {"max_duration": 10.0},
        "max_duration: is shorter than the duration",
    ),
    "a longest duration for a shape": (
        SHAPE,
        {"max_duration": 50.0},
        "max_duration: stages and shapes set how long the load lasts; `max_duration` needs a",
    ),
    "a warm-up that settles with a longest duration": (
        CONSTANT,
        {"warm_up": "auto", "max_duration": 40.0},
        "max_duration: a run cannot go on with `warm_up: auto`",
    ),
    "a warm-up that settles in a short time": (
        CONSTANT,
        {"warm_up": "auto", "duration": 5.0},
        "duration: is too short to see whether the latency settles; write 10s or more",
    ),
    "a warm-up that settles for a shape": (
        SHAPE,
        {"warm_up": "auto"},
        "warm_up: auto waits until the latency has settled, which needs a constant load",
    ),
    "a warm-up that settles for stages": (RATES, {"warm_up": "auto"}, STAGES),
}


@pytest.mark.parametrize(("before", "changes", "message"), REFUSED.values(), ids=REFUSED)
def test_option_that_makes_no_sense_is_refused_with_a_hint(
    before: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as refused:
        changed(before, **changes)
    assert message in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    ("before", "options", "planned", "longest"),
    [
        pytest.param(CONSTANT, {}, 20.0, 60.0, id="three times the duration"),
        pytest.param(CONSTANT, {"duration": 30.0}, 30.0, 90.0, id="of another duration"),
        pytest.param(CONSTANT, {"max_duration": 35.0}, 20.0, 35.0, id="a longest duration"),
        pytest.param(CONSTANT, {"max_duration": 70.0, "duration": 30.0}, 30.0, 70.0, id="both"),
        pytest.param(CONSTANT, {"max_duration": 20.0}, None, 20.0, id="never"),
        pytest.param(f"{CONSTANT}, max_duration: 50s", {}, 20.0, 50.0, id="by the file"),
        pytest.param(f"{CONSTANT}, max_duration: 20s", {}, None, 20.0, id="never by the file"),
        pytest.param(
            f"{CONSTANT}, max_duration: 20s", {"duration": 30.0}, None, 30.0, id="never at all"
        ),
        pytest.param(f"{CONSTANT}, max_duration: 50s", {"duration": 30.0}, 30.0, 90.0, id="anew"),
    ],
)
def test_run_may_go_on_to_its_longest_duration(
    before: str, options: dict[str, Any], planned: float | None, longest: float
) -> None:
    scenario = changed(before, **options, goes_on=True)
    assert (scenario.planned, scenario.duration, scenario.early) == (planned, longest, False)
    assert scenario.expected == (planned or longest)
    assert scenario.loads[0].workload == OpenWorkload((Stage(50.0, 5.0 + longest),))
    fixed = changed(before, **options)
    assert (fixed.planned, fixed.duration) == (None, planned or longest)


@pytest.mark.parametrize(
    "before", [RATES, STEPS, SHAPE, "warm_up: auto, duration: 20s, rate: 50/s"]
)
def test_load_that_is_not_constant_never_goes_on(before: str) -> None:
    scenario = changed(before, goes_on=True)
    assert (scenario.planned, scenario) == (None, changed(before))


@pytest.mark.parametrize(
    ("options", "planned", "longest"),
    [
        ({}, 20.0, 50.0),
        ({"rate": 50.0}, 20.0, 50.0),
        ({"duration": 30.0}, 30.0, 90.0),
        ({"max_duration": 25.0}, 20.0, 25.0),
    ],
    ids=["no option", "a rate", "three times another duration", "a longest duration"],
)
def test_scenario_that_ends_once_all_is_decided_takes_the_options(
    options: dict[str, Any], planned: float, longest: float
) -> None:
    decided = f"{CONSTANT}, stop: decided, max_duration: 50s"
    scenario = changed(decided, **options)
    assert (scenario.planned, scenario.duration) == (planned, longest)
    assert changed(decided, **options, fixed_length=True) == replace(
        scenario,
        duration=planned,
        planned=None,
        early=False,
        loads=(Load(FILE, OpenWorkload((Stage(50.0, 5.0 + planned),)), tags=("read",)),),
    )


@pytest.mark.parametrize(
    ("options", "warm_up", "duration", "auto_warm_up"),
    [
        pytest.param({"warm_up": "auto"}, 10.0, 20.0, True, id="auto"),
        pytest.param({"warm_up": "auto", "duration": 40.0}, 20.0, 40.0, True, id="and longer"),
        pytest.param({"warm_up": 3.0}, 3.0, 20.0, False, id="a time"),
    ],
)
def test_warm_up_may_be_as_long_as_the_latency_needs(
    options: dict[str, Any], warm_up: float, duration: float, auto_warm_up: bool
) -> None:
    scenario = changed(CONSTANT, **options)
    assert (scenario.warm_up, scenario.duration, scenario.auto_warm_up) == (
        warm_up,
        duration,
        auto_warm_up,
    )
    assert scenario.loads[0].workload.seconds == warm_up + duration  # type: ignore[union-attr]
    assert changed(CONSTANT, **options, fixed_length=True) == scenario


def test_warm_up_of_the_file_that_settles_follows_the_duration() -> None:
    file = "warm_up: auto, duration: 20s, rate: 50/s"
    scenario = changed(file, duration=60.0)
    assert (scenario.warm_up, scenario.auto_warm_up) == (30.0, True)
    assert not changed(file, warm_up=5.0).auto_warm_up

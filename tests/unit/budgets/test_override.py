"""What the command line changes of a scenario, and what it cannot."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.budgets.model import (
    ClosedWorkload,
    Load,
    OpenWorkload,
    Scenario,
    ShapeWorkload,
    Stage,
    UserStage,
    Workload,
)
from harness.budgets.override import of_fixed_length, override
from harness.errors import UsageError

FILE = Path("a.py")
RATE = OpenWorkload((Stage(50.0, 25.0),), "even", 7, 9, "drop")
USERS = ClosedWorkload((UserStage(20, 2.5, 0), UserStage(20, 22.5)), 3)
SPAWNED = ClosedWorkload((UserStage(20, 8.0, 0), UserStage(20, 17.0)))
SHAPE = ShapeWorkload("Wave", 4)
RATES = OpenWorkload((Stage(50.0, 5.0), Stage(90.0, 20.0)), seed=2)
RAMP = OpenWorkload((Stage(50.0, 25.0, 0.0),), seed=2)
STEPS = ClosedWorkload((UserStage(5, 5.0), UserStage(9, 20.0, 5)), 6)


def scenario(workload: Workload) -> Scenario:
    return Scenario("it", (Load(FILE, workload, tags=("read",)),), 5.0, 20.0)


def several(*loads: tuple[Workload, float]) -> Scenario:
    named = [Load(FILE, load, f"l{n}", start) for n, (load, start) in enumerate(loads)]
    return Scenario("it", tuple(named), 5.0, 20.0)


def closed(users: int, ramp: float, hold: float, seed: int) -> ClosedWorkload:
    return ClosedWorkload((UserStage(users, ramp, 0), UserStage(users, hold)), seed)


CHANGES: dict[str, tuple[Workload, dict[str, Any], Workload]] = {
    "another rate keeps the keys of the open model": (
        RATE,
        {"rate": 5.0},
        OpenWorkload((Stage(5.0, 25.0),), "even", 7, 9, "drop"),
    ),
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
    "users instead of a rate": (RATE, {"users": 4}, closed(4, 2.5, 22.5, 7)),
    "users instead of stages": (STEPS, {"users": 4, "duration": 55.0}, closed(4, 2.5, 57.5, 6)),
    "a rate for longer": (
        RATE,
        {"duration": 60.0},
        OpenWorkload((Stage(50.0, 65.0),), "even", 7, 9, "drop"),
    ),
    "users for longer": (USERS, {"duration": 60.0}, closed(20, 2.5, 62.5, 3)),
    "users with another warm-up have all started after half of it": (
        USERS,
        {"warm_up": 10.0},
        closed(20, 5.0, 25.0, 3),
    ),
    "users that start at a rate still do": (SPAWNED, {"warm_up": 20.0}, closed(20, 8.0, 32.0, 1)),
    "a shape for longer": (SHAPE, {"duration": 60.0}, SHAPE),
    "more workers change no stages": (RATES, {"workers": 3}, RATES),
}


@pytest.mark.parametrize(("before", "changes", "after"), CHANGES.values(), ids=CHANGES)
def test_option_changes_the_workload_and_nothing_else(
    before: Workload, changes: dict[str, Any], after: Workload
) -> None:
    changed = override(scenario(before), **changes)
    assert changed.loads == (Load(FILE, after, tags=("read",)),)
    assert changed.duration == changes.get("duration", 20.0)
    assert changed.warm_up == changes.get("warm_up", 5.0)
    if not isinstance(after, ShapeWorkload):
        assert after.seconds == pytest.approx(changed.seconds)


def test_no_option_changes_nothing() -> None:
    for workload in (RATE, USERS, SHAPE, RATES, RAMP, STEPS):
        assert override(scenario(workload)) == scenario(workload)


@pytest.mark.parametrize(
    ("option", "workers"), [(None, 1), (4, 4), ("auto", None)], ids=["none", "some", "auto"]
)
def test_workers_are_those_of_the_option(option: Any, workers: int | None) -> None:
    assert override(scenario(RATE), workers=option).workers == workers


def test_several_loads_last_to_the_end_of_a_longer_scenario() -> None:
    late = OpenWorkload((Stage(9.0, 15.0),))
    burst = OpenWorkload((Stage(90.0, 2.0), Stage(0.0, 1.0)))
    users = closed(6, 2.5, 22.5, 1)
    before = several((RATE, 0.0), (late, 10.0), (burst, 20.0), (users, 0.0), (SHAPE, 3.0))
    after = override(before, duration=50.0, warm_up=10.0)
    assert [(load.name, load.start) for load in after.loads] == [
        (load.name, load.start) for load in before.loads
    ]
    assert [load.workload for load in after.loads] == [
        OpenWorkload((Stage(50.0, 60.0),), "even", 7, 9, "drop"),
        OpenWorkload((Stage(9.0, 50.0),)),
        burst,
        closed(6, 5.0, 55.0, 1),
        SHAPE,
    ]


REFUSED: dict[str, tuple[Scenario, dict[str, Any], str]] = {
    "a rate and users": (scenario(RATE), {"rate": 5.0, "users": 5}, "exclude each other"),
    "a rate for several loads": (
        several((RATE, 0.0), (USERS, 0.0)),
        {"rate": 5.0},
        "scenario 'it' has several loads, and --rate cannot say which it means",
    ),
    "users for several loads": (
        several((RATE, 0.0), (USERS, 0.0)),
        {"users": 5},
        "scenario 'it' has several loads, and --users cannot say which it means",
    ),
    "a rate for a shape": (
        scenario(SHAPE),
        {"rate": 5.0},
        "Wave says how many users scenario 'it' has, not --rate",
    ),
    "users for a shape": (
        scenario(SHAPE),
        {"users": 5},
        "Wave says how many users scenario 'it' has, not --users",
    ),
    "a duration for stages": (
        scenario(RATES),
        {"duration": 5.0},
        "the stages of scenario 'it' set how long it lasts",
    ),
    "a warm-up for a ramp": (
        scenario(RAMP),
        {"warm_up": 5.0},
        "the stages of scenario 'it' set how long it lasts",
    ),
    "a duration for stages of users": (
        scenario(STEPS),
        {"duration": 5.0},
        "the stages of scenario 'it' set how long it lasts",
    ),
    "a duration that ends before a load starts": (
        several((RATE, 0.0), (OpenWorkload((Stage(9.0, 15.0),)), 10.0)),
        {"duration": 5.0},
        "load 'l1' of scenario 'it' starts at 10 s, when 10 s are over",
    ),
    "a duration shorter than the stages of a load": (
        several((RATE, 0.0), (RATES, 0.0)),
        {"duration": 10.0},
        "the stages of load 'l1' of scenario 'it' last longer than that",
    ),
}


@pytest.mark.parametrize(("before", "changes", "message"), REFUSED.values(), ids=REFUSED)
def test_option_that_makes_no_sense_is_refused_with_a_hint(
    before: Scenario, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as refused:
        override(before, **changes)
    assert message in refused.value.message
    assert refused.value.hint


CONSTANT = OpenWorkload((Stage(50.0, 25.0),), seed=2)


@pytest.mark.parametrize(
    ("options", "planned", "longest"),
    [
        pytest.param({"max_duration": 60.0}, 20.0, 60.0, id="a longest duration"),
        pytest.param({"max_duration": 60.0, "duration": 30.0}, 30.0, 60.0, id="both"),
        pytest.param({"duration": 30.0}, None, 30.0, id="a duration alone"),
    ],
)
def test_longest_duration_lets_the_planned_one_end_early_or_go_on(
    options: dict[str, Any], planned: float | None, longest: float
) -> None:
    changed = override(scenario(CONSTANT), **options)
    assert (changed.planned, changed.duration) == (planned, longest)
    assert changed.loads[0].workload == OpenWorkload((Stage(50.0, 5.0 + longest),), seed=2)


@pytest.mark.parametrize(
    ("options", "planned", "longest"),
    [({}, 20.0, 40.0), ({"duration": 30.0}, 30.0, 60.0), ({"max_duration": 25.0}, 20.0, 25.0)],
    ids=["no option", "twice another duration", "a longest duration"],
)
def test_scenario_that_ends_once_all_is_decided_takes_the_options(
    options: dict[str, Any], planned: float, longest: float
) -> None:
    file = replace(scenario(OpenWorkload((Stage(50.0, 45.0),))), duration=40.0, planned=20.0)
    changed = override(file, **options)
    assert (changed.planned, changed.duration) == (planned, longest)
    assert of_fixed_length(changed) == replace(
        changed,
        duration=planned,
        planned=None,
        loads=(Load(FILE, OpenWorkload((Stage(50.0, 5.0 + planned),)), tags=("read",)),),
    )


def test_longest_duration_that_is_shorter_is_refused() -> None:
    with pytest.raises(UsageError, match="a longest duration of 10 s is shorter than the duration"):
        override(scenario(CONSTANT), max_duration=10.0)


@pytest.mark.parametrize(
    ("options", "warm_up", "duration", "auto_warm_up"),
    [
        pytest.param({"warm_up": "auto"}, 10.0, 20.0, True, id="asked for"),
        pytest.param({"warm_up": "auto", "duration": 40.0}, 20.0, 40.0, True, id="and longer"),
        pytest.param({"warm_up": 3.0}, 3.0, 20.0, False, id="a time"),
    ],
)
def test_warm_up_may_be_as_long_as_the_latency_needs(
    options: dict[str, Any], warm_up: float, duration: float, auto_warm_up: bool
) -> None:
    changed = override(scenario(CONSTANT), **options)
    assert (changed.warm_up, changed.duration, changed.auto_warm_up) == (
        warm_up,
        duration,
        auto_warm_up,
    )
    assert changed.loads[0].workload.seconds == warm_up + duration  # type: ignore[union-attr]
    assert of_fixed_length(changed) == changed


def test_warm_up_of_the_file_that_settles_follows_the_duration() -> None:
    file = replace(
        scenario(OpenWorkload((Stage(50.0, 30.0),))), warm_up=10.0, duration=20.0, auto_warm_up=True
    )
    changed = override(file, duration=60.0)
    assert (changed.warm_up, changed.auto_warm_up) == (30.0, True)
    assert not override(file, warm_up=5.0).auto_warm_up


@pytest.mark.parametrize(
    ("of", "options", "message"),
    [
        (CONSTANT, {"max_duration": 40.0}, "found after the load"),
        (CONSTANT, {"duration": 5.0}, "too short to see the latency settle"),
        (SHAPE, {}, "changes, so its latency does not settle"),
        (RATES, {}, "the stages of scenario 'it' set how long it lasts"),
    ],
)
def test_warm_up_that_cannot_settle_is_refused(
    of: Workload, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        override(scenario(of), warm_up="auto", **options)

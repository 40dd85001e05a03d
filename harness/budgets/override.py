"""A scenario with what the command line changes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from harness.budgets.model import (
    ClosedWorkload,
    Load,
    OpenWorkload,
    Scenario,
    ShapeWorkload,
    Stage,
    Workload,
)
from harness.budgets.parse.workloads import (
    FEWEST_TO_SETTLE,
    closed,
    longest,
    settling_time,
    usual_ramp,
)
from harness.errors import UsageError


def override(
    scenario: Scenario,
    *,
    rate: float | None = None,
    users: int | None = None,
    duration: float | None = None,
    warm_up: float | Literal["auto"] | None = None,
    max_duration: float | None = None,
    workers: int | Literal["auto"] | None = None,
) -> Scenario:
    """Apply `--rate`, `--users`, `--duration`, `--warm-up`, `--max-duration` and `--workers`.

    `rate` makes the workload open at a constant rate, `users` makes it closed, for the whole of the
    scenario. Stages keep their length, so `duration` and `warm_up` cannot change a load of stages,
    unless it is one of several, which may be over before the scenario is. `max_duration` lets the
    run end, or go on, until every budget is decided.

    Raises:
        UsageError: The options contradict each other or the scenario.
    """
    _refuse(scenario, rate, users)
    lasts, planned = _lengths(scenario, duration, max_duration)
    changed = replace(
        scenario,
        warm_up=_warm_up(scenario, warm_up, lasts),
        auto_warm_up=warm_up == "auto" or (scenario.auto_warm_up and warm_up is None),
        duration=lasts,
        planned=planned,
    )
    if changed.auto_warm_up:
        _refuse_to_settle(changed)
    if workers is not None:
        changed = replace(changed, workers=None if workers == "auto" else workers)
    if rate is not None or users is not None:
        workload = _replaced(scenario.loads[0].workload, rate, users, changed)
        return replace(changed, loads=(replace(scenario.loads[0], workload=workload),))
    if (duration, warm_up, max_duration) == (None, None, None):
        return changed
    return _as_long(scenario, changed)


def _warm_up(scenario: Scenario, warm_up: float | str | None, duration: float) -> float:
    if isinstance(warm_up, float):
        return warm_up
    auto_warm_up = scenario.auto_warm_up or warm_up == "auto"
    return settling_time(duration) if auto_warm_up else scenario.warm_up


def _refuse_to_settle(scenario: Scenario) -> None:
    if scenario.planned is not None:
        raise UsageError(
            "a warm-up of auto is found after the load, and --max-duration needs it before",
            "give --warm-up a time, or remove `stop` or --max-duration",
        )
    if scenario.duration < FEWEST_TO_SETTLE:
        raise UsageError(
            f"a duration of {scenario.duration:g} s is too short to see the latency settle",
            f"give at least {FEWEST_TO_SETTLE:g} s, or --warm-up a time",
        )
    if any(isinstance(load.workload, ShapeWorkload) for load in scenario.loads):
        raise UsageError(
            f"the load of scenario {scenario.name!r} changes, so its latency does not settle",
            "give --warm-up a time",
        )


def of_fixed_length(scenario: Scenario) -> Scenario:
    """A scenario that lasts as long as planned, whatever is decided by then."""
    if scenario.planned is None:
        return scenario
    return _as_long(scenario, replace(scenario, duration=scenario.planned, planned=None))


def _lengths(
    scenario: Scenario, duration: float | None, max_duration: float | None
) -> tuple[float, float | None]:
    """The longest duration, and the planned one where the run may end once all is decided."""
    planned = duration or scenario.planned or scenario.duration
    if max_duration is None and scenario.planned is None:
        return planned, None
    if duration is None and max_duration is None:
        return scenario.duration, scenario.planned
    most = longest(planned, max_duration)
    if most < planned:
        raise UsageError(
            f"a longest duration of {most:g} s is shorter than the duration, {planned:g} s",
            "give a longer --max-duration, or a shorter --duration",
        )
    return most, planned


def _as_long(before: Scenario, after: Scenario) -> Scenario:
    """The scenario with loads that fit its changed length."""
    return replace(after, loads=tuple(_stretched(load, before, after) for load in after.loads))


def _refuse(scenario: Scenario, rate: float | None, users: int | None) -> None:
    if rate is not None and users is not None:
        raise UsageError("--rate and --users exclude each other", "give one of them")
    if rate is None and users is None:
        return
    option = "--rate" if rate is not None else "--users"
    if len(scenario.loads) > 1:
        raise UsageError(
            f"scenario {scenario.name!r} has several loads, and {option} cannot say which it means",
            "change the loads in budgets.yaml, or run a scenario that has only one",
        )
    workload = scenario.loads[0].workload
    if isinstance(workload, ShapeWorkload):
        raise UsageError(
            f"{workload.shape} says how many users scenario {scenario.name!r} has, not {option}",
            "change the shape in the locustfile, or run a scenario without one",
        )


def _replaced(
    workload: Workload, rate: float | None, users: int | None, scenario: Scenario
) -> Workload:
    if users is not None:
        return closed(users, usual_ramp(scenario.warm_up), scenario.seconds, workload.seed)
    stages = (Stage(rate or 0.0, scenario.seconds),)
    if isinstance(workload, OpenWorkload):
        return replace(workload, stages=stages)
    return OpenWorkload(stages, seed=workload.seed)


def _stretched(load: Load, before: Scenario, after: Scenario) -> Load:
    """A load that lasts as long as a scenario whose length was changed."""
    seconds = after.seconds - load.start
    if seconds <= 0:
        raise UsageError(
            f"load {load.name!r} of scenario {before.name!r} starts at {load.start:g} s, when "
            f"{after.seconds:g} s are over",
            "give a longer --duration, or an earlier start in budgets.yaml",
        )
    workload = load.workload
    if isinstance(workload, ShapeWorkload):
        return load
    if (ramp := _ramp_of_constant(workload)) is not None and _fills(workload, load, before):
        if isinstance(workload, OpenWorkload):
            return replace(load, workload=_replaced_stage(workload, seconds))
        if ramp == usual_ramp(before.warm_up - load.start):
            ramp = usual_ramp(after.warm_up - load.start)
        users = workload.stages[0].users
        return replace(load, workload=closed(users, ramp, seconds, workload.seed))
    if len(before.loads) == 1:
        raise UsageError(
            f"the stages of scenario {before.name!r} set how long it lasts",
            "give --rate or --users as well, or change the stages in budgets.yaml",
        )
    if workload.seconds > seconds + 1e-9:
        raise UsageError(
            f"the stages of load {load.name!r} of scenario {before.name!r} last longer than that",
            "give a longer --duration, or change the stages in budgets.yaml",
        )
    return load


def _replaced_stage(workload: OpenWorkload, seconds: float) -> OpenWorkload:
    return replace(workload, stages=(Stage(workload.stages[0].rate, seconds),))


def _fills(workload: OpenWorkload | ClosedWorkload, load: Load, scenario: Scenario) -> bool:
    """Whether a load lasts until the scenario's end."""
    return abs(load.start + workload.seconds - scenario.seconds) < 1e-6


def _ramp_of_constant(workload: OpenWorkload | ClosedWorkload) -> float | None:
    """Seconds in which a load that is constant from then on starts; None when it has stages."""
    if isinstance(workload, OpenWorkload):
        only = len(workload.stages) == 1 and workload.stages[0].start_rate is None
        return 0.0 if only else None
    first, *rest = workload.stages
    steady = all(s.start_users is None and s.users == first.users for s in rest)
    return first.seconds if first.start_users == 0 and steady and len(rest) <= 1 else None

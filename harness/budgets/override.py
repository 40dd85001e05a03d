"""A scenario with the changes of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from harness.budgets.model import Plan, Scenario
from harness.budgets.parse.problems import Problems
from harness.budgets.parse.scenario_schema import LoadSpec, ScenarioSpec, WorkloadSpec
from harness.budgets.parse.scenarios import scenario
from harness.errors import UsageError


@dataclass(frozen=True, slots=True)
class Changes:
    """What the options change in a scenario; None leaves a key as it is.

    Attributes:
        rate: Makes the workload open at this constant rate, per second.
        users: Makes the workload closed with so many users.
        duration: Seconds of the window. The longest duration follows from it.
        warm_up: Seconds, or "auto".
        max_duration: Longest duration of the window while a budget is undecided, in seconds.
        workers: Number of processes, or "auto".
        fixed_length: Whether the run lasts its duration, whatever is decided by then.
        goes_on: Whether the run may go on while a budget is undecided, as far as the file allows.
    """

    rate: float | None = None
    users: int | None = None
    duration: float | None = None
    warm_up: float | Literal["auto"] | None = None
    max_duration: float | None = None
    workers: int | Literal["auto"] | None = None
    fixed_length: bool = False
    goes_on: bool = False


def override(plan: Plan, name: str, changes: Changes) -> Scenario:
    """A scenario of a plan with changes, under the rules that budgets.yaml has.

    Stages keep their length, so `duration` and `warm_up` cannot change a scenario whose only load
    has stages, unless `rate` or `users` replaces them.

    Raises:
        UsageError: The changes contradict each other or the scenario.
    """
    if changes == Changes():
        return plan.scenarios[name]
    spec = plan.specs[name]
    assert isinstance(spec, ScenarioSpec)
    problems = Problems(plan.source)
    update = _load(name, spec, changes) | _times(plan.scenarios[name], spec, changes)
    changed = spec.model_copy(update=update)
    found = scenario(name, changed, plan.source.parent, problems, goes_on=changes.goes_on)
    if found is None:
        start = f"scenarios.{name}."
        texts = [f"{path.removeprefix(start)}: {text}" for _, path, text in problems.found()]
        raise UsageError(
            f"scenario {name!r} does not fit the options: {'; '.join(texts)}",
            "change the options, or the scenario in budgets.yaml",
        )
    return found


def _load(name: str, spec: ScenarioSpec, changes: Changes) -> dict[str, Any]:
    """The keys of a scenario that `rate` or `users` changes."""
    if changes.rate is None and changes.users is None:
        return {}
    if changes.rate is not None and changes.users is not None:
        raise UsageError("--rate and --users exclude each other", "give one of them")
    option = "--rate" if changes.rate is not None else "--users"
    if spec.loads is None:
        return _replaced(name, spec, changes, option)
    if len(spec.loads) > 1:
        raise UsageError(
            f"scenario {name!r} has several loads, and {option} cannot say which it means",
            "change the loads in budgets.yaml, or run a scenario that has only one",
        )
    ((load, of),) = spec.loads.items()
    return {"loads": {load: of.model_copy(update=_replaced(name, of, changes, option))}}


def _replaced(
    name: str, load: ScenarioSpec | LoadSpec, changes: Changes, option: str
) -> dict[str, Any]:
    before = load.workload
    if before is None:
        return {"rate": changes.rate, "users": changes.users}
    if before.shape is not None:
        raise UsageError(
            f"{before.shape} says how many users scenario {name!r} has, not {option}",
            "change the shape in the locustfile, or run a scenario without one",
        )
    workload = WorkloadSpec.model_construct(users=changes.users, seed=before.seed)
    if changes.rate is not None:  # what the file says of arrivals and of idle users still holds
        constant = {"rate": changes.rate, "users": None, "stages": None, "spawn_rate": None}
        workload = before.model_copy(update=constant)
    return {"workload": workload}


def _times(before: Scenario, spec: ScenarioSpec, changes: Changes) -> dict[str, Any]:
    """The keys of a scenario that the other options change."""
    found: dict[str, Any] = {}
    loads: list[ScenarioSpec | LoadSpec] = [spec, *(spec.loads or {}).values()]
    staged = any(load.workload is not None and load.workload.stages for load in loads)
    constant = changes.rate is not None or changes.users is not None
    timed = (changes.duration, changes.warm_up, changes.max_duration) != (None, None, None)
    if timed and staged and not constant and len(before.loads) == 1:
        raise UsageError(
            f"the stages of scenario {before.name!r} set how long it lasts",
            "give --rate or --users as well, or change the stages in budgets.yaml",
        )
    if changes.duration is not None or constant:
        found["duration"] = changes.duration or before.planned or before.duration
    if changes.warm_up is not None:
        found["warm_up"] = changes.warm_up
    if changes.workers is not None:
        found["workers"] = changes.workers
    if changes.max_duration is not None:
        found["max_duration"] = changes.max_duration
    elif changes.duration is not None:
        never = spec.max_duration is not None and spec.max_duration == spec.duration
        found["max_duration"] = changes.duration if never else None
    return found | ({"stop": None, "max_duration": None} if changes.fixed_length else {})

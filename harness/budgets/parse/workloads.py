"""Workloads: from their specs to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.budgets.parse.problems import Place, Problems
from harness.budgets.parse.scenario_schema import LoadSpec, ScenarioSpec, StageSpec, WorkloadSpec
from harness.budgets.workload import (
    ClosedWorkload,
    OpenWorkload,
    ShapeWorkload,
    Stage,
    UserStage,
    Workload,
)

_MODELS = ("rate", "users", "stages", "shape")
_OPEN = ("rate", "ramp_to")
_CLOSED = ("users", "ramp_to_users")
_OPEN_ONLY = ("arrivals", "max_users", "when_exhausted", "min_users")
_MAX_USERS = 100
_MIN_USERS = 10


@dataclass(frozen=True, slots=True)
class LoadTimes:
    """The time of a load.

    Attributes:
        seconds: From its start to the end of the scenario.
        warm_up: From its start to the start of the window; negative if the load starts later.
    """

    seconds: float
    warm_up: float


def chosen(
    spec: ScenarioSpec | LoadSpec, keys: Sequence[str], place: Place, problems: Problems
) -> tuple[WorkloadSpec, Place] | None:
    """The workload with its place in the file; None if it has a mistake, which `problems` takes.

    Args:
        spec: A section with `rate`, `users` or `workload`.
        keys: The keys of which exactly one must be given.
        place: The place of `spec`.
        problems: Takes the mistakes.
    """
    if not _exactly_one(spec, keys, place, problems):
        return None
    if spec.workload is None:
        return WorkloadSpec.model_construct(rate=spec.rate, users=spec.users), place
    inner = (*place, "workload")
    if not _exactly_one(spec.workload, _MODELS, inner, problems):
        return None
    _check_stages(spec.workload.stages or [], (*inner, "stages"), problems)
    _check_keys(spec.workload, inner, problems)
    return None if problems.within(inner) else (spec.workload, inner)


def _exactly_one(
    spec: ScenarioSpec | LoadSpec | WorkloadSpec,
    keys: Sequence[str],
    place: Place,
    problems: Problems,
) -> bool:
    given = [key for key in keys if getattr(spec, key) is not None]
    if len(given) != 1:
        found = f"has {' and '.join(given)}" if given else "has no load"
        *most, last = keys
        problems.add(place, f"{found}; write exactly one of {', '.join(most)} and {last}")
    return len(given) == 1


def _check_stages(stages: Sequence[StageSpec], place: Place, problems: Problems) -> None:
    found: list[str] = []
    for index, stage in enumerate(stages):
        given = [key for key in (*_OPEN, *_CLOSED) if getattr(stage, key) is not None]
        if len(given) != 1:
            text = f"has {' and '.join(given)}" if given else "has no load"
            text += "; write exactly one of rate, ramp_to, users and ramp_to_users"
            problems.add((*place, index), text)
        found += given
    if problems.within(place) or not stages:
        return
    if set(found) & set(_OPEN) and set(found) & set(_CLOSED):
        problems.add(
            place,
            "mixes rates and users; write either rate and ramp_to (open model) or users and "
            "ramp_to_users (closed model), and the other kind as one of several `loads`",
        )
    elif not any(getattr(stage, key) for stage, key in zip(stages, found, strict=True)):
        problems.add(place, "no stage has any load; give one of them more than 0")


def _check_keys(spec: WorkloadSpec, place: Place, problems: Problems) -> None:
    """Check that the keys have a meaning for this workload, also together."""
    if not is_open(spec):
        for key in _OPEN_ONLY:
            if getattr(spec, key) is not None:
                text = "has no meaning in the closed model; it belongs to rate or stages of rates"
                problems.add((*place, key), text)
    if spec.spawn_rate is not None and spec.users is None:
        model = "open model" if is_open(spec) else "closed model with stages or a shape"
        problems.add((*place, "spawn_rate"), f"has no meaning in the {model}; it belongs to users")
    if problems.within(place) or spec.min_users is None:
        return
    most = spec.max_users or _MAX_USERS
    if spec.when_exhausted != "grow":
        text = "belongs to `when_exhausted: grow`; add that, or remove it"
        problems.add((*place, "min_users"), text)
    elif spec.min_users > most:
        text = f"is more than max_users, which is {most}; write less, or raise max_users"
        problems.add((*place, "min_users"), text)


def is_open(spec: WorkloadSpec) -> bool:
    """Whether arrivals follow a schedule."""
    if spec.stages:
        return any(getattr(spec.stages[0], key) is not None for key in _OPEN)
    return spec.rate is not None


def workload(spec: WorkloadSpec, span: LoadTimes) -> Workload:
    """The workload of a spec without mistakes."""
    if spec.shape is not None:
        return ShapeWorkload(spec.shape, spec.seed)
    if spec.users is not None:
        return _closed(spec, spec.users, span)
    if not is_open(spec):
        return ClosedWorkload(_user_stages(spec.stages or []), spec.seed)
    most = spec.max_users or _MAX_USERS
    return OpenWorkload(
        _stages(spec.stages) if spec.stages else (Stage(spec.rate or 0.0, span.seconds),),
        arrivals=spec.arrivals or "poisson",
        seed=spec.seed,
        max_users=most,
        when_exhausted=spec.when_exhausted or "queue",
        min_users=spec.min_users or min(_MIN_USERS, most),
    )


def _stages(specs: Sequence[StageSpec]) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for spec in specs:
        if spec.ramp_to is None:
            stages.append(Stage(spec.rate or 0.0, spec.hold))
        else:
            before = stages[-1].rate if stages else 0.0
            stages.append(Stage(spec.ramp_to, spec.hold, before))
    return tuple(stages)


def _user_stages(specs: Sequence[StageSpec]) -> tuple[UserStage, ...]:
    stages: list[UserStage] = []
    for spec in specs:
        if spec.ramp_to_users is None:
            stages.append(UserStage(spec.users or 0, spec.hold))
        else:
            before = stages[-1].users if stages else 0
            stages.append(UserStage(spec.ramp_to_users, spec.hold, before))
    return tuple(stages)


def _closed(spec: WorkloadSpec, users: int, span: LoadTimes) -> ClosedWorkload:
    """Users that start one by one, by default within the first half of the warm-up, and stay."""
    ramp = users / spec.spawn_rate if spec.spawn_rate else max(span.warm_up / 2, 1.0)
    ramp = min(ramp, span.seconds)
    hold = (UserStage(users, span.seconds - ramp),) if ramp < span.seconds else ()
    return ClosedWorkload((UserStage(users, ramp, 0), *hold), spec.seed)

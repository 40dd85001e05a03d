"""Scenarios and the target: from their specs to the model."""

from __future__ import annotations

import re
from pathlib import Path

from harness.budgets.model import (
    ClosedWorkload,
    Load,
    OpenWorkload,
    Scenario,
    Stage,
    Target,
    UserStage,
)
from harness.budgets.problems import Place, Problems, closest, listed
from harness.budgets.schema import ScenarioSpec, TargetSpec, WorkloadSpec

_URL = re.compile(
    r"https?://(?:[^\s/?#@]+@)?(?:\[[0-9a-fA-F:.]+\]|[^\s/?#:@\[\]{}]+)"
    r"(?::(?P<port>[0-9]{1,5}))?(?:/\S*)?"
)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def scenario(name: str, spec: ScenarioSpec, directory: Path, problems: Problems) -> Scenario | None:
    """One scenario, with its workload as stages or users.

    With `rate` the load is one stage of warm-up and duration. With `stages` the warm-up lies
    inside them, and the duration is what is left of them.

    Returns:
        The scenario; None when it makes no sense, which is then noted.
    """
    place: Place = ("scenarios", name)
    if problems.within(place):
        return None
    workload, inner = _one_workload(spec, place, problems)
    if workload is None:
        return None
    _refuse_strangers(workload, inner, problems)
    duration = _duration(spec, workload, place, problems)
    if problems.within(place):
        return None
    return Scenario(
        name=name,
        loads=(
            Load(
                directory / spec.locustfile,
                _workload(workload, spec.warm_up, duration),
                tags=tuple(spec.tags or ()),
                exclude_tags=tuple(spec.exclude_tags or ()),
            ),
        ),
        warm_up=spec.warm_up,
        duration=duration,
        drain=spec.drain,
    )


def _one_workload(
    spec: ScenarioSpec, place: Place, problems: Problems
) -> tuple[WorkloadSpec | None, Place]:
    """The workload, with the place where it stands; None when it is not exactly one."""
    given = [key for key in ("rate", "users", "workload") if getattr(spec, key) is not None]
    if len(given) != 1:
        found = f"has {' and '.join(given)}" if given else "has no load"
        problems.add(place, f"{found}; write exactly one of rate, users and workload")
        return None, place
    if spec.workload is None:
        return WorkloadSpec.model_construct(rate=spec.rate, users=spec.users), place
    inner = (*place, "workload")
    given = [key for key in ("rate", "users", "stages") if getattr(spec.workload, key) is not None]
    if len(given) != 1:
        found = f"has {' and '.join(given)}" if given else "has no load"
        problems.add(inner, f"{found}; write exactly one of rate, users and stages")
        return None, inner
    return spec.workload, inner


def _refuse_strangers(spec: WorkloadSpec, place: Place, problems: Problems) -> None:
    closed = spec.users is not None
    foreign = ("arrivals", "max_users") if closed else ("spawn_rate",)
    model, needs = ("closed", listed(("rate", "stages"))) if closed else ("open", "users")
    for key in foreign:
        if getattr(spec, key) is not None:
            problems.add(
                (*place, key), f"has no meaning in the {model} model; it belongs to {needs}"
            )


def _duration(
    spec: ScenarioSpec, workload: WorkloadSpec, place: Place, problems: Problems
) -> float:
    """Seconds that are judged."""
    here = (*place, "duration")
    if workload.stages is None:
        if spec.duration is None:
            problems.add(here, 'is missing: how long the load is judged, e.g. "20s"')
        return spec.duration or 0.0
    total = sum(stage.hold for stage in workload.stages)
    if spec.duration is not None:
        problems.add(here, "the stages say how long the load lasts; remove duration")
    if spec.warm_up >= total:
        problems.add(
            (*place, "warm_up"),
            f"the warm-up of {spec.warm_up:g} s leaves nothing of the stages, which last "
            f"{total:g} s together; write a shorter warm_up or longer stages",
        )
    return total - spec.warm_up


def _workload(spec: WorkloadSpec, warm_up: float, duration: float) -> OpenWorkload | ClosedWorkload:
    if spec.users is not None:
        # All users have started when half of the warm-up is over, at the soonest a second.
        ramp = spec.users / spec.spawn_rate if spec.spawn_rate else max(warm_up / 2, 1.0)
        return closed(spec.users, ramp, warm_up + duration, spec.seed)
    stages = (
        tuple(Stage(stage.rate, stage.hold) for stage in spec.stages)
        if spec.stages
        else (Stage(spec.rate or 0.0, warm_up + duration),)
    )
    return OpenWorkload(stages, spec.arrivals or "poisson", spec.seed, spec.max_users or 100)


def closed(users: int, ramp: float, seconds: float, seed: int) -> ClosedWorkload:
    """Users that start one by one for `ramp` seconds, and then stay."""
    ramp = min(ramp, seconds)
    hold = (UserStage(users, seconds - ramp),) if ramp < seconds else ()
    return ClosedWorkload((UserStage(users, ramp, 0), *hold), seed)


def target(spec: TargetSpec, directory: Path, problems: Problems) -> Target | None:
    """The service under load; None when it makes no sense, which is then noted."""
    place: Place = ("target",)
    clean = not problems.within(place)
    _check_url(spec.url, (*place, "url"), problems)
    _check_addresses(spec, place, problems)
    if clean:
        _check_pieces(spec, place, problems)
    if problems.within(place):
        return None
    return Target(
        url=spec.url.rstrip("/"),
        command=spec.command,
        setup=spec.setup,
        ready=spec.ready,
        metrics=tuple(spec.metrics or ()),
        environment=dict(spec.environment),
        ready_timeout=spec.ready_timeout,
        stop_timeout=spec.stop_timeout,
        directory=directory,
    )


def _check_addresses(spec: TargetSpec, place: Place, problems: Problems) -> None:
    addresses = [((*place, "ready"), spec.ready)] if spec.ready else []
    listed_metrics = spec.metrics or []
    for index, address in enumerate(listed_metrics):
        here: Place = (*place, "metrics", index)
        if address in listed_metrics[:index]:
            problems.add(here, f"{address} is listed twice, and would be counted twice")
        addresses.append((here, address))
    for here, address in addresses:
        if not address.startswith("/"):
            _check_url(address, here, problems, what="a path that starts with / or a URL")


def _check_url(url: str, place: Place, problems: Problems, what: str = "a URL") -> None:
    for name in _PLACEHOLDER.findall(url):
        if name != "port":
            meant = closest(name, ["port"])
            problems.add(place, f"{{{name}}} is unknown; {meant}only {{port}} is replaced")
            return
    match = _URL.fullmatch(url.replace("{port}", "1"))
    good = match is not None and 0 < int(match["port"] or 80) < 65_536
    if not good:
        problems.add(place, f'"{url}" is not {what}; write e.g. http://127.0.0.1:8000')


def _check_pieces(spec: TargetSpec, place: Place, problems: Problems) -> None:
    """What the command, the url and the port need from each other."""
    if spec.command is None:
        for key in ("setup", "environment"):
            if getattr(spec, key):
                problems.add((*place, key), "is for the command, but there is no command")
        addresses = {"url": spec.url, "ready": spec.ready, "metrics": str(spec.metrics)}
        for key, address in addresses.items():
            if "{port}" in (address or ""):
                problems.add(
                    (*place, key),
                    "{port} is the free port that the command gets, but there is no command; "
                    "add a command or write the port of the running service",
                )
        return
    for_command = spec.command + "".join(spec.environment.values())
    if "{port}" in for_command and "{port}" not in spec.url:
        problems.add((*place, "url"), "the command listens on {port}; write {port} in the url, too")
    if "{port}" in spec.url and "{port}" not in for_command:
        problems.add(
            (*place, "command"),
            "does not say {port}, which the url expects; pass it on, e.g. --port {port}",
        )

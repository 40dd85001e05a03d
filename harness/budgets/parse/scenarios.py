"""Scenarios and the target: from their specs to the model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from harness.budgets.dialects.read import dialects
from harness.budgets.limits import TIME
from harness.budgets.model import Load, Scenario, Target
from harness.budgets.parse.problems import Place, Problems, closest
from harness.budgets.parse.scenario_schema import LoadSpec, ScenarioSpec, TargetSpec, WorkloadSpec
from harness.budgets.parse.types import NAME
from harness.budgets.parse.workloads import LoadTimes, chosen, workload
from harness.budgets.workload import CapacityOptions

_URL = re.compile(
    r"https?://(?:[^\s/?#@]+@)?(?:\[[0-9a-fA-F:.]+\]|[^\s/?#:@\[\]{}]+)"
    r"(?::(?P<port>[0-9]{1,5}))?(?:/\S*)?"
)
_SHORTEST_AUTO = 10.0  # seconds of a duration in which it can be seen that the latency settles
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"  # POSIX.1-2017, 8.1
_LONGER = 3.0  # longest duration over the duration, without `max_duration`
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PORTS = ["port", *(f"port{number}" for number in range(2, 10))]


def scenario(
    name: str,
    spec: ScenarioSpec,
    directory: Path,
    problems: Problems,
    *,
    goes_on: bool = False,
) -> Scenario | None:
    """One scenario, with its loads.

    With `rate` the load is one stage of warm-up and duration. With `stages` the warm-up is the
    first part of them, and the duration is the rest. Each of several loads lasts from its start to
    the end of the scenario.

    Args:
        name: Its name.
        spec: Its keys.
        directory: Of the locustfiles.
        problems: Takes mistakes.
        goes_on: Whether the load is planned for `max_duration`, so that a run can go on while a
            budget is undecided; with `stop: decided` it always is.

    Returns:
        The scenario; None if it has a mistake, which `problems` takes.
    """
    place: Place = ("scenarios", name)
    if problems.within(place):
        return None
    length = _Length(spec, goes_on or spec.stop is not None)
    found = (_single if spec.loads is None else _several)(spec, length, directory, place, problems)
    if found is None or problems.within(place):
        return None
    _check_capacity(spec, (*place, "capacity"), problems)
    if problems.within(place):
        return None
    loads, duration = found
    longest = length.longest(duration)
    seconds = _warm_up(spec, duration) + longest
    if problem := TIME.problem(seconds):
        problems.add(place, f"the load lasts {seconds / 86_400:.3g}d in all; it {problem}")
        return None
    return Scenario(
        name=name,
        loads=loads,
        warm_up=_warm_up(spec, duration),
        auto_warm_up=spec.warm_up == "auto",
        duration=longest,
        planned=duration if spec.stop or longest > duration else None,
        early=spec.stop is not None,
        drain=spec.drain,
        workers=None if spec.workers == "auto" else spec.workers,
        trace_ratio=spec.trace_ratio,
        locustfile_exit_code=spec.locustfile_exit_code,
        capacity=CapacityOptions(**dict(spec.capacity)) if spec.capacity else None,
    )


def _check_capacity(spec: ScenarioSpec, place: Place, problems: Problems) -> None:
    """Check that the search for the capacity has one rate to vary, within a range."""
    found = spec.capacity
    if found is None:
        return
    loads = [spec] if spec.loads is None else list(spec.loads.values())
    if len(loads) > 1:
        problems.add(place, "varies one rate, and this scenario has several loads; remove it")
    elif loads[0].workload is not None and loads[0].workload.shape is not None:
        problems.add(place, "varies the rate, and here a shape sets the users; remove it")
    if found.most is None:
        return
    for key, value in (("from", found.start), ("min", found.least)):
        if value is not None and value > found.most:
            problems.add((*place, key), "is above `to`, the highest rate to try; lower it")


_Loads = tuple[tuple[Load, ...], float] | None  # with the seconds of the window


class _Length(NamedTuple):
    """How long the load of a scenario may last."""

    spec: ScenarioSpec
    goes_on: bool

    def longest(self, duration: float) -> float:
        """Longest duration of the window, in seconds.

        Stages and shapes define their own length, and an automatic warm-up is known only after the
        load.
        """
        if not self.goes_on or not _is_constant(self.spec) or self.spec.warm_up == "auto":
            return duration
        return self.spec.max_duration or _LONGER * duration


def _is_constant(spec: ScenarioSpec) -> bool:
    loads: list[ScenarioSpec | LoadSpec] = [spec, *(spec.loads or {}).values()]
    given = [load.workload for load in loads if load.workload is not None]
    return all(one.stages is None and one.shape is None for one in given)


def _single(
    spec: ScenarioSpec, length: _Length, directory: Path, place: Place, problems: Problems
) -> _Loads:
    """The load of a scenario that has one."""
    if spec.locustfile is None:
        problems.add((*place, "locustfile"), "is missing: the Locust file, relative to this file")
    found = chosen(spec, ("rate", "users", "workload", "loads"), place, problems)
    if found is None or spec.locustfile is None:
        return None
    duration = _duration(spec, found[0], place, problems)
    _check_stop(spec, (found[0],), place, problems)
    _check_auto(spec, (found[0],), place, problems)
    warm_up = _warm_up(spec, duration)
    load = Load(
        directory / spec.locustfile,
        workload(found[0], LoadTimes(warm_up + length.longest(duration), warm_up)),
        tags=tuple(spec.tags or ()),
        exclude_tags=tuple(spec.exclude_tags or ()),
    )
    return (load,), duration


def _duration(spec: ScenarioSpec, of: WorkloadSpec, place: Place, problems: Problems) -> float:
    """Seconds of the window."""
    here = (*place, "duration")
    if of.stages is None:
        if spec.duration is None:
            problems.add(here, 'is missing: how long the load is judged, e.g. "20s"')
        return spec.duration or 0.0
    total = sum(stage.hold for stage in of.stages)
    if spec.duration is not None:
        problems.add(here, "the stages set how long the load lasts; remove duration")
    if spec.warm_up == "auto":
        return total
    if spec.warm_up >= total:
        problems.add(
            (*place, "warm_up"),
            f"the warm-up of {spec.warm_up:g} s leaves nothing of the stages, which last "
            f"{total:g} s together; write a shorter warm_up or longer stages",
        )
    return total - spec.warm_up


def _several(
    spec: ScenarioSpec, length: _Length, directory: Path, place: Place, problems: Problems
) -> _Loads:
    """Several loads, each with the keys that a scenario with a single load has itself."""
    for key in ("locustfile", "rate", "users", "workload", "tags", "exclude_tags"):
        if getattr(spec, key) is not None:
            problems.add((*place, key), "belongs to each of the loads; remove it here")
    if spec.duration is None:
        problems.add((*place, "duration"), 'is missing: how long the loads are judged, e.g. "20s"')
        return None
    warm_up = _warm_up(spec, spec.duration)
    seconds = warm_up + length.longest(spec.duration)
    loads = []
    chosen_ones = []
    for name, load in (spec.loads or {}).items():
        here = (*place, "loads", name)
        if not re.fullmatch(NAME, name):
            problems.add(here, "a name consists of lower-case words and hyphens, such as `buyers`")
        found = chosen(load, ("rate", "users", "workload"), here, problems)
        if found is None:
            continue
        chosen_ones.append(found[0])
        if text := _outlasts(load, found[0], seconds):
            problems.add(here, text)
            continue
        loads.append(
            Load(
                directory / load.locustfile,
                workload(found[0], LoadTimes(seconds - load.start, warm_up - load.start)),
                name,
                load.start,
                tuple(load.tags or ()),
                tuple(load.exclude_tags or ()),
            )
        )
    _check_stop(spec, chosen_ones, place, problems)
    _check_auto(spec, chosen_ones, place, problems)
    return tuple(loads), spec.duration


def _warm_up(spec: ScenarioSpec, duration: float) -> float:
    """Seconds before the window; with auto, before it can start."""
    return duration / 2 if spec.warm_up == "auto" else spec.warm_up


def _check_auto(
    spec: ScenarioSpec, of: Iterable[WorkloadSpec], place: Place, problems: Problems
) -> None:
    """Check that the latency of the scenario can settle, if the warm-up is auto."""
    here = (*place, "warm_up")
    if spec.warm_up != "auto":
        return
    if spec.stop is not None:
        problems.add(
            here, "auto is determined after the load, but `stop` needs it before; write a time"
        )
    if any(one.stages is not None or one.shape is not None for one in of):
        problems.add(
            here,
            "auto waits until the latency has settled, which needs a constant load; write a time, "
            "or a constant load",
        )
    if spec.duration is not None and spec.duration < _SHORTEST_AUTO:
        problems.add(
            (*place, "duration"),
            f"is too short to see whether the latency settles; write {_SHORTEST_AUTO:g}s or more",
        )


def _check_stop(
    spec: ScenarioSpec, of: Iterable[WorkloadSpec], place: Place, problems: Problems
) -> None:
    """Check that the end of the scenario can depend on the verdicts, where it is to."""
    longest, here = spec.max_duration, (*place, "max_duration")
    if any(one.stages is not None or one.shape is not None for one in of):
        for key, value in (("stop", spec.stop), ("max_duration", longest)):
            if value is not None:
                problems.add(
                    (*place, key),
                    f"stages and shapes set how long the load lasts; `{key}` needs a constant load",
                )
    if longest is None:
        return
    if spec.duration and longest < spec.duration:
        problems.add(here, "is shorter than the duration; make it longer")
    if spec.warm_up == "auto" and spec.stop is None and longest != spec.duration:
        problems.add(
            here, "a run cannot go on with `warm_up: auto`; write a time, or remove max_duration"
        )


def _outlasts(load: LoadSpec, of: WorkloadSpec, seconds: float) -> str:
    """Why a load does not fit into a scenario of this length in seconds; empty if it does."""
    lasts = f"warm-up and duration are {seconds:g} s together"
    if load.start >= seconds:
        return f"starts at {load.start:g} s, but {lasts}; start it earlier or load longer"
    end = load.start + sum(stage.hold for stage in of.stages or ())
    if end > seconds + 1e-9:
        return f"its stages last until {end:g} s, but {lasts}; shorten them or load longer"
    return ""


def target(spec: TargetSpec, directory: Path, problems: Problems) -> Target | None:
    """The service under load; None if it has a mistake, which `problems` takes."""
    place: Place = ("target",)
    clean = not problems.within(place)
    _check_url(spec.url, (*place, "url"), problems)
    check_variables(spec.environment, (*place, "environment"), problems)
    _check_addresses(spec, place, problems)
    _check_dialects(spec.dialect or (), (*place, "dialect"), problems)
    if clean:
        _check_pieces(spec, place, problems)
    if problems.within(place):
        return None
    return Target(
        url=spec.url,
        command=spec.command,
        setup=spec.setup,
        ready=spec.ready,
        metrics=tuple(spec.metrics or ()),
        exporters=tuple(spec.exporters or ()),
        scrape_interval=spec.scrape_interval,
        environment=dict(spec.environment),
        ready_timeout=spec.ready_timeout,
        stop_timeout=spec.stop_timeout,
        directory=directory,
        dialects=tuple(spec.dialect or ()),
        requests=spec.requests.model_dump(exclude_none=True) if spec.requests else {},
        ca_file=directory / spec.ca_file if spec.ca_file else None,
    )


def _check_dialects(given: Iterable[str], place: Place, problems: Problems) -> None:
    known = dialects()
    for name in given:
        if name not in known:
            meant = closest(name, known)
            problems.add(
                place, f'there is no dialect "{name}"; {meant}known: {", ".join(sorted(known))}'
            )


def check_variables(environment: Iterable[str], place: Place, problems: Problems) -> None:
    """Refuse names that no variable of a process can have."""
    for name in environment:
        if not re.fullmatch(_VARIABLE, name):
            problems.add(
                (*place, name),
                "is not the name of a variable; it consists of letters, digits and _, and does not "
                "start with a digit",
            )


def _check_addresses(spec: TargetSpec, place: Place, problems: Problems) -> None:
    addresses = [((*place, "ready"), spec.ready)] if spec.ready else []
    seen: list[str] = []
    for key, listed in (("metrics", spec.metrics or []), ("exporters", spec.exporters or [])):
        for index, address in enumerate(listed):
            here: Place = (*place, key, index)
            if address in seen:
                problems.add(here, f"{address} is listed twice, and would be counted twice")
            seen.append(address)
            addresses.append((here, address))
    for here, address in addresses:
        if "exporters" in here and _PLACEHOLDER.search(address):
            problems.add(here, "the harness chooses no port of another process; write its number")
        elif "exporters" in here:
            _check_url(address, here, problems)
        elif not address.startswith("/"):
            _check_url(address, here, problems, what="a path that starts with / or a URL")


def _check_url(url: str, place: Place, problems: Problems, what: str = "a URL") -> None:
    known = ["port"] if place == ("target", "url") else _PORTS
    for name in _PLACEHOLDER.findall(url):
        if name not in known:
            meant = closest(name, ["port"])
            replaced = "{port}" if len(known) == 1 else "{port} and {port2} to {port9}"
            verb = "is" if len(known) == 1 else "are"
            problems.add(place, f"{{{name}}} is unknown; {meant}only {replaced} {verb} replaced")
            return
    match = _URL.fullmatch(_PLACEHOLDER.sub("1", url))
    good = match is not None and 0 < int(match["port"] or 80) < 65_536
    if not good:
        problems.add(place, f'"{url}" is not {what}; write e.g. http://127.0.0.1:8000')


def _check_pieces(spec: TargetSpec, place: Place, problems: Problems) -> None:
    """Check that the command, the url and the port fit together."""
    if spec.command is None:
        _check_without_command(spec, place, problems)
        return
    for_command = spec.command + "".join(spec.environment.values())
    if "{port}" in for_command and "{port}" not in spec.url:
        problems.add((*place, "url"), "the command listens on {port}; write {port} in the url, too")
    if "{port}" in spec.url and "{port}" not in for_command:
        problems.add(
            (*place, "command"),
            "has no {port}, which the url expects; pass it on, e.g. --port {port}",
        )
    for index, address in enumerate(spec.metrics or ()):
        for name in _PLACEHOLDER.findall(address):
            if name in _PORTS[1:] and f"{{{name}}}" not in for_command:
                problems.add(
                    (*place, "metrics", index),
                    f"the command has no {{{name}}}; pass it on, e.g. --metrics-port {{{name}}}",
                )


def _check_without_command(spec: TargetSpec, place: Place, problems: Problems) -> None:
    for key in ("setup", "environment"):
        if getattr(spec, key):
            problems.add((*place, key), "belongs to the command, but there is no command")
    addresses = {"url": spec.url, "ready": spec.ready, "metrics": str(spec.metrics)}
    for key, address in addresses.items():
        if name := next((n for n in _PLACEHOLDER.findall(address or "") if n in _PORTS), None):
            problems.add(
                (*place, key),
                f"{{{name}}} is the free port that the command gets, but there is no command; "
                "add a command or write the port of the running service",
            )

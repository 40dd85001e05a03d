"""A scenario of a manifest as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from harness.units import Unit, format_quantity

_MOST_STAGES: Final = 6


def scenario_text(scenario: Mapping[str, Any]) -> str:
    """The load of a scenario, such as `smoke: 40/s for 25 s (smoke.py); 5 s of warm-up`.

    Args:
        scenario: As in run.json; keys that an older version lacks are skipped.
    """
    loads = scenario.get("loads", ())
    requested = " and ".join(_load(load) for load in loads)
    further = [
        f"{_seconds(scenario[key])} {what}"
        for key, what in (("warm_up", "of warm-up"), ("duration", "measured"))
        if scenario.get(key)
    ]
    if int(scenario.get("workers") or 1) > 1:
        further.append(f"{scenario['workers']} workers")
    return "; ".join(
        [f"{scenario.get('name', '')}: {requested}" if requested else "", *further]
    ).strip("; ")


def _load(load: Mapping[str, Any]) -> str:
    name = f"{load['name']} " if load.get("name") else ""
    start = f"from {_seconds(load['start'])} on " if load.get("start") else ""
    return f"{name}{start}{_workload(load.get('workload', {}))} ({load.get('locustfile', '')})"


def _workload(workload: Mapping[str, Any]) -> str:
    if "shape" in workload:
        return f"users by the load shape {workload['shape']}"
    stages: Sequence[Mapping[str, Any]] = workload.get("stages", ())
    shown = [_stage(stage) for stage in stages[:_MOST_STAGES]]
    if len(stages) > _MOST_STAGES:
        shown.append(f"{len(stages) - _MOST_STAGES} more stages")
    return ", ".join(shown)


def _stage(stage: Mapping[str, Any]) -> str:
    if "rate" in stage:
        before, level = stage.get("start_rate"), _rate(stage["rate"])
        ramp = "" if before is None else f"{_rate(before)} to "
    else:
        before, level = stage.get("start_users"), f"{stage['users']} users"
        ramp = "" if before is None else f"{before} to "
    return f"{ramp}{level} for {_seconds(stage['seconds'])}"


def _rate(value: float) -> str:
    return format_quantity(value, Unit.PER_SECOND)


def _seconds(value: float) -> str:
    return format_quantity(value, Unit.SECONDS)

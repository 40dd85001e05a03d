"""What the service used of the machine and of itself, and what it was short of at the knee."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from harness.budgets.model import Budget, Gauge, Indicator, Rate, Selector, Utilization
from harness.budgets.presets import CATALOGUE, roles_of_run
from harness.judge.capacity.model import UsageReading
from harness.judge.measure.measure import measure_budgets
from harness.names import CPU_COUNT, SERVICE_CPU_WAIT
from harness.runs.model import Evidence
from harness.units import Unit, counted, format_quantity

CPU: Final = "cpu"
CPU_WAIT: Final = "cpu-wait"
POOL: Final = "pool"
POOL_WAIT: Final = "pool-wait"
LOOP_LAG: Final = "loop-lag"
MEMORY: Final = "memory"
LABELS: Final[Mapping[str, str]] = {
    CPU: "cores that the service used",
    CPU_WAIT: "CPUs that its threads waited for",
    POOL: "connections in use over their limit, mean",
    POOL_WAIT: "wait for a connection, mean",
    LOOP_LAG: "lag of the event loop, p95",
    MEMORY: "memory in use over its limit",
}

_FULL: Final = 0.85  # of what there is of a resource
_WAITS: Final = 0.2  # seconds of waiting for a CPU in each second, as the guard cpu-contention
_SLOW: Final = 0.01  # s of waiting for a connection or for the event loop
_GROWN: Final = 3.0  # times the value of the last step that held


def usage_of(evidence: Evidence) -> tuple[UsageReading, ...]:
    """What the service used in the window of a run, as far as it was measured."""
    found = []
    cores = _measured(evidence, Gauge(Selector(CPU_COUNT), "max"))
    for name, indicator, unit in _indicators(evidence):
        value = _measured(evidence, indicator)
        if value is not None:
            limit = cores if name == CPU else 1.0 if unit is Unit.RATIO else None
            found.append(UsageReading(name, value, unit, limit))
    return tuple(found)


def short_of(failing: Iterable[UsageReading], holding: Iterable[UsageReading]) -> tuple[str, ...]:
    """What the service was short of, a sentence each; empty when nothing was.

    A resource counts when nearly all of it is in use. A wait counts when it is long, and much
    longer than where all budgets held.

    Args:
        failing: Of the lowest rate that broke a budget.
        holding: Of the highest rate that held; empty without one.
    """
    now = {one.name: one for one in failing}
    before = {one.name: one.value for one in holding}
    found = []
    if cpu := now.get(CPU):
        found += _cpu(cpu)
    if (pool := now.get(POOL)) and pool.value >= _FULL:
        share = format_quantity(pool.value, Unit.RATIO)
        found.append(f"connections: {share} of the pool was in use on average")
    for name, what in (
        (POOL_WAIT, "connections: requests waited {} for a connection"),
        (LOOP_LAG, "event loop: it was {} late (p95)"),
    ):
        one = now.get(name)
        if one and one.value > max(_SLOW, _GROWN * before.get(name, 0.0)):
            found.append(what.format(format_quantity(one.value, Unit.SECONDS)))
    if (wait := now.get(CPU_WAIT)) and wait.value > _WAITS:
        shown = format_quantity(wait.value, Unit.COUNT)
        found.append(f"CPUs of the machine: threads of the service waited for {shown} more")
    if (memory := now.get(MEMORY)) and memory.value >= _FULL:
        found.append(f"memory: {format_quantity(memory.value, Unit.RATIO)} of the limit was in use")
    return tuple(found)


def _cpu(cpu: UsageReading) -> list[str]:
    used, cores = format_quantity(cpu.value, Unit.COUNT), cpu.limit
    if cores is not None and cpu.value >= _FULL * cores:
        return [f"CPU: the service used {used} of {format_quantity(cores, Unit.COUNT)} cores"]
    if _FULL <= cpu.value <= 2 - _FULL:
        one = "a process whose code runs in one thread cannot use more than one core"
        return [f"CPU: the service used {counted(cpu.value, 'core')}, and {one}"]
    return []


def _indicators(evidence: Evidence) -> Iterable[tuple[str, Indicator, Unit]]:
    """What is read: the presets over the metrics of the service, the pool by its mean."""
    presets = {
        CPU: ("cpu_utilization", Unit.COUNT),
        POOL: ("pool_utilization", Unit.RATIO),
        POOL_WAIT: ("pool_wait", Unit.SECONDS),
        LOOP_LAG: ("event_loop_lag", Unit.SECONDS),
        MEMORY: ("memory_utilization", Unit.RATIO),
    }
    for name, (preset, unit) in presets.items():
        indicator = CATALOGUE[preset].named(roles_of_run(evidence.manifest.roles)).indicator
        if isinstance(indicator, Rate):
            indicator = replace(indicator, to=None)
        if isinstance(indicator, Utilization) and name == POOL:
            indicator = replace(indicator, over="mean")
        yield name, indicator, unit
    yield CPU_WAIT, Rate(Selector(SERVICE_CPU_WAIT)), Unit.COUNT


def _measured(evidence: Evidence, indicator: Indicator) -> float | None:
    budget = Budget("usage", indicator, Unit.COUNT, 0.0, "max")
    return measure_budgets([budget], evidence)[0].measurement.value

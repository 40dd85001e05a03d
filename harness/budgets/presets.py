"""Indicators that budgets.yaml can use by name, defined over roles of metrics.

A preset names roles, such as "pool in use". What a service's libraries expose for them is known
once it was scraped (`harness.budgets.dialects`); until then the names are OpenTelemetry's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, assert_never

from harness import names
from harness.budgets.dialects.model import Recognition, Role, RoleMetric
from harness.budgets.dialects.recognise import by_default
from harness.budgets.model import (
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Plan,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.units import Unit

_UNPLAYED: Final = "role:"  # no exporter's metric has a colon: Prometheus keeps it for rules


@dataclass(frozen=True, slots=True)
class Named:
    """An indicator, and its unit if the file or the catalogue gives one.

    Attributes:
        unit: None when it follows from the indicator (see `indicators.unit_of`).
    """

    indicator: Indicator
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """An indicator over roles.

    Attributes:
        roles: The roles whose metrics it reads; empty for the load generator's own numbers.
        meaning: For the documentation.
        make: The indicator in a service.
    """

    meaning: str
    roles: tuple[Role, ...]
    make: Callable[[Recognition], Indicator]
    unit: Unit | None = None

    def named(self, found: Recognition) -> Named:
        """The indicator in a service, and its unit."""
        return Named(self.make(found), self.unit)


def unplayed(role: Role) -> Selector:
    """Stands for the metric of a role that nothing plays; it has no series, so never a value."""
    return Selector(_UNPLAYED + re.sub(r"\W+", "_", role.value))


def role_of(metric: str) -> Role | None:
    """The role whose missing metric a name stands for; None for the name of a metric."""
    return _ROLES.get(metric)


_ROLES: Mapping[str, Role] = {unplayed(role).metric: role for role in Role}


def lacking(indicator: Indicator) -> tuple[Role, ...]:
    """The roles of an indicator that nothing plays."""
    from harness.budgets.model import selectors

    found = (role_of(selector.metric) for selector in selectors(indicator))
    return tuple(role for role in found if role is not None)


def with_roles(plan: Plan, found: Recognition) -> Plan:
    """A plan whose budgets of presets read the metrics of a service.

    Args:
        plan: A valid plan.
        found: What plays each role in the service.
    """
    budgets = (
        replace(budget, indicator=CATALOGUE[budget.preset].make(found)) if budget.preset else budget
        for budget in plan.budgets
    )
    return replace(plan, budgets=tuple(budgets))


# --- the parts of an indicator ------------------------------------------------------------------


def _series(found: Recognition, role: Role) -> Selector:
    metric = found[role]
    return unplayed(role) if metric is None else metric.selector


def _mean(role: Role) -> Callable[[Recognition], Indicator]:
    def make(found: Recognition) -> Indicator:
        metric = found[role]
        if metric is None:
            return Mean(unplayed(role))
        match metric.shape:
            case "histogram" | "summary":
                return Mean(metric.selector)
            case "counter":
                return Ratio(metric.selector, metric.events)
            case "gauge":
                return Gauge(metric.selector)
            case _:
                assert_never(metric.shape)

    return make


def _p95(*roles: Role) -> Callable[[Recognition], Indicator]:
    """The p95 of the first of the roles that a histogram plays, or that gauges play."""

    def make(found: Recognition) -> Indicator:
        played = [metric for role in roles if (metric := found[role]) is not None]
        for metric in played:
            match metric.shape:
                case "histogram":
                    return Quantile(metric.selector, 0.95)
                case "gauge":
                    return Gauge(metric.selector, "max")
                case "summary" | "counter":
                    pass  # the quantiles of a summary cannot be combined, a counter has none
                case _:
                    assert_never(metric.shape)
        return Quantile(unplayed(roles[-1]), 0.95)

    return make


def _ratio(of: Role, to: Role) -> Callable[[Recognition], Indicator]:
    def counter(found: Recognition, role: Role) -> Selector:
        metric: RoleMetric | None = found[role]
        return unplayed(role) if metric is None else metric.events

    return lambda found: Ratio(counter(found, of), counter(found, to))


def _share_of_time(role: Role) -> Callable[[Recognition], Indicator]:
    def make(found: Recognition) -> Indicator:
        metric = found[role]
        if metric is None:
            return Rate(unplayed(role))
        summed = metric.shape in {"histogram", "summary"}
        return Rate(metric.selector.part("sum") if summed else metric.selector)

    return make


CATALOGUE: Final[Mapping[str, Preset]] = {
    "api_latency": Preset("p95 latency of all requests", (), lambda _: Latency(quantile=0.95)),
    "error_ratio": Preset("failed requests per request", (), lambda _: ErrorRatio()),
    "throughput": Preset("successful requests per second", (), lambda _: Throughput()),
    "server_latency": Preset(
        "p95 of the time that the service takes for an answer",
        (Role.SERVER_LATENCY_OVERALL, Role.SERVER_LATENCY),
        _p95(Role.SERVER_LATENCY_OVERALL, Role.SERVER_LATENCY),
        Unit.SECONDS,
    ),
    "server_latency_mean": Preset(
        "mean of the time that the service takes for an answer",
        (Role.SERVER_LATENCY,),
        _mean(Role.SERVER_LATENCY),
        Unit.SECONDS,
    ),
    "server_error_ratio": Preset(
        "5xx answers per answer, as the service counts them",
        (Role.ERRORS, Role.REQUESTS),
        _ratio(Role.ERRORS, Role.REQUESTS),
        Unit.RATIO,
    ),
    "requests_in_flight": Preset(
        "most requests in progress",
        (Role.IN_FLIGHT,),
        lambda found: Gauge(_series(found, Role.IN_FLIGHT), "max"),
        Unit.COUNT,
    ),
    "db_query_time": Preset(
        "mean time of a query", (Role.DATABASE_TIME,), _mean(Role.DATABASE_TIME), Unit.SECONDS
    ),
    "queries_per_request": Preset(
        "queries per request",
        (Role.DATABASE_OPERATIONS, Role.REQUESTS),
        _ratio(Role.DATABASE_OPERATIONS, Role.REQUESTS),
        Unit.COUNT,
    ),
    "cache_hit_ratio": Preset(
        "look-ups that found a value",
        (Role.CACHE_HITS, Role.CACHE_GETS),
        _ratio(Role.CACHE_HITS, Role.CACHE_GETS),
        Unit.RATIO,
    ),
    "cache_operation_time": Preset(
        "mean time of a cache operation", (Role.CACHE_TIME,), _mean(Role.CACHE_TIME), Unit.SECONDS
    ),
    "pool_utilization": Preset(
        "connections in use over their limit",
        (Role.POOL_USED, Role.POOL_LIMIT),
        lambda found: Utilization(
            _series(found, Role.POOL_USED), _series(found, Role.POOL_LIMIT), "max"
        ),
    ),
    "pool_wait": Preset(
        "mean wait for a connection", (Role.POOL_WAIT,), _mean(Role.POOL_WAIT), Unit.SECONDS
    ),
    "background_task_time": Preset(
        "mean time of a background task", (Role.TASK_TIME,), _mean(Role.TASK_TIME), Unit.SECONDS
    ),
    "event_loop_lag": Preset(
        "p95 lag of the event loop", (Role.LOOP_LAG,), _p95(Role.LOOP_LAG), Unit.SECONDS
    ),
    "gc_share": Preset(
        "share of the time that garbage collection takes",
        (Role.GC_TIME,),
        _share_of_time(Role.GC_TIME),
        Unit.RATIO,
    ),
    "cpu_utilization": Preset(
        "CPU time over the cores of the machine",
        (Role.CPU,),
        lambda found: Rate(_series(found, Role.CPU), to=Selector(names.CPU_COUNT)),
    ),
    "memory_utilization": Preset(
        "memory in use over its limit",
        (Role.MEMORY,),
        lambda found: Utilization(_series(found, Role.MEMORY), Selector(names.MEMORY_LIMIT), "max"),
    ),
}
PRESETS: Final[dict[str, Named]] = {
    name: preset.named(by_default()) for name, preset in CATALOGUE.items()
}

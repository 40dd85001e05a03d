"""Indicators that budgets.yaml can use by name, defined over roles of metrics.

A preset names roles, such as "pool in use". What a service's libraries expose for them is known
once it was scraped (`harness.budgets.dialects`); until then the names are OpenTelemetry's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from harness import names
from harness.budgets.dialects.model import MetricRole, Recognition, unplayed
from harness.budgets.dialects.recognise import by_default
from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    PerRequest,
    Plan,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.units import Unit


@dataclass(frozen=True, slots=True)
class Named:
    """An indicator, and its unit if the file or the catalogue gives one.

    Attributes:
        unit: None when it follows from the indicator (see `kinds.unit_of`).
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
    roles: tuple[MetricRole, ...]
    make: Callable[[Recognition], Indicator]
    unit: Unit | None = None

    def named(self, found: Recognition) -> Named:
        """The indicator in a service, and its unit."""
        return Named(self.make(found), self.unit)


def with_roles(plan: Plan, found: Recognition) -> Plan:
    """A plan whose budgets of presets read the metrics of a service.

    Args:
        plan: A valid plan.
        found: What plays each role in the service.
    """
    return replace(plan, budgets=tuple(_resolved(budget, found) for budget in plan.budgets))


def _resolved(budget: Budget, found: Recognition) -> Budget:
    if not budget.preset:
        return budget
    return replace(budget, indicator=CATALOGUE[budget.preset].make(found))


def in_run(budgets: Sequence[Budget], roles: object) -> tuple[Budget, ...]:
    """Budgets whose presets read the metrics of a run's service.

    Args:
        budgets: Of the plan of the run.
        roles: `Manifest.roles` of the run; None in a run without metrics, or
            of an older version: the presets keep OpenTelemetry's names.
    """
    found = roles_of_run(roles)
    return tuple(_resolved(budget, found) for budget in budgets)


def roles_of_run(roles: object) -> Recognition:
    """What plays each role in the service of a run, from its manifest; nothing if it is damaged."""
    if roles is None:
        return by_default()
    try:
        return Recognition.of_json(roles if isinstance(roles, dict) else {})
    except ValueError:
        return Recognition()


# --- the parts of an indicator ------------------------------------------------------------------


def _series(found: Recognition, role: MetricRole) -> Selector:
    metric = found[role]
    return unplayed(role) if metric is None else metric.selector


def _mean_time(meaning: str, role: MetricRole) -> Preset:
    """The mean time that a role tells."""

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

    return Preset(meaning, (role,), make, Unit.SECONDS)


def _p95(meaning: str, *roles: MetricRole) -> Preset:
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

    return Preset(meaning, roles, make, Unit.SECONDS)


def _ratio(meaning: str, of: MetricRole, to: MetricRole, unit: Unit = Unit.RATIO) -> Preset:
    """The events of one role divided by those of another."""

    def counter(found: Recognition, role: MetricRole) -> Selector:
        metric = found[role]
        return unplayed(role) if metric is None else metric.events

    return Preset(
        meaning, (of, to), lambda found: Ratio(counter(found, of), counter(found, to)), unit
    )


def _share_of_time(meaning: str, role: MetricRole) -> Preset:
    """The seconds that a role tells, per second."""

    def make(found: Recognition) -> Indicator:
        metric = found[role]
        if metric is None:
            return Rate(unplayed(role))
        summed = metric.shape in {"histogram", "summary"}
        return Rate(metric.selector.part("sum") if summed else metric.selector)

    return Preset(meaning, (role,), make, Unit.RATIO)


def _per_request(meaning: str, *roles: MetricRole, unit: Unit = Unit.COUNT) -> Preset:
    """What the first of the roles counts that a metric plays, for each answered request."""

    def make(found: Recognition) -> Indicator:
        metric = next((one for role in roles if (one := found[role]) is not None), None)
        if metric is None:
            return PerRequest(unplayed(roles[-1]), answered=True)
        summed = metric.shape in {"histogram", "summary"}
        counter = metric.selector.part("sum") if summed else metric.selector
        return PerRequest(counter, answered=True)

    return Preset(meaning, roles, make, unit)


CATALOGUE: Final[Mapping[str, Preset]] = {
    "api_latency": Preset("p95 latency of all requests", (), lambda _: Latency(quantile=0.95)),
    "error_ratio": Preset("failed requests per request", (), lambda _: ErrorRatio()),
    "throughput": Preset("successful requests per second", (), lambda _: Throughput()),
    "server_latency": _p95(
        "p95 of the time that the service takes for an answer",
        *(MetricRole.SERVER_LATENCY_OVERALL, MetricRole.SERVER_LATENCY),
    ),
    "server_latency_mean": _mean_time(
        "mean of the time that the service takes for an answer", MetricRole.SERVER_LATENCY
    ),
    "server_error_ratio": _ratio(
        "5xx answers per answer, as the service counts them",
        *(MetricRole.ERRORS, MetricRole.REQUESTS),
    ),
    "requests_in_flight": Preset(
        "most requests in progress",
        (MetricRole.IN_FLIGHT,),
        lambda found: Gauge(_series(found, MetricRole.IN_FLIGHT), "max"),
        Unit.COUNT,
    ),
    "db_query_time": _mean_time("mean time of a query", MetricRole.DATABASE_TIME),
    "queries_per_request": _ratio(
        "queries per request",
        MetricRole.DATABASE_OPERATIONS,
        MetricRole.REQUESTS,
        Unit.COUNT,
    ),
    "cache_hit_ratio": _ratio(
        "look-ups that found a value", MetricRole.CACHE_HITS, MetricRole.CACHE_GETS
    ),
    "cache_operation_time": _mean_time("mean time of a cache operation", MetricRole.CACHE_TIME),
    "pool_utilization": Preset(
        "connections in use over their limit",
        (MetricRole.POOL_USED, MetricRole.POOL_LIMIT),
        lambda found: Utilization(
            _series(found, MetricRole.POOL_USED), _series(found, MetricRole.POOL_LIMIT), "max"
        ),
    ),
    "pool_wait": _mean_time("mean wait for a connection", MetricRole.POOL_WAIT),
    "background_task_time": _mean_time("mean time of a background task", MetricRole.TASK_TIME),
    "event_loop_lag": _p95("p95 lag of the event loop", MetricRole.LOOP_LAG),
    "gc_share": _share_of_time(
        "share of the time that garbage collection takes", MetricRole.GC_TIME
    ),
    "cpu_utilization": Preset(
        "CPU time over the cores of the machine",
        (MetricRole.CPU,),
        lambda found: Rate(_series(found, MetricRole.CPU), to=Selector(names.CPU_COUNT)),
    ),
    "memory_utilization": Preset(
        "memory in use over its limit",
        (MetricRole.MEMORY,),
        lambda found: Utilization(
            _series(found, MetricRole.MEMORY), Selector(names.MEMORY_LIMIT), "max"
        ),
    ),
    "cpu_time_per_request": _per_request(
        "CPU time of the service per request",
        *(MetricRole.TREE_CPU, MetricRole.CPU),
        unit=Unit.SECONDS,
    ),
    "database_time_per_request": _per_request(
        "time of all queries per request", MetricRole.DATABASE_TIME, unit=Unit.SECONDS
    ),
    "cache_gets_per_request": _per_request("look-ups in caches per request", MetricRole.CACHE_GETS),
    "request_bytes_per_request": Preset(
        "bytes of the request, head and body, as the load generator sends them",
        (),
        lambda _: PerRequest(Selector(names.GENERATOR_REQUEST_BYTES), answered=True),
        Unit.BYTES,
    ),
    "response_bytes_per_request": Preset(
        "bytes of the response's body per request, as the load generator counts them",
        (),
        lambda _: PerRequest(Selector(names.GENERATOR_RESPONSE_BYTES), answered=True),
        Unit.BYTES,
    ),
    "context_switches_per_request": _per_request(
        "how often a thread of the service was given a CPU, per request", MetricRole.SWITCHES
    ),
    "page_faults_per_request": _per_request(
        "page faults of the service, minor and major, per request", MetricRole.FAULTS
    ),
    "allocated_bytes_per_request": _per_request(
        "memory that the service allocated per request", MetricRole.ALLOCATED, unit=Unit.BYTES
    ),
}
# What one request costs, in the order of reports: counters, which vary less than times.
COSTS: Final = (
    "cpu_time_per_request",
    "queries_per_request",
    "database_time_per_request",
    "cache_gets_per_request",
    "request_bytes_per_request",
    "response_bytes_per_request",
    "context_switches_per_request",
    "page_faults_per_request",
    "allocated_bytes_per_request",
)
PRESETS: Final[dict[str, Named]] = {
    name: preset.named(by_default()) for name, preset in CATALOGUE.items()
}

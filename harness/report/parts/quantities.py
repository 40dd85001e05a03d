"""The words for what an indicator of the service measures, such as "Database: queries per second".

The subject is the part of the service by the role of the metric, the quantity is what is measured
of it. A metric that plays no role has no words here: people know its budget by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from harness import names
from harness.budgets.dialects.model import MetricRole, RoleGroup
from harness.budgets.dialects.recognise import meaning_of
from harness.budgets.model import (
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    PerRequest,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Throughput,
    Utilization,
    selectors,
)
from harness.units import Unit

_COST = "Cost of one request"
# In the order of the charts; a role takes precedence over its group.
_SUBJECTS: Mapping[RoleGroup | MetricRole, str] = {
    RoleGroup.POOL: "Connection pool",
    RoleGroup.CACHE: "Cache",
    MetricRole.CPU: "CPU",
    MetricRole.MEMORY: "Memory",
    MetricRole.TREE_CPU: _COST,
    MetricRole.SWITCHES: _COST,
    MetricRole.FAULTS: _COST,
    RoleGroup.LOOP: "Event loop",
    RoleGroup.DATABASE: "Database",
    RoleGroup.HTTP: "Requests measured by the service",
    RoleGroup.TASKS: "Background tasks",
    RoleGroup.GC: "Garbage collection",
}
SUBJECTS = tuple(dict.fromkeys(_SUBJECTS.values()))
_THINGS: Mapping[MetricRole, str] = {
    MetricRole.SERVER_LATENCY: "requests",
    MetricRole.SERVER_LATENCY_OVERALL: "requests",
    MetricRole.REQUESTS: "requests",
    MetricRole.ERRORS: "failed requests",
    MetricRole.IN_FLIGHT: "in flight",
    MetricRole.POOL_USED: "connections in use",
    MetricRole.POOL_LIMIT: "connections at most",
    MetricRole.POOL_WAIT: "waits",
    MetricRole.POOL_PENDING: "waiting requests",
    MetricRole.POOL_TIMEOUTS: "timeouts",
    MetricRole.DATABASE_TIME: "queries",
    MetricRole.DATABASE_OPERATIONS: "queries",
    MetricRole.CACHE_HITS: "look-ups",  # most libraries count both in one metric
    MetricRole.CACHE_GETS: "look-ups",
    MetricRole.CACHE_TIME: "operations",
    MetricRole.CACHE_PUTS: "stored values",
    MetricRole.CACHE_EVICTIONS: "evicted values",
    MetricRole.CACHE_SIZE: "values in the cache",
    MetricRole.TASK_TIME: "tasks",
    MetricRole.TASK_FAILURES: "failed tasks",
    MetricRole.TASK_RETRIES: "retried tasks",
    MetricRole.TASKS_WAITING: "waiting tasks",
    MetricRole.TASKS_RUNNING: "running tasks",
    MetricRole.LOOP_LAG: "lags",
    MetricRole.GC_TIME: "collections",
    MetricRole.ALLOCATED: "allocated memory",
    MetricRole.SWITCHES: "context switches",
    MetricRole.FAULTS: "page faults",
}
_TIMES: Mapping[MetricRole, str] = {
    MetricRole.SERVER_LATENCY: "time of an answer",
    MetricRole.SERVER_LATENCY_OVERALL: "time of an answer",
    MetricRole.POOL_WAIT: "wait for a connection",
    MetricRole.DATABASE_TIME: "query time",
    MetricRole.CACHE_TIME: "time of an operation",
    MetricRole.TASK_TIME: "time of a task",
    MetricRole.LOOP_LAG: "lag",
    MetricRole.GC_TIME: "collection time",
    MetricRole.CPU: "time",
    MetricRole.TREE_CPU: "CPU time",
}
_ALONE = {MetricRole.CPU, MetricRole.MEMORY}  # a level of it needs no further word


def subject_of(indicator: Indicator) -> str:
    """The part of the service that an indicator is about; empty for an unknown metric."""
    metric = selectors(indicator)[0].metric
    if metric == names.GENERATOR_CPU:
        return _SUBJECTS[MetricRole.CPU]
    if metric in names.REPORTED_BYTES:
        return _COST
    meaning = meaning_of(metric)
    if meaning is None:
        return ""
    of_role = _SUBJECTS.get(meaning.role) if meaning.role else None
    return of_role or _SUBJECTS.get(meaning.group, "")


def chart_title(indicator: Indicator, unit: Unit, name: str) -> str:
    """The title of a chart that an indicator is in, such as "Connection pool: used share".

    Args:
        indicator: Of the service.
        unit: Of the chart; a ratio for the share of observations over a bound.
        name: The name of the budget, for a metric that plays no role.
    """
    subject, quantity = subject_of(indicator), _quantity(indicator, unit)
    if quantity is None:
        quantity = name
    return ": ".join(part for part in (subject, quantity) if part)


def _quantity(indicator: Indicator, unit: Unit) -> str | None:
    """What is measured of the subject; empty where the subject says it, None if unknown."""
    metric = selectors(indicator)[0].metric
    if metric == names.GENERATOR_CPU:
        return ""
    if metric == names.GENERATOR_REQUEST_BYTES:
        return "bytes of the request"
    if metric == names.GENERATOR_RESPONSE_BYTES:
        return "bytes of the answer"
    meaning = meaning_of(metric)
    if meaning is not None and isinstance(indicator, Utilization):
        return "used share" if indicator.over != "growth" else "growth of the used share"
    if meaning is None or meaning.role is None:
        return None
    return _of_role(indicator, unit, meaning.role)


def _of_role(indicator: Indicator, unit: Unit, role: MetricRole) -> str | None:
    things, times = _THINGS.get(role), _TIMES.get(role)
    found: str | None
    match indicator:
        case Quantile():
            over = things and f"share of {things} over the limit"
            found = over if unit is Unit.RATIO else times
        case Mean():
            found = times
        case Ratio():
            found = _of_ratio(indicator, unit, role)
        case PerRequest():
            counted = times if unit is Unit.SECONDS else things
            cost = _SUBJECTS.get(role) == _COST  # the subject says "of one request"
            found = counted and (counted if cost else f"{counted} per request")
        case Rate(to=None):
            found = _of_rate(unit, role)
        case Rate():
            found = "share of all cores" if role is MetricRole.CPU else None
        case Gauge(over="growth"):
            found = "growth"
        case Gauge():
            level = times if unit is Unit.SECONDS else things
            found = "" if role in _ALONE else level
        case Utilization() | Latency() | ErrorRatio() | Throughput() | Promql():
            found = None
        case _:
            assert_never(indicator)
    return found


def _of_ratio(indicator: Ratio, unit: Unit, role: MetricRole) -> str | None:
    things = _THINGS.get(role)
    if unit is Unit.SECONDS:
        return _TIMES.get(role)
    if role is MetricRole.CACHE_HITS:
        return "hit ratio"
    if unit is Unit.RATIO:  # which requests are counted, only the budget says
        return f"share of {things}" if things and things != "requests" else None
    to = meaning_of(indicator.to.metric)
    per_request = to is not None and to.group is RoleGroup.HTTP
    return things and f"{things} per request" if per_request else None


def _of_rate(unit: Unit, role: MetricRole) -> str | None:
    if role in _ALONE:
        return ""
    if unit is Unit.RATIO:  # seconds per second
        return "share of the time"
    things = _THINGS.get(role)
    return things and f"{things} per second"

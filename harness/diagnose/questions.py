"""What the breach of a budget asks: the table from indicators to analyses."""

from __future__ import annotations

from typing import Literal, assert_never

from harness.budgets.dialects.model import Recognition, RoleGroup
from harness.budgets.dialects.recognise import subject_of
from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Gauge,
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
from harness.names import CPU_SECONDS
from harness.units import Unit

Question = Literal[
    "time", "errors", "statements", "statement time", "pool", "cache", "loop", "cpu", "nothing"
]


def question_of(budget: Budget, roles: Recognition) -> Question:
    """What explains a breach of a budget.

    - A latency, a throughput or a server latency: where the time of slow requests goes.
    - Errors: which requests failed, and how.
    - Database operations as a count: which statements; as a time: which statements take it.
    - The pool: what keeps connections. Cache hits: which cache misses.
    - The event loop's lag: which functions keep the loop. CPU: which functions run.

    Memory, sizes and everything else have no rule: a recording of some seconds does not tell.
    """
    indicator = budget.indicator
    match indicator:
        case Latency() | Throughput():
            return "time"
        case ErrorRatio():
            return "errors"
        case Promql():
            return "nothing"
        case Quantile() | Mean() | Ratio() | PerRequest() | Rate() | Gauge() | Utilization():
            metric = selectors(indicator)[0].metric
            if metric == CPU_SECONDS:
                return "cpu"
            counts = isinstance(indicator, Ratio | PerRequest)
            if not counts and budget.unit is Unit.BYTES:
                return "nothing"
            return _of_group(subject_of(metric, roles), counts=counts)
        case _:
            assert_never(indicator)


def _of_group(group: RoleGroup | None, *, counts: bool) -> Question:
    match group:
        case RoleGroup.HTTP:
            return "errors" if counts else "time"
        case RoleGroup.DATABASE:
            return "statements" if counts else "statement time"
        case RoleGroup.POOL:
            return "pool"
        case RoleGroup.CACHE:
            return "cache" if counts else "nothing"
        case RoleGroup.LOOP:
            return "loop"
        case RoleGroup.TASKS | RoleGroup.GC | RoleGroup.PROCESS | None:
            return "nothing"
        case _:
            assert_never(group)

"""Budgets whose breach is explained by a second start of the service."""

from __future__ import annotations

import re
from typing import Final, Literal

from harness.budgets.dialects.model import MetricRole, Recognition
from harness.budgets.model import Budget, Gauge
from harness.names import START_TIME

RestartKind = Literal["start", "memory"]

# Such as service_start_duration_seconds and application_ready_time_seconds; not the moment of the
# start, `START_TIME`.
_START: Final = re.compile(
    r"(^|_)(start|startup|started|boot|ready)_(duration|time)_(\w+_)?seconds$"
)


def restart_of(budget: Budget, roles: Recognition) -> RestartKind | None:
    """What a second start has to record for a budget: the start itself, or memory under load.

    Args:
        budget: Of a run.
        roles: What the service's metrics mean.

    Returns:
        None for a budget that a second start does not explain.
    """
    indicator = budget.indicator
    if not isinstance(indicator, Gauge) or budget.direction != "max":
        return None
    metric = indicator.gauge.metric
    if _START.search(metric) and metric != START_TIME:
        return "start"
    memory = roles[MetricRole.MEMORY]
    if indicator.over == "growth" and memory is not None and memory.metric == metric:
        return "memory"
    return None

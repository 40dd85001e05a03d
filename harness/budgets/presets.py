"""Indicators that budgets.yaml can use by name.

They use the OpenTelemetry names as a Prometheus exposition writes them (`harness.names`).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness import names
from harness.budgets.model import (
    ErrorRatio,
    Indicator,
    Latency,
    Mean,
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
        unit: None when it follows from the indicator (see `indicators.unit_of`).
    """

    indicator: Indicator
    unit: Unit | None = None


PRESETS: dict[str, Named] = {
    "api_latency": Named(Latency(quantile=0.95)),
    "error_ratio": Named(ErrorRatio()),
    "throughput": Named(Throughput()),
    "db_query_time": Named(Mean(Selector(names.DB_DURATION))),
    "cache_hit_ratio": Named(
        Ratio(
            of=Selector(names.CACHE_GETS, {names.CACHE_RESULT: "hit"}),
            to=Selector(names.CACHE_GETS),
        ),
        Unit.RATIO,
    ),
    "cache_operation_time": Named(Mean(Selector(names.CACHE_DURATION))),
    "pool_utilization": Named(
        Utilization(
            of=Selector(names.POOL_COUNT, {names.POOL_STATE: "used"}),
            to=Selector(names.POOL_MAX),
            over="max",
        )
    ),
    "background_task_time": Named(Mean(Selector(names.TASK_DURATION))),
    "cpu_utilization": Named(Rate(Selector(names.CPU_SECONDS), to=Selector(names.CPU_COUNT))),
    "memory_utilization": Named(
        Utilization(of=Selector(names.MEMORY_BYTES), to=Selector(names.MEMORY_LIMIT), over="max")
    ),
    "queries_per_request": Named(
        Ratio(
            of=Selector(f"{names.DB_DURATION}_count"), to=Selector(f"{names.HTTP_DURATION}_count")
        ),
        Unit.COUNT,
    ),
}

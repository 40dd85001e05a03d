"""The catalogue: what each preset computes, in which unit."""

import pytest

from harness.budgets.model import (
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    PerRequest,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.budgets.parse.kinds import unit_of
from harness.budgets.presets import PRESETS
from harness.units import Unit

QUERIES = "db_client_operation_duration_seconds"
ANSWERS = "http_server_request_duration_seconds"
WAITS = "db_client_connection_wait_time_seconds"
CATALOGUE: dict[str, tuple[Indicator, Unit]] = {
    "api_latency": (Latency(0.95), Unit.SECONDS),
    "error_ratio": (ErrorRatio(), Unit.RATIO),
    "throughput": (Throughput(), Unit.PER_SECOND),
    "db_query_time": (Mean(Selector(QUERIES)), Unit.SECONDS),
    "cache_hit_ratio": (
        Ratio(Selector("cache_gets_total", {"result": "hit"}), Selector("cache_gets_total")),
        Unit.RATIO,
    ),
    "cache_operation_time": (Mean(Selector("cache_operation_duration_seconds")), Unit.SECONDS),
    "pool_utilization": (
        Utilization(
            Selector("db_client_connection_count", {"db_client_connection_state": "used"}),
            Selector("db_client_connection_max"),
            "max",
        ),
        Unit.RATIO,
    ),
    "background_task_time": (Mean(Selector("background_task_duration_seconds")), Unit.SECONDS),
    "cpu_utilization": (
        Rate(Selector("process_cpu_seconds_total"), Selector("system_cpu_logical_count")),
        Unit.RATIO,
    ),
    "memory_utilization": (
        Utilization(
            Selector("process_resident_memory_bytes"), Selector("system_memory_limit_bytes"), "max"
        ),
        Unit.RATIO,
    ),
    "queries_per_request": (
        Ratio(Selector(f"{QUERIES}_count"), Selector(f"{ANSWERS}_count")),
        Unit.COUNT,
    ),
    "server_latency": (Quantile(Selector(ANSWERS), 0.95), Unit.SECONDS),
    "server_latency_mean": (Mean(Selector(ANSWERS)), Unit.SECONDS),
    "server_error_ratio": (
        Ratio(
            Selector(f"{ANSWERS}_count", {"http_response_status_code": "~5.."}),
            Selector(f"{ANSWERS}_count"),
        ),
        Unit.RATIO,
    ),
    "requests_in_flight": (Gauge(Selector("http_server_active_requests"), "max"), Unit.COUNT),
    "pool_wait": (Mean(Selector(WAITS)), Unit.SECONDS),
    "event_loop_lag": (Quantile(Selector("event_loop_lag_seconds"), 0.95), Unit.SECONDS),
    "cpu_time_per_request": (
        PerRequest(Selector("harness_service_cpu_seconds_total"), answered=True),
        Unit.SECONDS,
    ),
    "database_time_per_request": (
        PerRequest(Selector(f"{QUERIES}_sum"), answered=True),
        Unit.SECONDS,
    ),
    "cache_gets_per_request": (PerRequest(Selector("cache_gets_total"), answered=True), Unit.COUNT),
    "request_bytes_per_request": (
        PerRequest(Selector("harness_request_bytes_total"), answered=True),
        Unit.BYTES,
    ),
    "response_bytes_per_request": (
        PerRequest(Selector("harness_response_bytes_total"), answered=True),
        Unit.BYTES,
    ),
    "context_switches_per_request": (
        PerRequest(Selector("harness_service_context_switches_total"), answered=True),
        Unit.COUNT,
    ),
    "page_faults_per_request": (
        PerRequest(Selector("harness_service_page_faults_total"), answered=True),
        Unit.COUNT,
    ),
    "allocated_bytes_per_request": (
        PerRequest(Selector("role:allocated_memory"), answered=True),
        Unit.BYTES,
    ),
    "gc_share": (Rate(Selector("python_gc_pause_seconds_sum")), Unit.RATIO),
}


def test_catalogue_is_the_documented_one() -> None:
    assert set(PRESETS) == set(CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_preset_is_the_documented_indicator(name: str) -> None:
    indicator, unit = CATALOGUE[name]
    assert PRESETS[name].indicator == indicator
    assert unit_of(PRESETS[name], ["5"]) is unit


def test_work_budget_stays_a_number_even_with_a_bound_in_percent() -> None:
    assert unit_of(PRESETS["queries_per_request"], ["80%"]) is Unit.COUNT

"""The titles of the charts of a service."""

import pytest

from harness.budgets.dialects.recognise import by_default
from harness.budgets.model import (
    Gauge,
    Indicator,
    PerRequest,
    Quantile,
    Rate,
    Selector,
    Utilization,
)
from harness.budgets.presets import CATALOGUE
from harness.names import GENERATOR_CPU
from harness.report.parts.quantities import chart_title
from harness.units import Unit

QUERIES = "db_client_operation_duration_seconds"
S, R, C, N, B = Unit.SECONDS, Unit.RATIO, Unit.COUNT, Unit.PER_SECOND, Unit.BYTES


@pytest.mark.parametrize(
    ("preset", "unit", "expected"),
    [
        ("pool_utilization", R, "Connection pool: used share"),
        ("pool_wait", S, "Connection pool: wait for a connection"),
        ("cache_hit_ratio", R, "Cache: hit ratio"),
        ("cache_operation_time", S, "Cache: time of an operation"),
        ("cache_gets_per_request", C, "Cache: look-ups per request"),
        ("cpu_utilization", R, "CPU: share of all cores"),
        ("memory_utilization", R, "Memory: used share"),
        ("cpu_time_per_request", S, "Cost of one request: CPU time"),
        ("context_switches_per_request", C, "Cost of one request: context switches"),
        ("page_faults_per_request", C, "Cost of one request: page faults"),
        ("request_bytes_per_request", B, "Cost of one request: bytes of the request"),
        ("response_bytes_per_request", B, "Cost of one request: bytes of the answer"),
        ("event_loop_lag", S, "Event loop: lag"),
        ("event_loop_lag", R, "Event loop: share of lags over the limit"),
        ("db_query_time", S, "Database: query time"),
        ("queries_per_request", C, "Database: queries per request"),
        ("database_time_per_request", S, "Database: query time per request"),
        ("server_latency", S, "Requests measured by the service: time of an answer"),
        ("server_latency", R, "Requests measured by the service: share of requests over the limit"),
        ("server_error_ratio", R, "Requests measured by the service: my-budget"),
        ("background_task_time", S, "Background tasks: time of a task"),
    ],
)
def test_the_title_of_a_preset_says_what_is_measured(
    preset: str, unit: Unit, expected: str
) -> None:
    indicator = CATALOGUE[preset].make(by_default())
    assert chart_title(indicator, unit, "my-budget") == expected


@pytest.mark.parametrize(
    ("indicator", "unit", "expected"),
    [
        (Rate(Selector("process_cpu_seconds_total")), R, "CPU"),
        (Gauge(Selector(GENERATOR_CPU)), R, "CPU"),
        (Gauge(Selector("process_resident_memory_bytes")), B, "Memory"),
        (Gauge(Selector("process_resident_memory_bytes"), "growth"), B, "Memory: growth"),
        (Rate(Selector(f"{QUERIES}_count")), N, "Database: queries per second"),
        (PerRequest(Selector(f"{QUERIES}_count")), C, "Database: queries per request"),
        (Quantile(Selector(QUERIES), 0.95), R, "Database: share of queries over the limit"),
        (Rate(Selector("shop_log_ins_total")), N, "my-budget"),
        (
            Utilization(Selector("shop_used"), Selector("shop_limit")),
            R,
            "my-budget",
        ),
    ],
)
def test_the_title_of_an_indicator_says_what_is_measured(
    indicator: Indicator, unit: Unit, expected: str
) -> None:
    assert chart_title(indicator, unit, "my-budget") == expected

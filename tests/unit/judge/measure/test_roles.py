"""Presets in runs whose services play the roles differently, and metrics in milliseconds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.budgets.dialects.model import MetricRole, Recognition, RoleMetric
from harness.budgets.dialects.recognise import recognise
from harness.budgets.model import Gauge, Indicator, Mean, Quantile, Rate, Ratio, Selector
from harness.budgets.presets import CATALOGUE, PRESETS, in_run
from harness.judge.measure.measure import measure_budgets
from harness.judge.model import Measurement
from harness.names import ROLES
from harness.runs.model import Evidence, Series
from harness.units import Unit
from tests.unit.budgets.dialects.test_recognise import BOTH, exposed
from tests.unit.judge.evidence import SECONDS, buckets, budget, counter, series
from tests.unit.judge.evidence import evidence as run


def in_service(found: Recognition | None, *shown: Series) -> Evidence:
    """A run of a service in which these metrics were recognised."""
    evidence = run(*shown)
    if found is None:
        return evidence
    target = {**evidence.manifest.target, ROLES: found.as_json()}
    return replace(evidence, manifest=evidence.manifest.model_copy(update={"target": target}))


def preset(name: str, evidence: Evidence, unit: Unit = Unit.SECONDS) -> Measurement:
    one = budget(PRESETS[name].indicator, 1.0, unit=unit, preset=name)
    return measure_budgets([one], evidence)[0].measurement


OLD = "http_server_duration_milliseconds"


def test_preset_reads_the_metric_that_plays_its_role_in_the_run() -> None:
    shown = [counter(f"{OLD}_sum", 5_000.0), counter(f"{OLD}_count", 100.0)]
    found = recognise(exposed("opentelemetry-python"))
    assert preset("server_latency_mean", in_service(found, *shown)).value == pytest.approx(0.05)
    assert preset("server_latency_mean", in_service(None, *shown)).value is None


def test_preset_whose_role_nobody_plays_is_not_another_metric() -> None:
    pool = [series("db_client_connection_count", lambda _: 4.0)]
    pool.append(series("db_client_connection_max", lambda _: 10.0))
    measured = preset(
        "pool_utilization", in_service(recognise(exposed("express-prom-bundle")), *pool)
    )
    assert measured.value is None
    assert measured.reason == (
        "no metric of this service plays the role 'pool in use'; recognised: express-prom-bundle; "
        "name the metric under `indicators:`, or its library with target.dialect"
    )


def test_ambiguous_role_has_no_value_and_says_what_to_write() -> None:
    shown = [counter(f"{OLD}_sum", 5_000.0), counter(f"{OLD}_count", 100.0)]
    measured = preset("server_latency_mean", in_service(recognise(BOTH), *shown))
    assert measured.value is None
    assert "write target.dialect: opentelemetry" in measured.reason


def test_p95_of_a_summary_is_refused_and_its_mean_is_offered() -> None:
    name = "http_server_requests_seconds"
    shown = [counter(f"{name}_sum", 5.0), counter(f"{name}_count", 100.0)]
    evidence = in_service(recognise(exposed("spring")), *shown)
    assert preset("server_latency", evidence).value is None
    assert preset("server_latency", evidence).reason.startswith(f"{name} is a summary")
    assert preset("server_latency_mean", evidence).value == pytest.approx(0.05)


def test_mean_wait_of_two_counters() -> None:
    shown = [
        counter("go_sql_wait_duration_seconds_total", 2.0),
        counter("go_sql_wait_count_total", 40.0),
    ]
    evidence = in_service(recognise(exposed("go")), *shown)
    assert preset("pool_wait", evidence).value == pytest.approx(0.05)


def test_lag_that_a_library_keeps_as_a_quantile_is_a_gauge() -> None:
    lag = series("nodejs_eventloop_lag_p99_seconds", lambda t: 0.04 if 4 < t < 6 else 0.01)
    evidence = in_service(recognise(exposed("fastify-metrics")), lag)
    assert preset("event_loop_lag", evidence).value == pytest.approx(0.04)


@pytest.mark.parametrize(
    "roles", [{}, {"roles": 3}, {"roles": {"x": {}}, "ambiguous": {}}, "x", []]
)
def test_damaged_roles_are_no_data(roles: object) -> None:
    one = budget(PRESETS["pool_wait"].indicator, 1.0, preset="pool_wait")
    (found,) = in_run([one], roles)
    assert found.indicator == Mean(Selector("role:pool_wait"))


def test_budget_without_a_preset_stays() -> None:
    one = budget(PRESETS["pool_wait"].indicator, 1.0)
    assert in_run([one], recognise(exposed("go")).as_json()) == (one,)


MILLISECONDS: dict[str, tuple[Indicator, list[Series], float]] = {
    "a quantile": (
        Quantile(Selector("h_ms", scale=0.001), 0.5),
        buckets("h_ms", {"7": 100, "70": 200, "+Inf": 200}),
        0.007,
    ),
    "a mean": (
        Mean(Selector("h_ms", scale=0.001)),
        [counter("h_ms_sum", 900.0), counter("h_ms_count", 30.0)],
        0.03,
    ),
    "a ratio": (
        Ratio(Selector("wait_ms", scale=0.001), Selector("waits")),
        [counter("wait_ms", 900.0), counter("waits", 30.0)],
        0.03,
    ),
    "a rate": (Rate(Selector("busy_ms", scale=0.001)), [counter("busy_ms", 500.0 * SECONDS)], 0.5),
    "a gauge": (
        Gauge(Selector("lag_ms", scale=0.001), "max"),
        [series("lag_ms", lambda _: 12.0)],
        0.012,
    ),
}


@pytest.mark.parametrize("kind", MILLISECONDS)
def test_metric_in_milliseconds_is_measured_in_seconds(kind: str) -> None:
    indicator, shown, expected = MILLISECONDS[kind]
    measured = measure_budgets([budget(indicator, 0.007)], run(*shown))[0].measurement
    assert measured.value == pytest.approx(expected)


def test_edge_in_milliseconds_is_exactly_the_bound() -> None:
    shown = buckets("h_ms", {"7": 180, "70": 200, "+Inf": 200})
    one = budget(Quantile(Selector("h_ms", scale=0.001), 0.95), 0.007)
    assert measure_budgets([one], run(*shown))[0].measurement.meets is False


@pytest.mark.parametrize("name", [name for name, one in CATALOGUE.items() if one.roles])
def test_preset_without_any_role_reads_nothing(name: str) -> None:
    indicator = CATALOGUE[name].make(Recognition())
    assert any(selector.startswith("role:") for selector in str(indicator).split("metric='")[1:]), (
        indicator
    )


def test_role_says_its_series_in_the_base_unit() -> None:
    metric = RoleMetric("d", "h_ms", "histogram", unit="ms")
    assert metric.selector.scale == 0.001
    assert metric.selector.part("sum").scale == 0.001
    assert metric.events == Selector("h_ms_count")
    assert MetricRole.POOL_USED.group == "pool"

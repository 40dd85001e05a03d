"""Indicators of budgets.yaml: each kind with its unit, presets and redefinitions."""

import pytest

from harness.budgets.model import (
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.units import Unit
from tests.unit.budgets.parse.parsing import budget_of

X, Y = Selector("x"), Selector("y")
INDICATORS: dict[str, tuple[str, str, Indicator, Unit, float]] = {
    "latency mean of one request": (
        '{kind: latency, mean: true, request: "GET /a", of: service_time, outcome: all}',
        "1s",
        Latency(None, "GET /a", "service_time", "all"),
        Unit.SECONDS,
        1.0,
    ),
    "a quantile may be in percent": (
        "{kind: latency, quantile: 99%}",
        "1s",
        Latency(0.99),
        Unit.SECONDS,
        1.0,
    ),
    "the slowest request": (
        "{kind: latency, quantile: 1}",
        "2m",
        Latency(1.0),
        Unit.SECONDS,
        120.0,
    ),
    "errors of one request": (
        '{kind: error_ratio, request: "GET /a"}',
        "0.5%",
        ErrorRatio("GET /a"),
        Unit.RATIO,
        0.005,
    ),
    "throughput": ("{kind: throughput}", "600/m", Throughput(), Unit.PER_SECOND, 10.0),
    "quantile of a histogram in seconds": (
        "{kind: quantile, metric: x, quantile: 0.9, where: {a: b}}",
        "250ms",
        Quantile(Selector("x", {"a": "b"}), 0.9),
        Unit.SECONDS,
        0.25,
    ),
    "quantile of a histogram in bytes, by its name": (
        "{kind: quantile, metric: body_bytes, quantile: 0.9}",
        "2MiB",
        Quantile(Selector("body_bytes"), 0.9),
        Unit.BYTES,
        2097152.0,
    ),
    "mean of a histogram with its unit written out": (
        "{kind: mean, metric: rows, unit: 1}",
        "50",
        Mean(Selector("rows")),
        Unit.COUNT,
        50.0,
    ),
    "ratio of counters is a number": (
        "{kind: ratio, of: x, to: {metric: y}}",
        "0.5",
        Ratio(X, Y),
        Unit.COUNT,
        0.5,
    ),
    "ratio of counters bounded in percent is a ratio": (
        "{kind: ratio, of: x, to: y}",
        "80%",
        Ratio(X, Y),
        Unit.RATIO,
        0.8,
    ),
    "ratio of counters with its unit written out": (
        "{kind: ratio, of: x, to: y, unit: bytes}",
        "4KiB",
        Ratio(X, Y),
        Unit.BYTES,
        4096.0,
    ),
    "rate of a counter": (
        "{kind: rate, metric: x}",
        "6/m",
        Rate(X),
        Unit.PER_SECOND,
        0.1,
    ),
    "rate of a counter over a gauge is a ratio": (
        "{kind: rate, metric: x, to: y}",
        "70%",
        Rate(X, Y),
        Unit.RATIO,
        0.7,
    ),
    "gauge is a number": (
        "{kind: gauge, metric: x}",
        "7",
        Gauge(X, "mean"),
        Unit.COUNT,
        7.0,
    ),
    "gauge in bytes by its name": (
        "{kind: gauge, metric: x_bytes, over: growth}",
        "1MB",
        Gauge(Selector("x_bytes"), "growth"),
        Unit.BYTES,
        1e6,
    ),
    "gauge in seconds by its name": (
        "{kind: gauge, metric: lag_seconds, over: max}",
        "20ms",
        Gauge(Selector("lag_seconds"), "max"),
        Unit.SECONDS,
        0.02,
    ),
    "gauge that is a ratio by its name": (
        "{kind: gauge, metric: load_ratio, over: last}",
        "70%",
        Gauge(Selector("load_ratio"), "last"),
        Unit.RATIO,
        0.7,
    ),
    "a gauge may be negative": (
        "{kind: gauge, metric: x}",
        "-3",
        Gauge(X),
        Unit.COUNT,
        -3.0,
    ),
    "utilization": (
        "{kind: utilization, of: x, to: y, over: max}",
        "0.8",
        Utilization(X, Y, "max"),
        Unit.RATIO,
        0.8,
    ),
    "promql has the unit that it says": (
        '{kind: promql, query: "sum(rate(x[{window}]))", unit: 1/s}',
        "9/s",
        Promql("sum(rate(x[{window}]))"),
        Unit.PER_SECOND,
        9.0,
    ),
}


@pytest.mark.parametrize(
    ("written", "bound", "indicator", "unit", "value"), INDICATORS.values(), ids=INDICATORS
)
def test_indicator_of_each_kind_is_read_with_its_unit(
    written: str, bound: str, indicator: Indicator, unit: Unit, value: float
) -> None:
    budget = budget_of(f"{{indicator: {written}, max: {bound}}}")
    assert budget.indicator == indicator
    assert budget.unit is unit
    assert budget.bound == pytest.approx(value, rel=1e-12)


def test_named_indicator_is_used_by_its_name() -> None:
    named = "indicators: {slow: {kind: latency, quantile: 0.5}}\n"
    assert budget_of("{indicator: slow, max: 1s}", named).indicator == Latency(0.5)


def test_named_indicator_redefines_a_preset() -> None:
    named = "indicators: {api_latency: {kind: latency, quantile: 0.99}}\n"
    assert budget_of("{indicator: api_latency, max: 1s}", named).indicator == Latency(0.99)

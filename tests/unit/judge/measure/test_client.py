"""Latency, error ratio and throughput, against numpy and against counts made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import names
from harness.budgets.model import ErrorRatio, Indicator, Latency, Promql, Throughput
from harness.judge.model import Measurement
from harness.runs.model import Distribution, Evidence, LatencyKey
from harness.units import Unit
from tests.unit.judge.evidence import budget, evidence, measure, requests

MIXED = {
    **requests("GET /a", ok=[0.1] * 60, failed=[0.001] * 10),
    **requests("GET /b", ok=[0.3] * 30),
    **requests("GET /a", ok=[0.05] * 60, what=names.SERVICE_TIME),
    LatencyKey(names.SCHEDULER_LAG): Distribution((9.0,), (1000,)),
}


def measured(indicator: Indicator, run: Evidence | None = None, bound: float = 0.2) -> Measurement:
    return measure(budget(indicator, bound), run or evidence(latency=MIXED))


@pytest.mark.parametrize(
    ("indicator", "value", "samples"),
    [
        pytest.param(Latency(0.5), 0.1, 90, id="latency is of requests that succeeded"),
        pytest.param(Latency(0.9), 0.3, 90, id="a high quantile comes from the slow endpoint"),
        pytest.param(Latency(None), 15 / 90, 90, id="without a quantile it is the mean"),
        pytest.param(Latency(0.9, "GET /a"), 0.1, 60, id="a request narrows it"),
        pytest.param(Latency(0.9, of="service_time"), 0.05, 60, id="service time is apart"),
        pytest.param(Latency(0.9, outcome="error"), 0.001, 10, id="only failures"),
        pytest.param(Latency(0.05, outcome="all"), 0.001, 100, id="failures included"),
        pytest.param(Latency(1.0, outcome="all"), 0.3, 100, id="the largest of all"),
        pytest.param(ErrorRatio(), 0.1, 100, id="failures over all requests"),
        pytest.param(ErrorRatio("GET /b"), 0.0, 30, id="no failure is a ratio of 0"),
        pytest.param(ErrorRatio("GET /a"), 1 / 7, 70, id="failures of one endpoint"),
        pytest.param(Throughput(), 9.0, 100, id="good answers per second of the window"),
        pytest.param(Throughput("GET /b"), 3.0, 30, id="good answers of one endpoint"),
    ],
)
def test_measure_of_the_load_generator_has_the_value(
    indicator: Indicator, value: float, samples: int
) -> None:
    found = measured(indicator)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert (found.samples, found.source) == (samples, "load generator")


@pytest.mark.parametrize(
    ("indicator", "run", "message"),
    [
        pytest.param(
            ErrorRatio(), evidence(latency={}), "no request was recorded", id="no request at all"
        ),
        pytest.param(
            Throughput("GET /aa"),
            None,
            "no request GET /aa was recorded in the window; did you mean GET /a?",
            id="a misspelt request",
        ),
        pytest.param(
            Latency(0.5, "POST /orders/{id}/lines"),
            None,
            "recorded: GET /a, GET /b",
            id="a request that the scenario does not make",
        ),
        pytest.param(
            Latency(0.5),
            evidence(latency=requests(failed=[0.1])),
            "every request failed",
            id="no answer to take the time of",
        ),
        pytest.param(
            Latency(0.5, outcome="error"),
            evidence(),
            "no request failed",
            id="no failure to take the time of",
        ),
        pytest.param(
            Throughput(),
            evidence(window=(1000.0, None)),
            "before its window was complete",
            id="a run without a window",
        ),
    ],
)
def test_measure_without_requests_is_no_data(
    indicator: Indicator, run: Evidence | None, message: str
) -> None:
    found = measured(indicator, run)
    assert (found.value, found.samples) == (None, 0)
    assert message in found.reason


@pytest.mark.parametrize(
    ("quantile", "failed", "bound", "undecided"),
    [
        pytest.param(0.95, 5, 0.2, False, id="as many failures as the quantile may miss"),
        pytest.param(0.95, 6, 0.2, True, id="more failures than that leave it open"),
        pytest.param(0.95, 6, 0.05, False, id="a breach stays a breach whatever failed"),
        pytest.param(0.9, 10, 0.2, False, id="p90 may miss a tenth"),
        pytest.param(0.9, 11, 0.2, True, id="p90 may miss no more"),
        pytest.param(None, 5, 0.2, False, id="a mean may miss a twentieth"),
        pytest.param(None, 6, 0.2, True, id="a mean may miss no more"),
        pytest.param(1.0, 1, 0.2, True, id="the maximum may miss nothing"),
    ],
)
def test_measure_latency_is_undecided_when_failures_could_hide_a_breach(
    quantile: float | None, failed: int, bound: float, undecided: bool
) -> None:
    run = evidence(latency=requests(ok=[0.1] * (100 - failed), failed=[0.0] * failed))
    found = measured(Latency(quantile), run, bound)
    assert found.value == pytest.approx(0.1)
    assert bool(found.undecided) is undecided
    if undecided:
        assert found.undecided.startswith(f"{failed}% of the requests failed")


def test_measure_latency_names_the_slowest_of_several_requests() -> None:
    assert measured(Latency(0.9)).reason == "the slowest is GET /b with 300 ms"
    assert not measured(Latency(0.9, "GET /a")).reason


def test_measure_error_ratio_names_where_most_fail() -> None:
    assert measured(ErrorRatio()).reason == "most failures are of GET /a: 10 of 70"


TIMES = st.lists(st.sampled_from([0.001, 0.01, 0.1, 0.2, 0.5, 2.0]), min_size=1, max_size=60)


@given(TIMES, TIMES, st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0]))
def test_measure_latency_is_the_order_statistic_of_all_endpoints(
    a: list[float], b: list[float], quantile: float
) -> None:
    run = evidence(latency=requests("GET /a", a) | requests("GET /b", b))
    found = measured(Latency(quantile), run)
    assert found.value == np.quantile(a + b, quantile, method="inverted_cdf")
    assert found.share_over == pytest.approx(np.mean(np.array(a + b) > 0.2))
    # The two say the same: the quantile holds if and only if few enough are over the bound.
    assert found.value is not None
    assert found.share_over is not None
    assert (found.value <= 0.2) == (found.share_over <= 1 - quantile + 1e-9)


def test_measure_of_promql_says_what_it_needs() -> None:
    found = measure(budget(Promql("up"), 1, unit=Unit.COUNT), evidence())
    assert found.value is None
    assert "--prometheus" in found.reason

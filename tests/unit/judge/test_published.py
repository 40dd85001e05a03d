"""The judge on the cases that Prometheus publishes for its own functions.

Numbers of https://github.com/prometheus/prometheus/tree/main/promql/promqltest/testdata
(histograms.test and functions.test; Apache-2.0), in which 50 minutes are our ten seconds.
"""

from __future__ import annotations

import pytest

from harness.budgets.model import Quantile, Rate, Selector
from harness.judge.decide import judge
from harness.judge.measure import measure
from harness.units import Unit
from tests.unit.judge.evidence import SECONDS, START, buckets, budget, evidence, series

POSITIVE = {"0.1": 50, ".2": 70, "1e0": 110, "+Inf": 120}
NEGATIVE = {"-.2": 10, "-0.1": 20, "0.3": 20, "+Inf": 30}
MIDDLES = {"0": 0, "2": 10, "4": 20, "6": 30, "+Inf": 30}
JOB_1 = ({"0.1": 1, "0.2": 3, "+Inf": 4}, {"0.1": 2, "0.2": 5, "+Inf": 6})
JOB_2 = ({"0.1": 3, "0.2": 4, "+Inf": 6}, {"0.1": 4, "0.2": 7, "+Inf": 9})

QUANTILES = [
    *((q, [POSITIVE], value) for q, value in ((0.2, 0.048), (0.5, 0.15), (0.8, 0.72))),
    *((q, [NEGATIVE], value) for q, value in ((0.2, -0.2), (0.5, -0.15))),
    *((n / 6, [MIDDLES], n) for n in (1, 3, 5)),
    *((q, [*JOB_1, *JOB_2], value) for q, value in ((0.3, 0.075), (0.5, 0.1277777777777778))),
    *((q, [*JOB_1], value) for q, value in ((0.3, 0.1), (0.5, 0.14))),
    *((q, [*JOB_2], value) for q, value in ((0.3, 0.0642857142857143), (0.5, 0.1125))),
    *((q, [JOB_1[0]], value) for q, value in ((0.3, 0.11), (0.5, 0.15))),
    *((q, [JOB_2[1]], value) for q, value in ((0.3, 0.0675), (0.5, 0.1166666666666667))),
]


@pytest.mark.parametrize(("quantile", "histograms", "value"), QUANTILES)
def test_quantile_of_a_published_histogram_is_the_published_one(
    quantile: float, histograms: list[dict[str, float]], value: float
) -> None:
    found = [one for n, counts in enumerate(histograms) for one in buckets("h", counts, n=str(n))]
    measured = measure(budget(Quantile(Selector("h"), quantile), 1.0), evidence(*found))
    assert measured.value == pytest.approx(value, rel=1e-6)


def test_quantile_over_the_last_edge_has_no_value_where_prometheus_gives_the_edge() -> None:
    """It publishes 0.3; all that is known is that it is more."""
    one = budget(Quantile(Selector("h"), 0.8), 0.5)
    measured = measure(one, evidence(*buckets("h", NEGATIVE)))
    assert measured.value is None
    assert "over the last bucket edge, 300 ms" in measured.reason


GROWTH = {
    "from 0": ([10.0 * n for n in range(11)], 100),
    # Over a range that is longer than the series, Prometheus publishes 105 and 101 for these:
    # it takes them to have begun half an interval earlier. What was read grew by 100.
    "from 10": ([10.0 + 10 * n for n in range(11)], 100),
    "from 1": ([1.0 + 10 * n for n in range(11)], 100),
}


@pytest.mark.parametrize(("values", "increase"), GROWTH.values(), ids=GROWTH)
def test_increase_of_a_published_counter_is_what_was_read(
    values: list[float], increase: float
) -> None:
    times = [START + n for n in range(11)]
    found = series("c_total", values, times=times)
    measured = measure(budget(Rate(Selector("c_total")), 1, unit=Unit.PER_SECOND), evidence(found))
    assert measured.value == pytest.approx(increase / SECONDS, rel=1e-6)


def test_published_reset_is_told_of_and_not_made_up_for() -> None:
    """Prometheus publishes 160 for it; that the service ended in a run is the finding."""
    values = [18.0 * n for n in (*range(6), *range(5))]
    found = series("c_total", values, times=[START + n for n in range(11)])
    one = budget(Rate(Selector("c_total")), 100, unit=Unit.PER_SECOND)
    [verdict] = judge((one,), evidence(found)).verdicts
    assert verdict.outcome == "inconclusive"
    assert verdict.reason.startswith("counter-reset: a counter fell or vanished: c_total")

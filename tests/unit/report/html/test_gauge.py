from dataclasses import replace

import pytest

from harness.judge.model import Verdict
from harness.report.html.gauge import GaugeChart, verdict_gauge
from tests.unit.report.cases import HITS, P95


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        pytest.param(
            replace(P95, value=0.1, lower=0.05, upper=0.3, bound=0.2),
            GaugeChart(50, 25, 12.5, 62.5, 50, 50),
            id="a max is bad on the right",
        ),
        pytest.param(
            replace(HITS, value=0.6, lower=None, upper=None, bound=0.8),
            GaugeChart(50, 37.5, None, 0, 0, 50),
            id="a min is bad on the left",
        ),
        pytest.param(
            replace(P95, value=9.0, lower=0.3, upper=None, bound=0.2),
            GaugeChart(50, 100, 75, 25, 50, 50),
            id="what lies beyond is at the end, and so is an end that is not known",
        ),
        pytest.param(
            replace(P95, value=None, bucket=(0.1, 0.2), lower=0.05, upper=0.25, bound=0.2),
            GaugeChart(50, None, 12.5, 50, 50, 50),
            id="of a bucket, its interval",
        ),
        pytest.param(
            replace(P95, value=None, bucket=(0.1, 0.2), lower=None, upper=None, bound=0.2),
            GaugeChart(50, None, 25, 25, 50, 50),
            id="of a bucket without an interval, the bucket",
        ),
        pytest.param(replace(P95, value=None), None, id="no value"),
        pytest.param(replace(P95, value=1.0, bound=0.0), None, id="a bound of zero"),
    ],
)
def test_gauge_of_a_verdict_is_in_per_cent_of_twice_the_bound(
    verdict: Verdict, expected: GaugeChart | None
) -> None:
    assert verdict_gauge(verdict) == expected

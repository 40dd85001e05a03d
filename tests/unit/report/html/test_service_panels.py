"""The charts of the service: the quantile of a histogram is never a point within its bucket."""

import pytest

from harness.budgets.dialects.model import Recognition
from harness.budgets.model import Budget, Quantile, Selector
from harness.report.html.axis import Axis
from harness.report.html.panel import ChartPanel
from harness.report.html.readings import Readings
from harness.report.html.service_panels import service_panels
from harness.units import Unit
from tests.unit.judge.evidence import START, buckets, budget, evidence

AXIS = Axis(start=START, width=5, count=2, zero=START, window=(0, 2))
# 100 observations: 50 up to 0.1, 40 more up to 0.2, 6 more up to 0.5, 4 beyond.
RUN = evidence(*buckets("work_seconds", {"0.1": 50, "0.2": 90, "0.5": 96, "+Inf": 100}))


def of(quantile: float, bound: float) -> Budget:
    return budget(Quantile(Selector("work_seconds"), quantile), bound, name="work-time")


def panel(*budgets: Budget) -> ChartPanel:
    (found,) = service_panels(Readings(RUN, AXIS), budgets, Recognition({}))
    return found


def test_quantile_of_a_histogram_is_charted_as_its_share_over_the_bound() -> None:
    found = panel(of(0.95, 0.2))
    (line,) = found.lines
    assert (found.unit, line.label) == (Unit.RATIO, "work-time, share over 200 ms")
    assert line.values == pytest.approx([0.1, 0.1])
    (bound,) = found.choices[0].bounds
    assert bound.label == "work-time: max 5% over 200 ms"
    assert bound.value == pytest.approx(0.05)


def test_quantile_of_which_no_bucket_ends_at_the_bound_is_charted_as_its_bucket() -> None:
    found = panel(of(0.95, 0.3))
    assert found.unit is Unit.SECONDS
    assert {line.label: line.values for line in found.lines} == {
        "work-time, at least": [0.2, 0.2],
        "work-time, at most": [0.5, 0.5],
    }
    (bound,) = found.choices[0].bounds
    assert (bound.label, bound.value) == ("work-time: max 300 ms", 0.3)


def test_quantile_over_the_last_edge_has_a_lower_end_only() -> None:
    (line,) = panel(of(0.99, 0.3)).lines
    assert (line.label, line.values) == ("work-time, at least", [0.5, 0.5])

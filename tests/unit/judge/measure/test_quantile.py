"""A quantile of a histogram is judged by bucket counts, against the observations themselves."""

import math
from bisect import bisect_left

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.budgets.model import Direction, Quantile, Selector
from harness.judge.bounds import holds
from harness.judge.judge import judge
from harness.judge.measure.observation import (
    Coverage,
    Histogram,
    ObservedAnswer,
    ObservedHistogram,
)
from harness.judge.measure.prometheus import measure_answer
from harness.judge.model import Measurement
from harness.report.parts.words import measured_text
from tests.unit.judge.evidence import buckets, budget, evidence, measure

# 100 observations: 50 up to 0.1, 40 more up to 0.2, 6 more up to 0.5, 4 beyond.
COUNTS = {"0.1": 50, "0.2": 90, "0.5": 96, "+Inf": 100}


def measured(
    quantile: float, bound: float, direction: Direction, counts: dict[str, int]
) -> Measurement:
    indicator = Quantile(Selector("h"), quantile)
    return measure(budget(indicator, bound, direction), evidence(*buckets("h", counts)))


@pytest.mark.parametrize(
    ("quantile", "bound", "direction", "meets"),
    [
        pytest.param(0.9, 0.2, "max", True, id="exactly enough are within an edge at the bound"),
        pytest.param(0.91, 0.2, "max", False, id="one too few is within an edge at the bound"),
        pytest.param(
            0.9, 0.1 + 0.1 + 1e-13, "max", True, id="an edge equals the bound but for noise"
        ),
        pytest.param(0.9, 0.3, "max", True, id="the bucket of the quantile ends under the bound"),
        pytest.param(
            0.95, 0.15, "max", False, id="the bucket of the quantile begins over the bound"
        ),
        pytest.param(0.95, 0.3, "max", None, id="the bound lies within the bucket of the quantile"),
        pytest.param(
            0.99, 0.5, "max", False, id="the quantile is over the last edge, the bound at it"
        ),
        pytest.param(0.99, 0.8, "max", None, id="both are over the last edge"),
        pytest.param(0.2, 0.05, "max", None, id="both are in the first bucket"),
        pytest.param(0.9, 0.1, "min", True, id="a min is met when too few are under it"),
        pytest.param(0.9, 0.2, "min", False, id="a min is not met when enough are under it"),
        pytest.param(0.95, 0.3, "min", None, id="a min may be undecided as well"),
        pytest.param(0.99, 0.5, "min", True, id="a min at the last edge is met beyond it"),
    ],
)
def test_measure_of_a_quantile_is_decided_by_its_bucket(
    quantile: float, bound: float, direction: Direction, meets: bool | None
) -> None:
    found = measured(quantile, bound, direction, COUNTS)
    assert found.meets is meets
    assert bool(found.undecided) is (meets is None)
    assert found.samples == 100


@pytest.mark.parametrize(
    ("quantile", "value"),
    [
        (0.5, 0.1),
        (0.25, 0.05),
        (0.7, 0.15),
        (0.93, 0.35),
        (0.96, 0.5),
        pytest.param(0.97, None, id="unknown over the last edge"),
    ],
)
def test_measure_of_a_quantile_interpolates_for_people(
    quantile: float, value: float | None
) -> None:
    found = measured(quantile, 0.2, "max", COUNTS).value
    assert found == (None if value is None else pytest.approx(value))


def test_measure_of_a_quantile_gives_the_share_over_an_edge() -> None:
    assert measured(0.95, 0.2, "max", COUNTS).share_over == pytest.approx(0.1)
    assert measured(0.95, 0.3, "max", COUNTS).share_over is None


@pytest.mark.parametrize(
    ("quantile", "bound", "message"),
    [
        (0.95, 0.3, "no bucket edge at 300 ms: the quantile lies between 200 ms and 500 ms"),
        (0.99, 0.8, "between 500 ms and +Inf; add a bucket at 800 ms"),
        (0.2, 0.05, "between the lowest value and 100 ms"),
    ],
)
def test_measure_of_an_undecided_quantile_names_the_nearest_edges(
    quantile: float, bound: float, message: str
) -> None:
    assert message in measured(quantile, bound, "max", COUNTS).undecided


def test_measure_of_a_quantile_over_the_last_edge_says_so() -> None:
    found = measured(0.99, 0.2, "max", COUNTS)
    assert (found.value, found.meets) == (None, False)
    assert found.reason == "it is over the last bucket edge, 500 ms"


def test_measure_of_a_quantile_with_only_the_last_bucket_is_undecided() -> None:
    found = measured(0.5, 0.2, "max", {"+Inf": 3})
    assert found.value is None
    assert found.samples == 3
    assert measured(0.5, 0.2, "max", {"+Inf": 1}).samples == 1
    assert "no bucket but +Inf" in found.reason
    assert found.undecided


EDGES = [0.005, 0.05, 0.2, 1.0]


@given(
    st.lists(st.floats(0, 3), min_size=1, max_size=200),
    st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0]),
    st.one_of(st.sampled_from(EDGES), st.floats(0.001, 2)),
    st.sampled_from(["max", "min"]),
)
def test_measure_of_a_quantile_never_contradicts_the_observations(
    values: list[float], quantile: float, bound: float, direction: Direction
) -> None:
    per_bucket = np.bincount([bisect_left(EDGES, v) for v in values], minlength=len(EDGES) + 1)
    cumulative = np.cumsum(per_bucket)
    labels = [*map(str, EDGES), "+Inf"]
    counts = {le: int(n) for le, n in zip(labels, cumulative, strict=True)}
    found = measured(quantile, bound, direction, counts)
    true = float(np.quantile(values, quantile, method="inverted_cdf"))
    if found.meets is not None and not math.isclose(true, bound, rel_tol=1e-6):
        assert found.meets == holds(true, bound, direction)
    if bound in EDGES:
        assert found.meets is not None
    if found.value is not None:  # interpolation stays within the bucket of the true quantile
        assert bisect_left(EDGES, found.value - 1e-12) == bisect_left(EDGES, true)


@pytest.mark.parametrize(
    ("quantile", "bucket"),
    [
        (0.5, (0.0, 0.1)),
        (0.9, (0.1, 0.2)),
        (0.96, (0.2, 0.5)),
        pytest.param(0.97, None, id="over the last edge"),
    ],
)
def test_quantile_is_known_to_its_bucket(
    quantile: float, bucket: tuple[float, float] | None
) -> None:
    assert measured(quantile, 0.2, "max", COUNTS).bucket == bucket


def test_quantile_in_a_narrow_bucket_is_a_value() -> None:
    assert measured(0.95, 0.2, "max", {"0.19": 0, "0.2": 100, "+Inf": 100}).bucket is None


def test_verdict_on_a_quantile_shows_its_bucket_and_its_share() -> None:
    one = budget(Quantile(Selector("h"), 0.95), 0.2)
    (verdict,) = judge((one,), evidence(*buckets("h", {**COUNTS, "0.2": 30}))).verdicts
    assert verdict.reason.startswith("p95 of h is 200 to 500 ms, against the max of 200 ms")
    assert measured_text(verdict) == "200 to 500 ms"
    assert (verdict.share_over, verdict.share_allowed) == pytest.approx((0.5, 0.05))
    assert (verdict.value, verdict.margin, verdict.bucket) == (None, None, (0.2, 0.5))


def test_verdict_on_a_quantile_in_a_narrow_bucket_has_a_value() -> None:
    one = budget(Quantile(Selector("h"), 0.95), 0.3)
    counts = {"0.19": 0, "0.2": 1000, "0.3": 1000, "+Inf": 1000}
    (verdict,) = judge((one,), evidence(*buckets("h", counts))).verdicts
    assert verdict.value == pytest.approx(0.1995)
    assert verdict.bucket is None
    assert (verdict.share_over, verdict.outcome) == (0.0, "pass")


@given(
    st.lists(st.floats(0.001, 2), min_size=20, max_size=400),
    st.sampled_from([0.5, 0.9, 0.95]),
    st.sampled_from(EDGES),
)
def test_share_over_the_bound_has_the_exact_interval_of_independent_observations(
    values: list[float], quantile: float, bound: float
) -> None:
    count, over = len(values), int(np.sum(np.array(values) > bound))
    edges = {str(edge): int(np.sum(np.array(values) <= edge)) for edge in EDGES}
    one = budget(Quantile(Selector("h"), quantile), bound)
    run = evidence(*buckets("h", {**edges, "+Inf": count}))  # evenly over the window
    (verdict,) = judge((one,), run).verdicts
    assert verdict.share_over == pytest.approx(over / count)
    fails = stats.binomtest(over, count, alternative="greater").proportion_ci(0.99)
    passes = stats.binomtest(over, count, alternative="less").proportion_ci(0.95)
    assert verdict.share_lower == pytest.approx(fails.low, abs=1e-6)
    assert verdict.share_upper == pytest.approx(passes.high, abs=1e-6)
    match verdict.outcome:
        case "pass":
            assert passes.high <= 1 - quantile + 1e-6
        case "fail":
            assert fails.low >= 1 - quantile - 1e-6
        case _:
            assert fails.low <= 1 - quantile + 1e-6
            assert passes.high >= 1 - quantile - 1e-6


def test_share_has_no_interval_where_the_value_decides_or_the_bound_is_no_edge() -> None:
    run = evidence(*buckets("h", COUNTS))
    for one in (
        budget(Quantile(Selector("h"), 0.95), 0.2, decide="value"),
        budget(Quantile(Selector("h"), 0.95), 0.3),
    ):
        (verdict,) = judge((one,), run).verdicts
        assert (verdict.share_lower, verdict.share_upper) == (None, None)


@pytest.mark.parametrize(
    ("own", "note"),
    [(0.35, ", the same as by the harness's own scrapes"), (0.31, ""), (None, "")],
)
def test_answer_of_a_server_states_no_distance_within_a_bucket(
    own: float | None, note: str
) -> None:
    indicator = Quantile(Selector("h"), 0.93)
    histogram = Histogram((0.1, 0.2, 0.5, math.inf), (50, 90, 96, 100), "Prometheus server")
    found = ObservedHistogram(indicator, Coverage(), histogram, {})
    answered = ObservedAnswer(indicator, Coverage(), found, 100, 11, found)
    one = measure_answer(budget(indicator, 0.2), answered, own)
    assert one.value == pytest.approx(0.35)
    assert one.note == f"extrapolated by Prometheus from 11 scrapes{note}"

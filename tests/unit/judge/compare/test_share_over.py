"""The quantile of a histogram is compared by its share over the bound, as raw durations have it."""

from collections.abc import Sequence
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.budgets.model import Direction, Quantile, Selector
from harness.judge.compare.compare import compare
from harness.judge.compare.log_ratio import log_ratio, pair_ratio
from harness.judge.compare.model import BudgetChange, Pair, Rules, SideMeasurements
from harness.judge.compare.noise import noises
from harness.judge.compare.sequential import design, hodges_lehmann, interval
from harness.judge.measure.measure import measure_budgets
from harness.judge.model import Measurement
from harness.runs.model import Series
from harness.units import Unit
from tests.unit.judge.evidence import START, TIMES, buckets, budget, counter, evidence, series

Times = NDArray[np.float64]
SLOW = budget(Quantile(Selector("work_seconds"), 0.95), 0.25, name="work-time", max_regression=0.5)
EDGES = (0.1, 0.25, 1.0)
CHANCE = np.random.default_rng(11)
# Seconds of 1000 observations in each pair; of the slow ones, about 5% or 10% take over 250 ms.
USUAL = [CHANCE.exponential(0.25 / 3.0, 1000) for _ in range(8)]
WORSE = [CHANCE.exponential(0.25 / 2.3, 1000) for _ in range(8)]


def measured(times: Times, name: str = "work_seconds") -> Measurement:
    counts = {str(edge): float(np.sum(times <= edge)) for edge in EDGES}
    run = evidence(*buckets(name, {**counts, "+Inf": len(times)}))
    (one,) = measure_budgets([SLOW], run)
    return one.measurement


def side(found: Measurement) -> SideMeasurements:
    return SideMeasurements({SLOW.name: found})


def change(before: Sequence[Times], after: Sequence[Times]) -> BudgetChange:
    pairs = [
        Pair(side(measured(a)), side(measured(b)), 20.0) for a, b in zip(before, after, strict=True)
    ]
    (found,) = compare([SLOW], pairs, Rules(most=12)).changes
    return found


def over(times: Times) -> float:
    return float(np.mean(times > SLOW.bound))


@given(
    st.lists(st.floats(0.001, 2), min_size=1, max_size=50),
    st.lists(st.floats(0.001, 2), min_size=1, max_size=50),
)
def test_log_ratio_is_that_of_the_durations_over_the_bound(
    before: list[float], after: list[float]
) -> None:
    first, second = np.array(before), np.array(after)
    a, b = int(np.sum(first > 0.25)), int(np.sum(second > 0.25))
    expected = 0.0
    if a or b:
        expected = log((b + 0.5) / (len(after) + 1)) - log((a + 0.5) / (len(before) + 1))
    found = log_ratio(SLOW, measured(first), measured(second))
    assert found == pytest.approx(expected, abs=1e-9)


def test_more_durations_over_the_bound_fail() -> None:
    found = change(USUAL, WORSE)
    assert (found.outcome, found.unit) == ("fail", Unit.RATIO)
    assert found.baseline == pytest.approx(np.median([over(times) for times in USUAL]))
    assert found.candidate == pytest.approx(np.median([over(times) for times in WORSE]))
    differences = [over(b) - over(a) for a, b in zip(USUAL, WORSE, strict=True)]
    share = found.share_over
    assert share is not None
    assert (share.bound, share.unit) == (0.25, Unit.SECONDS)
    assert share.difference == pytest.approx(hodges_lehmann(differences))
    plan = design(0.5, 12, alpha=0.01)
    looks = [interval(differences[:count], plan) for count in range(4, 9)]
    assert share.lower == pytest.approx(max(lower for lower, _ in looks))
    assert share.upper == pytest.approx(min(upper for _, upper in looks))
    assert found.reason.startswith(
        "10.1% of work_seconds took more than 250 ms, 4.7% in the baseline (difference +3.55 .. "
    )
    assert "percentage points); the share is " in found.reason
    assert found.reason.endswith("certainly more than the 50% tolerated")


def test_same_durations_pass() -> None:
    found = change(USUAL, USUAL[::-1])
    assert found.outcome == "pass"
    assert found.reason.endswith("certainly less than the 50% tolerated")


def test_few_durations_over_the_bound_do_not_prove_that_all_is_well() -> None:
    rare = np.append(np.full(999, 0.05), 0.3)
    found = change([rare] * 12, [rare] * 12)
    assert found.outcome == "inconclusive"
    assert found.reason.startswith(
        "too few observations over 250 ms to compare: 1 in the baseline's part of a pair, and 5"
    )


def test_difference_leaves_no_share_below_zero_or_over_one() -> None:
    few = [np.append(np.full(90, 0.05), np.full(slow, 0.3)) for slow in (2, 30, 1, 12)]
    share = change(few, [np.full(90, 0.05)] * 4).share_over
    assert share is not None
    assert share.difference == pytest.approx(share.lower)  # Student's t alone gives -57 points


@pytest.mark.parametrize(
    ("direction", "text", "difference"),
    [("min", "; the share up to 10 is 100.0% better", 0.05), ("max", "the share is ", 0.05)],
)
def test_share_of_a_min_is_compared_by_the_others(
    direction: Direction, text: str, difference: float
) -> None:
    """90% and 95% of the batches are over 10: with a `min`, half as many are not."""
    one = budget(
        Quantile(Selector("batch"), 0.05), 10.0, direction, Unit.COUNT, "b", max_regression=0.5
    )

    def found(share: float) -> SideMeasurements:
        return SideMeasurements({"b": Measurement(12.0, 100_000, "", share_over=share)})

    pairs = [Pair(found(0.9), found(0.95), 20.0)] * 4
    (result,) = compare([one], pairs, Rules()).changes
    assert result.share_over is not None
    assert result.share_over.difference == pytest.approx(difference)
    assert result.reason.startswith("95% of batch were over 10, 90% in the baseline (difference +5")
    assert text.replace("100.0%", "50.0%") in result.reason
    assert result.outcome == "pass"


def test_bucket_counters_that_appear_within_the_window_leave_the_share_open() -> None:
    """Of 100 new observations, 40 were counted before the first reading, 30 of them slow."""
    late, since = TIMES[7:], 2.0

    def born(le: str, first: float, last: float) -> Series:
        grow = (last - first) / (10 - since)
        values = [first + grow * min(max(t - START - since, 0), 8) for t in late]
        return series("work_seconds_bucket", values, {"le": le, "route": "/b"}, times=late)

    run = evidence(
        *(
            counter("work_seconds_bucket", 80 if le == "0.25" else 100, {"le": le, "route": "/a"})
            for le in ("0.25", "+Inf")
        ),
        born("0.25", 10, 50),
        born("+Inf", 40, 100),
    )
    (one,) = measure_budgets([SLOW], run)
    assert one.measurement.share_over == pytest.approx(70 / 200)
    assert one.measurement.between == pytest.approx((40 / 170, 70 / 190))
    known = measured(np.append(np.full(70, 0.1), np.full(30, 0.3)))
    ratio = pair_ratio(SLOW, known, one.measurement)
    assert ratio is not None
    assert ratio.best < ratio.value < ratio.worst


def test_calibration_measures_the_noise_of_the_share() -> None:
    pairs = [
        Pair(side(measured(a)), side(measured(b)), 20.0)
        for a, b in zip(USUAL, WORSE[::-1], strict=True)
    ]
    runs = [side(measured(times)) for times in USUAL]
    (noise,) = noises([SLOW], pairs, runs, Rules())
    assert len(noise.pairs.values) == 8
    assert noise.starts.values == pytest.approx([log(over(times)) for times in USUAL])

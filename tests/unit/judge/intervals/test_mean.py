"""Bounds of a mean against scipy's Student and against batches of known truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.judge.intervals.mean import mean_bounds, variance_of_sum

BATCHES = st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(1, 50)), min_size=2, max_size=30)


def test_mean_bounds_of_equal_batches_are_students() -> None:
    means = [1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0]  # neighbours differ, so nothing is widened
    error = stats.sem(means)
    low, high = mean_bounds([10 * mean for mean in means], [10] * 8, 0.01, 0.05)
    assert low == pytest.approx(5 - stats.t.ppf(0.99, 7) * error)
    assert high == pytest.approx(5 + stats.t.ppf(0.95, 7) * error)


def test_neighbours_that_are_alike_widen_it_to_twice_the_variance_at_most() -> None:
    apart, alike = [1.0, -1.0] * 4, [1.0] * 4 + [-1.0] * 4
    assert variance_of_sum(apart) == pytest.approx(8 / 7 * 8)
    assert variance_of_sum(alike) == pytest.approx(8 / 7 * 8 * 2)  # their correlation is 5/8


def test_batches_with_a_sum_alone_are_part_of_the_mean() -> None:
    sums, weights = [0.2] * 30, [1 if number % 5 == 0 else 0 for number in range(30)]
    low, high = mean_bounds(sums, weights, 0.01, 0.05)
    assert low < 1.0 < high  # 6 of 6; by the batches with a weight alone it would be 0.2
    # Cochran 1977, 6.4: the residuals of all 30 batches are 0.2 - 1 and 0.2 - 0; neighbours differ.
    error = math.sqrt(30 / 29 * (6 * 0.8**2 + 24 * 0.2**2)) / 6
    assert low == pytest.approx(1 - stats.t.ppf(0.99, 29) * error)
    assert high == pytest.approx(1 + stats.t.ppf(0.95, 29) * error)


@pytest.mark.parametrize("batches", [[], [(5.0, 2)], [(5.0, 2), (0.0, 0)], [(5.0, 0), (3.0, 0)]])
def test_fewer_than_two_batches_say_nothing(batches: list[tuple[float, float]]) -> None:
    sums, weights = [y for y, _ in batches], [n for _, n in batches]
    assert mean_bounds(sums, weights, 0.01, 0.05) == (-math.inf, math.inf)


@given(BATCHES, st.integers(-20, 20))
def test_mean_bounds_hold_the_mean_and_do_not_depend_on_the_unit(
    batches: list[tuple[float, int]], power: int
) -> None:
    sums, weights = [y for y, _ in batches], [n for _, n in batches]
    low, high = mean_bounds(sums, weights, 0.05, 0.05)
    assert low - 1e-9 <= math.fsum(sums) / sum(weights) <= high + 1e-9
    scaled = mean_bounds([y * 2.0**power for y in sums], weights, 0.05, 0.05)
    assert scaled == pytest.approx((low * 2.0**power, high * 2.0**power), rel=1e-6, abs=1e-12)


def test_mean_bounds_miss_a_true_mean_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    runs, batches, size = 2000, 15, 40
    values = rng.exponential(1.0, (runs, batches, size)).sum(axis=2)
    found = [mean_bounds(run, [size] * batches, 0.05, 0.05) for run in values]
    above = np.mean([low > 1 for low, _ in found])
    below = np.mean([high < 1 for _, high in found])
    # Chance alone moves either by 0.5%; the widening for neighbours costs a little.
    assert 0.02 <= above <= 0.06
    assert 0.02 <= below <= 0.07

"""Bounds of a quantile against scipy's exact test of one, and by their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.judge.intervals.quantile import fewest, quantile_bounds
from harness.runs.model import Distribution
from tests.unit.judge.evidence import distribution

TIMES = st.lists(st.floats(0.001, 10.0), min_size=1, max_size=40)


@pytest.mark.parametrize("quantile", [0.5, 0.75, 0.95])
@pytest.mark.parametrize("size", [40, 97, 400])
def test_bounds_of_batches_without_a_difference_are_those_of_the_exact_test(
    quantile: float, size: int
) -> None:
    times = np.random.default_rng(size).lognormal(-3, 0.5, size)
    batches = [distribution(map(float, times))] * 4  # each batch shows the same: no design effect
    low, high = quantile_bounds(batches, quantile, (0.01, 0.05))
    test = stats.quantile_test(np.repeat(times, 4), p=quantile, alternative="greater")
    assert low == pytest.approx(test.confidence_interval(confidence_level=0.99).low)
    test = stats.quantile_test(np.repeat(times, 4), p=quantile, alternative="less")
    assert high == pytest.approx(test.confidence_interval(confidence_level=0.95).high)


def test_what_differs_from_batch_to_batch_widens_them() -> None:
    rng = np.random.default_rng(2)
    times = np.sort(rng.lognormal(-3, 0.5, 1000))
    mixed = [distribution(map(float, part)) for part in rng.permutation(times).reshape(10, 100)]
    apart = [distribution(map(float, part)) for part in times.reshape(10, 100)]
    (low, high), (lower, higher) = (quantile_bounds(b, 0.9, (0.01, 0.05)) for b in (mixed, apart))
    assert low is not None
    assert high is not None
    assert lower is None or lower < low
    assert higher is None or higher > high


@pytest.mark.parametrize(
    ("quantile", "alpha", "count"), [(0.95, 0.05, 59), (0.99, 0.05, 299), (0.5, 0.05, 5)]
)
def test_so_many_requests_at_least_bound_a_quantile_from_above(
    quantile: float, alpha: float, count: int
) -> None:
    assert fewest(1 - quantile, alpha) == count
    assert (1 - (1 - quantile)) ** count <= alpha < quantile ** (count - 1)
    for requests, known in ((count - 1, False), (count, True)):
        half = requests // 2
        batches = [distribution([0.1] * half), distribution([0.1] * (requests - half))]
        assert (quantile_bounds(batches, quantile, (0.01, alpha))[1] == 0.1) == known


@given(st.lists(TIMES, min_size=1, max_size=8), st.sampled_from([0.5, 0.9, 0.95]))
def test_bounds_are_recorded_values_around_the_quantile(
    batches: list[list[float]], quantile: float
) -> None:
    parts = [distribution(batch) for batch in batches]
    every = Distribution.merge(parts)
    value = every.quantile(quantile)
    low, high = quantile_bounds(parts, quantile, (0.01, 0.05))
    assert value is not None
    assert low is None or (low <= value and low in every.values)
    assert high is None or (high >= value and high in every.values)


@given(st.lists(TIMES, min_size=2, max_size=8), st.integers(-8, 8))
def test_bounds_do_not_depend_on_the_unit(batches: list[list[float]], power: int) -> None:
    factor = 2.0**power
    plain = quantile_bounds([distribution(b) for b in batches], 0.9, (0.05, 0.05))
    scaled = quantile_bounds(
        [distribution(t * factor for t in b) for b in batches], 0.9, (0.05, 0.05)
    )
    assert scaled == tuple(None if end is None else end * factor for end in plain)


def test_more_certainty_takes_a_wider_interval() -> None:
    rng = np.random.default_rng(5)
    batches = [distribution(map(float, rng.lognormal(-3, 0.5, 100))) for _ in range(20)]
    ends = [quantile_bounds(batches, 0.95, (alpha, alpha)) for alpha in (0.2, 0.05, 0.01, 0.001)]
    lows = [low for low, _ in ends if low is not None]
    highs = [high for _, high in ends if high is not None]
    assert len(lows) == len(highs) == len(ends)
    assert lows == sorted(set(lows), reverse=True)
    assert highs == sorted(set(highs))

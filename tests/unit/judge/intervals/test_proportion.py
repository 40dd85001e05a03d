"""Bounds of a share against scipy's distributions and against simulated batches."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.judge.intervals.proportion import share_bounds

BATCHES = st.lists(
    st.integers(0, 50).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=30
)


def clopper_pearson(x: float, n: float, low: float, high: float) -> tuple[float, float]:
    lower = stats.beta.ppf(low, x, n - x + 1) if x else 0.0
    upper = stats.beta.ppf(1 - high, x + 1, n - x) if x < n else 1.0
    return float(lower), float(upper)


def of_equal_batches(over: list[int], size: int, low: float, high: float) -> tuple[float, float]:
    """The formula of research/statistics.md as it stands there."""
    x = np.array(over, dtype=float)
    m, n = len(x), size * len(x)
    p = x.sum() / n
    y = x / size - p
    s2 = (y**2).sum() / (m - 1)
    correlation = (y[1:] * y[:-1]).sum() / (y**2).sum()
    effect = max(1.0, s2 / m * (1 + 2 * np.clip(correlation, 0, 0.5)) / (p * (1 - p) / n))
    found = []
    for alpha in (low, high):
        effective = n / effect
        if effect > 1:
            effective *= (stats.norm.ppf(1 - alpha) / stats.t.ppf(1 - alpha, m - 1)) ** 2
        found.append(clopper_pearson(p * effective, effective, alpha, alpha))
    return found[0][0], found[1][1]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0], ids=["steady", "uneven", "in bursts"])
def test_share_bounds_of_equal_batches_are_those_of_the_formula(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.normal(0, spread, 12), 2)  # pairs of neighbours are alike
    over = rng.binomial(100, np.minimum(0.05 * np.exp(level), 1)).tolist()
    expected = of_equal_batches(over, 100, 0.01, 0.05)
    assert share_bounds(over, [100] * 24, 0.01, 0.05) == pytest.approx(expected, rel=1e-9)


CERTAIN = {
    "none over": ([0, 0, 0], [100, 100, 100]),
    "all over": ([70, 20, 10], [70, 20, 10]),
    "the same share in each": ([5, 10, 5], [100, 200, 100]),
    "spread less than chance": ([5, 6, 5, 4, 5], [100] * 5),
    "empty batches between": ([0, 5, 0, 5], [0, 100, 0, 100]),
}


@pytest.mark.parametrize(("over", "totals"), CERTAIN.values(), ids=CERTAIN)
def test_share_bounds_without_more_spread_than_chance_are_clopper_pearson(
    over: list[int], totals: list[int]
) -> None:
    expected = clopper_pearson(sum(over), sum(totals), 0.001, 0.02)
    assert share_bounds(over, totals, 0.001, 0.02) == pytest.approx(expected, rel=1e-9)


def test_share_bounds_of_no_error_in_300_requests_end_at_one_percent() -> None:
    low, high = share_bounds([0, 0], [150, 149], 0.05, 0.05)
    assert low == 0
    assert high == pytest.approx(0.00997, abs=1e-5)  # 1 - 0.05 ** (1 / 299)


@pytest.mark.parametrize(
    ("over", "totals"), [([], []), ([3], [7]), ([0, 3, 0], [0, 7, 0])], ids=["none", "one", "only"]
)
def test_share_bounds_of_fewer_than_two_batches_say_nothing(
    over: list[int], totals: list[int]
) -> None:
    assert share_bounds(over, totals, 0.01, 0.01) == (0.0, 1.0)


@given(BATCHES, st.floats(1e-6, 0.4), st.floats(1e-6, 0.4))
def test_share_bounds_of_any_batches_hold_the_share(
    batches: list[tuple[int, int]], low: float, high: float
) -> None:
    over, totals = [x for x, _ in batches], [n for _, n in batches]
    lower, upper = share_bounds(over, totals, low, high)
    assert 0 <= lower <= upper <= 1
    if sum(totals):
        assert lower <= sum(over) / sum(totals) <= upper
    for bound in (lower, upper):
        assert math.isfinite(bound)


def test_share_bounds_of_correlated_batches_miss_as_rarely_as_they_say() -> None:
    rng = np.random.default_rng(7)
    level = np.zeros((2000, 40))
    for batch in range(1, 40):  # neighbours correlate by a third
        level[:, batch] = 0.33 * level[:, batch - 1] + rng.normal(0, 0.4, 2000)
    shares = np.minimum(0.05 * np.exp(level), 1)
    true = shares.mean()
    runs = rng.binomial(100, shares)
    bounds = [share_bounds(run.tolist(), [100] * 40, 0.02, 0.02) for run in runs]
    assert np.mean([low > true for low, _ in bounds]) < 0.02
    assert np.mean([high < true for _, high in bounds]) < 0.06  # skew: few batches are very bad

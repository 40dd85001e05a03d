"""Intervals of differences, against other implementations and by their coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.diagnose.compare.added import added_counts, added_means


def rows(*columns: float, count: int = 40) -> list[list[float]]:
    return [list(columns)] * count


def test_shares_are_those_of_the_parts_that_have_grown() -> None:
    found = added_means([(rows(1, 5, 3), rows(4, 6, 1))])
    assert [one.amount for one in found] == pytest.approx([3, 1, -2])
    assert [one.share for one in found] == pytest.approx([0.75, 0.25, 0])
    assert all(one.lower == pytest.approx(one.amount) == one.upper for one in found)


def test_endpoint_weighs_as_much_as_it_has_requests() -> None:
    grown = (rows(1, count=30), rows(2, count=30))
    same = (rows(1, count=10), rows(1, count=10))
    assert added_means([grown, same])[0].amount == pytest.approx(0.75)


def test_interval_of_means_is_that_of_scipy() -> None:
    rng = np.random.default_rng(5)
    before, after = rng.gamma(2, 1, 200), rng.gamma(2, 1.5, 150)
    found = added_means([(before[:, None].tolist(), after[:, None].tolist())])[0]
    oracle = stats.bootstrap(
        (before, after),
        lambda one, two, axis: two.mean(axis=axis) - one.mean(axis=axis),
        n_resamples=4000,
        method="percentile",
        rng=1,
    ).confidence_interval
    width = oracle.high - oracle.low
    assert found.lower == pytest.approx(oracle.low, abs=0.1 * width)
    assert found.upper == pytest.approx(oracle.high, abs=0.1 * width)


def test_part_that_has_not_grown_is_within_noise() -> None:
    rng = np.random.default_rng(6)
    misses = 0
    for _ in range(100):
        two = [rng.exponential(1, (60, 1)).tolist() for _ in range(2)]
        one = added_means([(two[0], two[1])])[0]
        misses += not one.lower <= 0 <= one.upper
    assert stats.binomtest(misses, 100, 0.08, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize(("before", "after"), [(0, 7), (12, 40), (300, 310), (5, 5)])
def test_ends_of_a_difference_of_counts_are_made_of_the_exact_ones(before: int, after: int) -> None:
    low, high = (
        np.array([stats.chi2.ppf(0.025, 2 * n) / 2 if n else 0.0 for n in (before, after)]),
        np.array([stats.chi2.ppf(0.975, 2 * n + 2) / 2 for n in (before, after)]),
    )
    (one,) = added_counts([(before, after)])
    assert one.amount == after - before
    assert one.lower == pytest.approx(
        after - before - np.sqrt((after - low[1]) ** 2 + (high[0] - before) ** 2)
    )
    assert one.upper == pytest.approx(
        after - before + np.sqrt((high[1] - after) ** 2 + (before - low[0]) ** 2)
    )


def test_interval_of_a_difference_of_counts_covers_it() -> None:
    rng = np.random.default_rng(7)
    before, after = rng.poisson(20, 2000), rng.poisson(35, 2000)
    found = [added_counts([(int(b), int(a))])[0] for b, a in zip(before, after, strict=True)]
    misses = sum(not one.lower <= 15 <= one.upper for one in found)
    assert stats.binomtest(misses, 2000, 0.05, alternative="greater").pvalue > 0.001


def test_baseline_that_was_counted_for_half_as_long_counts_twice() -> None:
    (one,) = added_counts([(50, 100)], scale=2.0)
    assert one.amount == 0
    assert one.lower < 0 < one.upper
    assert (one.share, one.share_lower) == (0, 0)


def test_shares_of_counts_are_of_what_has_grown() -> None:
    found = added_counts([(0, 90), (10, 20), (50, 5)])
    assert [one.share for one in found] == pytest.approx([0.9, 0.1, 0])
    assert 0.85 < found[0].share_lower < 0.9 < found[0].share_upper < 0.95
    assert found[1].share_lower == 0  # within noise

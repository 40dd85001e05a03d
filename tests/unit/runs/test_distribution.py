"""A distribution's statistics, against numpy on the values one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runs.model import Distribution

VALUES = st.lists(st.floats(0, 100, allow_subnormal=False), min_size=1, max_size=200)
QUANTILES = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0]


def of(values: list[float]) -> Distribution:
    return Distribution.merge(Distribution((value,), (1,)) for value in values)


@given(VALUES, st.sampled_from(QUANTILES))
def test_quantile_is_the_order_statistic(values: list[float], q: float) -> None:
    assert of(values).quantile(q) == np.quantile(values, q, method="inverted_cdf")


@pytest.mark.parametrize("q", QUANTILES)
def test_quantile_of_every_small_count_has_the_rank_that_integers_give(q: float) -> None:
    thousandths = round(q * 1000)
    for n in range(1, 1001):
        rank = -(-thousandths * n // 1000)  # ceil(q n) without floating point
        assert Distribution(tuple(range(1, n + 1)), (1,) * n).quantile(q) == rank


@given(VALUES)
def test_quantile_never_falls_as_q_grows(values: list[float]) -> None:
    found = [of(values).quantile(q) for q in QUANTILES]
    assert found == sorted(found, key=lambda v: v or 0.0)
    assert found[-1] == max(values)


@given(VALUES)
def test_mean_is_the_mean(values: list[float]) -> None:
    assert of(values).mean == pytest.approx(np.mean(values))


@given(VALUES, st.floats(0, 100))
def test_share_over_counts_what_is_strictly_over(values: list[float], bound: float) -> None:
    over = sum(value > bound for value in values)
    assert of(values).share_over(bound) == pytest.approx(over / len(values))
    assert of(values).share_over(max(values)) == 0


@given(VALUES, st.integers(0, 200))
def test_merge_of_parts_is_the_distribution_of_the_whole(values: list[float], cut: int) -> None:
    merged = Distribution.merge([of(values[:cut]), of(values[cut:])])
    assert merged == of(values)
    assert merged.count == len(values)
    assert list(merged.values) == sorted(set(values))
    assert np.repeat(merged.values, merged.counts).tolist() == sorted(values)


def test_statistics_of_nothing_are_none() -> None:
    empty = Distribution()
    found = (empty.count, empty.mean, empty.quantile(0.5), empty.share_over(1.0))
    assert found == (0, None, None, None)
    assert Distribution.merge([]) == empty

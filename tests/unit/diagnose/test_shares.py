import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap

from harness.diagnose.shares import shares


def test_share_and_interval_agree_with_scipys_bootstrap() -> None:
    rng = np.random.default_rng(5)
    parts = np.stack([rng.gamma(2.0, 1.0, 300), rng.gamma(2.0, 0.5, 300)], axis=1)
    (share, lower, upper), other = shares(parts.tolist())

    def of_first(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
        total = first.sum(axis=axis)
        return np.asarray(total / (total + second.sum(axis=axis)))

    expected = bootstrap(
        (parts[:, 0], parts[:, 1]),
        of_first,
        paired=True,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(6),
    ).confidence_interval
    assert share == pytest.approx(parts[:, 0].sum() / parts.sum())
    assert lower == pytest.approx(expected.low, abs=0.01)
    assert upper == pytest.approx(expected.high, abs=0.01)
    assert share + other[0] == pytest.approx(1.0)


def test_part_that_the_fast_requests_have_more_of_has_no_share() -> None:
    assert [share for share, _, _ in shares([[1.0, -3.0, 3.0]] * 9)] == [0.25, 0.0, 0.75]


@pytest.mark.parametrize("rows", [[[0.0, 0.0]] * 4, [[-1.0, -1.0]] * 4])
def test_nothing_to_share(rows: list[list[float]]) -> None:
    assert shares(rows) == [(0.0, 0.0, 0.0)] * 2


@given(st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=1, max_size=30))
def test_shares_are_shares(rows: list[list[float]]) -> None:
    found = shares(rows)
    assert sum(share for share, _, _ in found) <= 1 + 1e-9
    assert all(0 <= lower <= upper <= 1 + 1e-9 for _, lower, upper in found)

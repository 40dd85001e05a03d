"""How far requests are in step, beside numpy's histogram of the same moments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.child.bursts import SLOTS, BurstMeter


def total(starts: list[float]) -> int:
    fullest = BurstMeter()
    for start in starts:
        fullest.count(start)
    return fullest.total


def oracle(starts: list[float]) -> int:
    """The most of each row of seconds by slots, added up."""
    slots = np.floor(np.asarray(starts, dtype=float) * SLOTS).astype(int)
    table = np.zeros((slots.max() // SLOTS + 1, SLOTS), dtype=int)
    np.add.at(table, (slots // SLOTS, slots % SLOTS), 1)
    return int(table.max(axis=1).sum())


@given(st.lists(st.floats(0, 50), min_size=1, max_size=200))
def test_total_of_starts_in_any_order_equals_a_histogram(starts: list[float]) -> None:
    assert total(starts) == oracle(starts)


@given(st.lists(st.floats(0, 5000), min_size=1, max_size=200))
def test_total_of_starts_in_order_equals_a_histogram_however_long_the_run(
    starts: list[float],
) -> None:
    assert total(sorted(starts)) == oracle(starts)


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([7.31] * 9 + [8.31] * 4, 13, id="all of a second at one moment"),
        pytest.param([second + i / 40 for second in range(3) for i in range(40)], 6, id="evenly"),
        pytest.param([1.04, 1.06, 1.07], 2, id="two slots"),
    ],
)
def test_total_of_a_pattern_is_what_its_fullest_slots_hold(
    starts: list[float], expected: int
) -> None:
    assert total(starts) == expected


def test_memory_of_a_long_run_is_bounded() -> None:
    fullest = BurstMeter()
    for start in np.arange(0, 400, 0.01):
        fullest.count(float(start))
    assert len(fullest._counts) <= 62 * SLOTS
    assert fullest.total == oracle(list(np.arange(0, 400, 0.01)))

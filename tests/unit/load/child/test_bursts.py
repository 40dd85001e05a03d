"""The burst meter, compared with a numpy histogram of the same times."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.child.bursts import SLOTS, BurstMeter


def total(starts: list[float]) -> int:
    meter = BurstMeter()
    for first in range(0, len(starts), 3):
        meter.count(starts[first : first + 3])
    return meter.total


def oracle(starts: list[float]) -> int:
    """The sum of the highest slot of each second."""
    slots = np.floor(np.asarray(starts, dtype=float) * SLOTS).astype(int)
    table = np.zeros((slots.max() // SLOTS + 1, SLOTS), dtype=int)
    np.add.at(table, (slots // SLOTS, slots % SLOTS), 1)
    return int(table.max(axis=1).sum())


@given(st.lists(st.floats(0, 50), min_size=1, max_size=200))
def test_total_of_starts_in_any_order_equals_a_histogram(starts: list[float]) -> None:
    assert total(starts) == oracle(starts)


@given(st.lists(st.floats(0, 5000), min_size=1, max_size=200))
def test_total_of_starts_in_order_equals_a_histogram_of_a_run_of_any_length(
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
def test_total_of_a_pattern_is_the_sum_of_its_busiest_slots(
    starts: list[float], expected: int
) -> None:
    assert total(starts) == expected


def test_memory_of_a_long_run_is_bounded() -> None:
    meter = BurstMeter()
    meter.count(map(float, np.arange(0, 400, 0.01)))
    assert len(meter._counts) <= 62 * SLOTS
    assert meter.total == oracle(list(np.arange(0, 400, 0.01)))

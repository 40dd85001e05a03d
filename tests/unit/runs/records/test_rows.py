"""Times of several intervals in arrays, against the distributions one by one."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runs.cells import bucket_of, middle_of
from harness.runs.model import Distribution
from harness.runs.records.intervals import (
    BatchTimes,
    Columns,
    IntervalTimes,
    counts_of,
    merged_rows,
    places_of,
    rows_of,
    together,
)

TIMES = st.sampled_from([middle_of(bucket_of(s)) for s in (0.0, 1e-6, 0.002, 0.0031, 0.5, 70.0)])
DISTRIBUTIONS = st.dictionaries(TIMES, st.integers(1, 9), max_size=4).map(
    lambda counts: Distribution(
        tuple(sorted(counts)), tuple(counts[value] for value in sorted(counts))
    )
)
BATCHES = st.dictionaries(st.integers(0, 6), DISTRIBUTIONS, max_size=5)
QUANTILES = st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0])


@given(BATCHES, TIMES, QUANTILES)
def test_counts_and_quantiles_of_rows_are_those_of_each_distribution(
    batches: dict[int, Distribution], bound: float, q: float
) -> None:
    rows, each = rows_of(batches), [batches[number] for number in sorted(batches)]
    assert rows.numbers.tolist() == sorted(batches)
    assert list(rows.distributions()) == each
    assert rows.sums.tolist() == [times.count for times in each]
    over = [sum(c for v, c in zip(d.values, d.counts, strict=True) if v > bound) for d in each]
    assert rows.over(bound).tolist() == over
    quantiles = [None if math.isnan(value) else value for value in rows.quantile(q).tolist()]
    assert quantiles == [times.quantile(q) for times in each]
    assert rows.total == Distribution.merge([*each, Distribution()])


@given(st.lists(BATCHES, max_size=3))
def test_merged_rows_are_the_merged_distributions_of_each_interval(
    parts: list[dict[int, Distribution]],
) -> None:
    rows = merged_rows([rows_of(part) for part in parts])
    every: dict[int, list[Distribution]] = {}
    for part in parts:
        for number, times in part.items():
            every.setdefault(number, []).append(times)
    expected = [Distribution.merge(every[number]) for number in sorted(every)]
    assert rows.numbers.tolist() == sorted(every)
    assert BatchTimes(rows) == expected
    assert [BatchTimes(rows)[place] for place in range(len(expected))] == expected
    counts = {number: sum(times.count for times in found) for number, found in every.items()}
    assert counts_of(parts) == counts


@given(
    st.lists(st.tuples(st.integers(-2, 5), st.integers(0, 33_420), st.integers(1, 300))),
    st.integers(1, 3),
)
def test_intervals_hold_the_counts_of_their_rows(
    found: list[tuple[int, int, int]], parts: int
) -> None:
    pieces = [found[n::parts] for n in range(parts)]
    columns = together(
        [
            Columns(
                places_of(
                    np.array([number for number, _, _ in piece], int),
                    np.array([index for _, index, _ in piece], int),
                ),
                np.array([count for _, _, count in piece], int),
            )
            for piece in pieces
        ]
    )
    expected: dict[int, Counter[int]] = {}
    for number, index, count in found:
        expected.setdefault(number, Counter())[index] += count
    times = IntervalTimes(columns)
    assert list(times) == sorted(number for number in expected if number >= 0)
    for number in times:
        ordered = sorted(expected[number].items())
        assert times[number].counts == tuple(count for _, count in ordered)
        assert number in times
    assert dict(times.items()) == {number: times[number] for number in times}
    assert times.total.count == sum(times[number].count for number in times)
    assert counts_of([times, times]) == {n: 2 * times[n].count for n in times}


def test_counts_that_need_more_than_64_bits_stay_exact() -> None:
    big = Distribution((0.5,), (2**63,))
    rows = merged_rows([rows_of({0: big}), rows_of({0: big, 1: big})])
    assert rows.sums.tolist() == [2**64, 2**63]
    assert rows.over(0.1).tolist() == [2**64, 2**63]
    assert rows.quantile(0.5).tolist() == [0.5, 0.5]


def test_batch_out_of_range_is_an_error() -> None:
    with pytest.raises(IndexError):
        BatchTimes(rows_of({}))[0]

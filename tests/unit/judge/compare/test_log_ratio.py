"""How much worse the candidate is in one pair: by hand for the cases, by property for the rest."""

from dataclasses import replace
from math import inf, log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.budgets.model import (
    Budget,
    Direction,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Quantile,
    Ratio,
    Selector,
    Throughput,
)
from harness.judge.compare.log_ratio import LARGEST, end_of, is_share, log_ratio, why_no_ratio
from harness.judge.model import Measurement
from harness.units import Unit
from tests.unit.judge.evidence import budget

LATENCY = budget(Latency(), 0.2)
THROUGHPUT = budget(Throughput(), 50, "min", Unit.PER_SECOND)
ERRORS = budget(ErrorRatio(), 0.01, unit=Unit.RATIO)
HITS = budget(Ratio(Selector("hits"), Selector("gets")), 0.8, "min", Unit.RATIO)
OVERWRITES = replace(HITS, direction="max")
QUERIES = budget(Ratio(Selector("queries"), Selector("requests")), 3, unit=Unit.COUNT)
GROWTH = budget(Gauge(Selector("memory"), "growth"), 1e6, unit=Unit.BYTES)
SIZES = st.integers(1, 10_000)


def measured(value: float | None, samples: int = 500, **fields: Any) -> Measurement:
    return Measurement(value, samples, "load generator", **fields)


VALUES = {
    "a latency that grows by a tenth is worse by ln 1.1": (LATENCY, 0.2, 0.22, log(1.1)),
    "a latency that shrinks is better": (LATENCY, 0.2, 0.1, -log(2)),
    "a throughput that shrinks is worse": (THROUGHPUT, 50, 25, log(2)),
    "a throughput that grows is better": (THROUGHPUT, 50, 100, -log(2)),
    "one query more on each request is worse": (QUERIES, 2, 3, log(1.5)),
    "the same value is no change": (LATENCY, 0.2, 0.2, 0.0),
    "nothing on both sides is no change": (QUERIES, 0, 0, 0.0),
    "work from nothing is the largest worsening": (QUERIES, 0, 2, log(LARGEST)),
    "work that goes to nothing is the largest improvement": (QUERIES, 2, 0, -log(LARGEST)),
    "throughput that goes to nothing is the largest worsening": (THROUGHPUT, 50, 0, log(LARGEST)),
    "throughput from nothing is the largest improvement": (THROUGHPUT, 0, 50, -log(LARGEST)),
    "a larger change than the largest counts as the largest": (QUERIES, 1e-4, 1, log(LARGEST)),
    "extremes of floating point are no error": (QUERIES, 5e-324, 1e308, log(LARGEST)),
    "failures are counted with a half more": (ERRORS, 0.01, 0.02, log(10.5 / 5.5)),
    "no failure on both sides is no change": (ERRORS, 0.0, 0.0, 0.0),
    "a first failure is no infinite worsening": (ERRORS, 0.0, 0.002, log(1.5 / 0.5)),
    "fewer hits are worse by their misses": (HITS, 0.9, 0.8, log(100.5 / 50.5)),
    "hits without a miss on both sides are no change": (HITS, 1.0, 1.0, 0.0),
    "a ratio with a max has its events counted": (OVERWRITES, 0.1, 0.2, log(100.5 / 50.5)),
    "more hits than gets are no misses": (HITS, 1.2, 1.0, 0.0),
}


@pytest.mark.parametrize(("of", "before", "after", "worse"), VALUES.values(), ids=VALUES)
def test_log_ratio(of: Budget, before: float, after: float, worse: float) -> None:
    assert log_ratio(of, measured(before), measured(after)) == pytest.approx(worse, abs=1e-12)


def test_log_ratio_of_a_share_counts_each_side_by_its_own_requests() -> None:
    found = log_ratio(ERRORS, measured(0.1, samples=100), measured(0.1, samples=1000))
    assert found == pytest.approx(log(100.5 / 1001) - log(10.5 / 101))


def test_log_ratio_of_no_failure_is_none_however_many_requests_each_side_had() -> None:
    assert log_ratio(ERRORS, measured(0.0, 100), measured(0.0, 1000)) == 0.0


QUANTILE = budget(Quantile(Selector("http_seconds"), 0.95), 0.2)
LACKS = {
    "no data of the baseline": (
        LATENCY,
        measured(None, reason="no request was recorded in the window"),
        measured(0.1),
        "no data of the baseline: no request was recorded in the window",
    ),
    "no data of the candidate": (
        ERRORS,
        measured(0.1),
        measured(None, 0, reason="nothing was sent"),
        "no data of the candidate: nothing was sent",
    ),
    "failures that hide the time of answers": (
        LATENCY,
        measured(0.1),
        measured(0.01, undecided="30% of the requests failed; repair the failures first"),
        "candidate: 30% of the requests failed; repair the failures first",
    ),
    "a value below zero": (
        GROWTH,
        measured(-3.0),
        measured(4.0),
        "the baseline's value is below zero, so there is no relative change",
    ),
    "a histogram without an edge at the bound": (
        QUANTILE,
        measured(0.15, share_over=0.02),
        measured(0.15, undecided="the quantile lies between 100 ms and 300 ms"),
        (
            "no data of the candidate: http_seconds has no bucket edge at 200 ms, so the share"
            " over it is not known; add a bucket at 200 ms, or move the bound to an edge"
        ),
    ),
    "a histogram that observed nothing": (
        QUANTILE,
        measured(None, 0, reason="http_seconds observed nothing in the window"),
        measured(0.15, share_over=0.02),
        "no data of the baseline: http_seconds observed nothing in the window",
    ),
}


@pytest.mark.parametrize(("of", "before", "after", "why"), LACKS.values(), ids=LACKS)
def test_log_ratio_without_what_it_needs_is_none_and_says_why(
    of: Budget, before: Measurement, after: Measurement, why: str
) -> None:
    assert log_ratio(of, before, after) is None
    assert why_no_ratio(of, before, after) == why


@pytest.mark.parametrize(
    ("indicator", "unit", "share"),
    [
        (ErrorRatio(), Unit.RATIO, True),
        (Ratio(Selector("hits"), Selector("gets")), Unit.RATIO, True),
        (Ratio(Selector("queries"), Selector("requests")), Unit.COUNT, False),
        (Quantile(Selector("db_seconds"), 0.95), Unit.SECONDS, True),
        (Mean(Selector("db_seconds")), Unit.SECONDS, False),
        (Latency(), Unit.SECONDS, False),
    ],
)
def test_is_share_is_what_counts_events_among_all(
    indicator: Indicator, unit: Unit, share: bool
) -> None:
    assert is_share(budget(indicator, 1, unit=unit)) is share


LEVELS = st.floats(1e-6, 1e6)
DIRECTIONS = st.sampled_from(["max", "min"])


@given(LEVELS, LEVELS, DIRECTIONS, st.sampled_from([1e-3, 1e3, 60.0, 1 / 1024, 2.0**20]))
def test_log_ratio_does_not_depend_on_the_unit(
    before: float, after: float, direction: Direction, unit: float
) -> None:
    of = replace(LATENCY, direction=direction)
    found = log_ratio(of, measured(before), measured(after))
    assert found == pytest.approx(
        log_ratio(of, measured(before * unit), measured(after * unit)), abs=1e-9
    )


@given(LEVELS | st.just(0.0), LEVELS | st.just(0.0), DIRECTIONS)
def test_log_ratio_of_swapped_sides_is_the_opposite(
    before: float, after: float, direction: Direction
) -> None:
    of = replace(LATENCY, direction=direction)
    there, back = measured(before), measured(after)
    assert log_ratio(of, there, back) == -(log_ratio(of, back, there) or 0.0)


@given(st.floats(0, 1), st.floats(0, 1), SIZES, SIZES, st.sampled_from([ERRORS, HITS]))
def test_log_ratio_of_swapped_shares_is_the_opposite(
    before: float, after: float, n: int, m: int, of: Budget
) -> None:
    there, back = measured(before, n), measured(after, m)
    assert log_ratio(of, there, back) == -(log_ratio(of, back, there) or 0.0)


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    SIZES,
    st.sampled_from([LATENCY, THROUGHPUT, ERRORS, HITS]),
)
def test_log_ratio_never_falls_when_the_candidate_gets_worse(
    before: float, first: float, second: float, n: int, of: Budget
) -> None:
    better, worse = sorted((first, second), reverse=of.direction == "min")
    found = [log_ratio(of, measured(before, n), measured(value, n)) for value in (better, worse)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0] <= found[1]


@pytest.mark.parametrize(
    ("ratio", "end"),
    [
        pytest.param(log(1.1), 0.1, id="10% worse"),
        pytest.param(log(0.5), -0.5, id="half"),
        pytest.param(log(99.0), 98.0, id="99 times"),
        pytest.param(log(101.0), None, id="over 100 times"),
        pytest.param(-log(101.0), None, id="a hundredth"),
        pytest.param(inf, None, id="not known"),
    ],
)
def test_end_of_an_interval_is_told_up_to_a_factor_of_100(ratio: float, end: float | None) -> None:
    assert end_of(ratio) == (None if end is None else pytest.approx(end))

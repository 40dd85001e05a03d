"""The notice that the generators were late by much of the gap between arrivals."""

import pytest

from harness import names
from harness.runner.arrival_gaps import ArrivalGaps
from harness.runs.cells import Cell

MS = 1_000_000


def cell(counts: dict[int, int], second: int = 0, what: str = names.SCHEDULER_LAG) -> Cell:
    return Cell(what, "", "", "", second, counts)


@pytest.mark.parametrize(
    ("counts", "seconds", "noticed"),
    [
        pytest.param({0: 990, 2 * MS: 10}, 1.0, False, id="1% late, the p99 is not"),
        pytest.param({0: 989, 2 * MS: 11}, 1.0, True, id="more than 1% late by two gaps"),
        pytest.param({0: 900, MS // 2 - 1000: 100}, 1.0, False, id="late by under half a gap"),
        pytest.param({0: 900, MS // 2 + 1000: 100}, 1.0, True, id="late by over half a gap"),
        pytest.param({0: 900, 2 * MS: 100}, 10.0, False, id="a fifth of a longer gap"),
        pytest.param({20 * MS: 99}, 0.1, False, id="too few for a p99"),
        pytest.param({20 * MS: 100}, 0.1, True, id="just enough"),
        pytest.param({}, 1.0, False, id="no arrivals"),
    ],
)
def test_notice_when_the_p99_of_the_lag_is_over_half_of_the_mean_gap(
    counts: dict[int, int], seconds: float, noticed: bool
) -> None:
    gaps = ArrivalGaps()
    gaps.add([cell(counts)])
    assert bool(gaps.notice(seconds)) is noticed


def test_reports_of_all_generators_are_added_up() -> None:
    """Two workers with 500 arrivals each in a second: the service gets one each millisecond."""
    gaps = ArrivalGaps()
    for lags in ({0: 480, MS * 3 // 4: 20}, {0: 500}):
        for second in range(2):
            gaps.add([cell(lags, second)])
    assert gaps.notice(2.0) == (
        "the gaps between arrivals were not kept: 1% of the arrivals were at least 750 µs late, "
        "and the limit is 50% of the mean gap of 1 ms; use FastUser, lower the rate, or give the "
        "generator a core of its own"
    )


def test_warm_up_and_other_readings_do_not_count() -> None:
    gaps = ArrivalGaps()
    gaps.add([cell({20 * MS: 500}, -1), cell({20 * MS: 500}, 0, names.START_LAG)])
    gaps.add([cell({0: 500})])
    assert gaps.notice(0.5) == ""

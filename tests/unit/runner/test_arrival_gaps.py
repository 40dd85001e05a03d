"""The notice that the generators were late by much of the gap between arrivals."""

import pytest

from harness import names
from harness.load.protocol.frames import Report
from harness.runner.arrival_gaps import ArrivalGaps
from harness.runs.cells import Cell

MS = 1_000_000


def report(*cells: Cell, idle_users: int = 1) -> Report:
    counts = dict.fromkeys(("asked", "sent", "dropped", "started", "recorded"), 0)
    load = dict.fromkeys(("in_flight", "lost", "users", "backlog", "memory"), 0)
    return Report(0.0, cells, **counts, **load, idle_users=idle_users, oldest=0.0, cpu=0.1)  # type: ignore[arg-type]


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
    gaps.add(report(cell(counts)))
    assert bool(gaps.notice(seconds)) is noticed


def test_reports_of_all_generators_are_added_up() -> None:
    """Two workers with 500 arrivals each in a second: the service gets one each millisecond."""
    gaps = ArrivalGaps()
    for lags in ({0: 480, MS * 3 // 4: 20}, {0: 500}):
        for second in range(2):
            gaps.add(report(cell(lags, second)))
    assert gaps.notice(2.0) == (
        "the gaps between arrivals were not kept: the generator was at least 750 µs late for 1% of "
        "the arrivals, and the limit is 50% of the mean gap of 1 ms. Lower the rate, give the "
        "generator a core of its own, or use FastUser if the locustfile does not"
    )


def test_arrivals_that_waited_for_a_user_are_not_the_fault_of_the_generator() -> None:
    """100 arrivals in 4 s: emitted 100 ms late, begun 3 s late, because no user was idle."""
    gaps = ArrivalGaps()
    started = cell({3000 * MS: 100}, 0, names.START_LAG)
    gaps.add(report(cell({100 * MS: 100}), started, idle_users=0))
    assert gaps.notice(4.0) == (
        "the gaps between arrivals were not kept: 1% of the arrivals began at least 3 s late, "
        "mostly because all users waited for the service. The generator itself was at least 100 ms "
        "late for 1%, and the limit is 50% of the mean gap of 40 ms. Lower the rate, or raise "
        "max_users if the service can answer more requests at once"
    )


@pytest.mark.parametrize(
    ("start", "idle_users", "of_second"),
    [
        pytest.param(3000 * MS, 1, 0, id="a user was idle"),
        pytest.param(150 * MS, 0, 0, id="most of it is the generator's"),
        pytest.param(3000 * MS, 0, -1, id="users were busy in the warm-up"),
    ],
)
def test_late_generator_is_named(start: int, idle_users: int, of_second: int) -> None:
    gaps = ArrivalGaps()
    gaps.add(report(cell({start: 100}, of_second, names.START_LAG), idle_users=idle_users))
    gaps.add(report(cell({100 * MS: 100})))
    assert "the generator was at least 100 ms late" in gaps.notice(4.0)


def test_full_users_alone_are_no_notice() -> None:
    gaps = ArrivalGaps()
    gaps.add(report(cell({0: 500}), cell({3000 * MS: 500}, 0, names.START_LAG), idle_users=0))
    assert gaps.notice(20.0) == ""


def test_warm_up_and_other_readings_do_not_count() -> None:
    gaps = ArrivalGaps()
    gaps.add(report(cell({20 * MS: 500}, -1), cell({20 * MS: 500}, 0, names.START_LAG)))
    gaps.add(report(cell({0: 500})))
    assert gaps.notice(0.5) == ""

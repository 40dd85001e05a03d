"""The offset of a remote clock, measured over a network with known delays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.child.distributed.clock import (
    FIRST,
    GROUP,
    MOST,
    ROUND_TRIP,
    SAME,
    ClockOffset,
    RemoteClock,
)

DELAYS = st.tuples(st.floats(1e-5, 0.5), st.floats(1e-5, 0.5))  # to the clock, and back
SHORT = st.tuples(st.floats(1e-5, 0.04), st.floats(1e-5, 0.04))
OFFSETS = st.floats(-1e5, 1e5)


def measure(clock: RemoteClock, offset: float, delays: list[tuple[float, float]]) -> list[bool]:
    complete = []
    for number, (forth, back) in enumerate(delays):
        sent = 100.0 + number
        complete.append(clock.add(sent, sent + forth + offset, sent + forth + back))
    return complete


@given(OFFSETS, st.lists(SHORT, min_size=FIRST, max_size=FIRST))
def test_clock_offset_is_accurate_to_half_of_the_shortest_round_trip(
    offset: float, delays: list[tuple[float, float]]
) -> None:
    clock = RemoteClock()
    assert measure(clock, offset, delays) == [False] * (FIRST - 1) + [True]
    assert clock.first is not None
    shortest = min(forth + back for forth, back in delays)
    assert clock.first.round_trip == pytest.approx(shortest, abs=1e-9)
    assert abs(clock.first.offset - offset) <= shortest / 2 + 1e-6
    assert clock.to_local(clock.to_remote(7.0)) == pytest.approx(7.0, abs=1e-6)
    assert clock.to_remote(7.0) == pytest.approx(7.0 + offset, abs=shortest / 2 + 1e-6)


@given(OFFSETS, st.lists(DELAYS, min_size=3 * GROUP, max_size=3 * GROUP))
def test_clock_with_a_constant_offset_never_drifts(
    offset: float, delays: list[tuple[float, float]]
) -> None:
    clock = RemoteClock()
    measure(clock, offset, delays[:1] * FIRST + delays)
    assert clock.drift <= 1e-6


def test_drift_of_a_jump_is_what_the_round_trips_do_not_explain() -> None:
    clock = RemoteClock()
    measure(clock, 5.0, [(0.001, 0.001)] * FIRST)
    measure(clock, 5.25, [(0.003, 0.003)] * GROUP)
    assert clock.drift == pytest.approx(0.25 - (0.002 + 0.006) / 2)
    assert clock.latest is not None
    assert clock.latest.offset == pytest.approx(5.25)
    assert clock.to_remote(0.0) == pytest.approx(5.0)  # one offset for all of a run


@given(OFFSETS, st.integers(FIRST, MOST - 1))
def test_clock_of_a_machine_that_stands_still_is_known_from_the_first_short_round_trip(
    offset: float, long: int
) -> None:
    clock = RemoteClock()
    assert measure(clock, offset, [(2.0, 0.01)] * long + [(0.01, 0.01)]) == [False] * long + [True]
    assert clock.first is not None
    assert clock.first.round_trip == pytest.approx(0.02, abs=1e-9)
    assert abs(clock.first.offset - offset) <= 0.01 + 1e-6


def test_clock_that_is_far_away_is_measured_once_all_messages_took_too_long() -> None:
    clock = RemoteClock()
    assert measure(clock, 5.0, [(0.07, 0.07)] * MOST) == [False] * (MOST - 1) + [True]
    assert clock.first is not None
    assert clock.first.round_trip > ROUND_TRIP


def test_known_clock_has_its_offset_before_any_message() -> None:
    assert RemoteClock(ClockOffset(5.0, 0.0)).to_remote(3.0) == 8.0
    assert RemoteClock(SAME).to_local(3.0) == 3.0


def test_clock_is_unknown_before_the_first_group_is_complete() -> None:
    clock = RemoteClock()
    assert not any(measure(clock, 5.0, [(0.001, 0.001)] * (FIRST - 1)))
    assert clock.first is None
    assert clock.to_remote(3.0) == 3.0

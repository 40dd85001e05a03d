"""The peak of the last seconds and the integral, against a brute-force replay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_app.telemetry.high_water import HighWater


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_peak_level_that_fell_within_the_window_is_the_old_level() -> None:
    clock = Clock()
    water = HighWater(60, clock)
    water.set(3)
    clock.now += 0.01
    water.set(0)
    clock.now += 1.5
    assert water.peak(2) == 3


def test_peak_looked_at_twice_is_the_same() -> None:
    clock = Clock()
    water = HighWater(60, clock)
    water.set(7)
    water.set(0)
    assert [water.peak(2), water.peak(2), water.peak(60)] == [7, 7, 7]


def test_peak_after_the_window_has_passed_is_the_present_level() -> None:
    clock = Clock()
    water = HighWater(60, clock)
    water.set(9)
    water.set(1)
    clock.now += 3.0
    assert water.peak(2) == 1
    assert water.peak(60) == 9
    clock.now += 60.0
    assert water.peak(60) == 1


def test_peak_of_a_level_that_does_not_change_lasts_for_ever() -> None:
    clock = Clock()
    water = HighWater(60, clock)
    water.set(4)
    clock.now += 10_000.0
    assert water.peak(2) == 4


def test_integral_is_level_times_time() -> None:
    clock = Clock()
    water = HighWater(60, clock)
    water.set(2)
    clock.now += 1.5
    water.set(5)
    clock.now += 2.0
    assert water.integral() == pytest.approx(2 * 1.5 + 5 * 2.0)
    assert water.integral() == pytest.approx(13.0)  # looking adds nothing


def test_peak_longer_than_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 60 s are kept"):
        HighWater(60).peak(61)


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(0, 30)), max_size=40),
    st.floats(0, 80),
    st.sampled_from([0, 1, 2, 10]),
)
def test_peak_any_history_covers_the_window_and_at_most_one_second_more(
    changes: list[tuple[float, int]], rest: float, window: int
) -> None:
    clock = Clock()
    water = HighWater(10, clock)
    held = [(clock.now, 0)]  # (since, level)
    for wait, level in changes:
        clock.now += wait
        water.set(level)
        held.append((clock.now, level))
    clock.now += rest
    ends = [since for since, _ in held[1:]] + [clock.now]

    def highest(since: float) -> int:
        return max(level for (_, level), end in zip(held, ends, strict=True) if end >= since)

    peak = water.peak(window)
    assert highest(clock.now - window) <= peak <= highest(clock.now - window - 1)
    area = sum(level * (end - since) for (since, level), end in zip(held, ends, strict=True))
    assert water.integral() == pytest.approx(area)

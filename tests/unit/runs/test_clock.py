"""The clock of a run, with a wall clock that is set and a process that is halted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from harness.runs.clock import RunClock


def sequence(values: Iterable[float]) -> Callable[[], float]:
    return iter(values).__next__


class Clocks:
    def __init__(self) -> None:
        self.monotonic, self.offset = 100.0, 1_000.0
        self.run = RunClock(lambda: self.monotonic, lambda: self.monotonic + self.offset)


def test_times_are_those_of_the_monotonic_clock_by_one_offset() -> None:
    clocks = Clocks()
    clocks.monotonic, clocks.offset = 105.0, 994.0
    assert clocks.run.now() == 1_105.0
    assert clocks.run.epoch(101.5) == 1_101.5


@pytest.mark.parametrize(
    ("offsets", "step"),
    [
        ((1_000.0,), 0.0),
        ((1_006.0, 1_006.0), 6.0),
        ((994.0, 1_000.0), -6.0),
        ((1_000.5, 999.0, 1_000.75), -1.0),
    ],
    ids=["none", "forwards", "back and forth", "the largest"],
)
def test_step_is_the_largest_distance_of_the_wall_clock(
    offsets: tuple[float, ...], step: float
) -> None:
    clocks = Clocks()
    for clocks.offset in offsets:
        clocks.run.watch()
    assert clocks.run.step == step


def test_halt_between_two_readings_is_no_step() -> None:
    monotonic = sequence([0.0, 0.0, 10.0, 15.0, 15.0, 15.001, 20.0])
    clock = RunClock(monotonic, sequence([1_000.0, 1_010.0, 1_015.0]))
    clock.watch()
    assert clock.step == pytest.approx(-0.0005)
    assert clock.now() == 1_020.0


def test_halts_without_end_leave_the_step_unknown() -> None:
    clock = RunClock(sequence(range(0, 500, 5)), lambda: 1_000.0)
    clock.watch()
    assert clock.step == 0.0

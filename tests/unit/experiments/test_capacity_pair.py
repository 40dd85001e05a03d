"""Searches with two versions whose steps take turns: their order, and what ends them."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from harness.errors import TargetError
from harness.experiments.capacity import CapacityDesign
from harness.experiments.capacity_pair import StepStart, search_pairs
from harness.judge.capacity.compare import SearchPair
from harness.judge.capacity.model import CapacityStep
from harness.judge.capacity.search import SearchRange
from tests.unit.experiments.test_capacity import SCENARIO

Calls = list[tuple[str, float]]


@dataclass
class Side:
    """A version with a capacity, whose steps take no time."""

    name: str
    capacity: Callable[[], float]
    calls: Calls
    expected: float = 15.0
    before: Callable[[StepStart], object] = lambda _: None

    async def run_within(
        self, rate: float, deadline: float, start: StepStart
    ) -> CapacityStep | None:
        self.calls.append((self.name, rate))
        assert await start.begin() < deadline
        if self.before(start) == "signal":
            await start.interrupted.wait()
            return None
        result = "holds" if rate <= self.capacity() else "breaks"
        return CapacityStep(rate, result, "", 10.0, "step")  # type: ignore[arg-type]


def sides(baseline: float, candidate: float) -> tuple[Side, Side, Calls]:
    calls: Calls = []
    return Side("b", lambda: baseline, calls), Side("c", lambda: candidate, calls), calls


def searched(*both: Side, repeat: int = 2) -> tuple[tuple[SearchPair, ...], str]:
    design = CapacityDesign(SCENARIO, SearchRange(50, 1e6, 1), 600.0, repeat)
    pairs, error = asyncio.run(search_pairs(both, design))
    return pairs, error.message if error else ""


def test_steps_take_turns_and_the_first_version_changes() -> None:
    baseline, candidate, calls = sides(130, 70)
    pairs, error = searched(baseline, candidate)
    assert (len(pairs), error) == (2, "")
    assert [pair.complete for pair in pairs] == [True, True]
    assert "".join(name for name, _ in calls[:8]) == "bccbbccb"
    found = pairs[0]
    assert (found.baseline.bracket.lower, found.baseline.bracket.upper) == (130, 135)
    assert found.candidate.bracket.lower == pytest.approx(70, rel=0.05)
    assert found.change[1] == pytest.approx(-0.45, abs=0.05)


def test_second_searches_begin_near_the_results_of_the_first() -> None:
    baseline, candidate, calls = sides(130, 65)
    pairs, _ = searched(baseline, candidate)
    starts = [pair.baseline.steps[0].rate for pair in pairs]
    assert starts == [50, pytest.approx(130 / 1.2)]
    assert pairs[1].candidate.steps[0].rate < 65
    assert len(calls) == sum(len(p.baseline.steps) + len(p.candidate.steps) for p in pairs)


def test_pairs_that_contradict_each_other_get_one_more() -> None:
    baseline, candidate, calls = sides(130, 130)

    def capacity() -> float:
        second = ("c", 130 / 1.2) in calls  # its first step is near the result of the first search
        return 200.0 if second else 130.0

    candidate.capacity = capacity
    pairs, _ = searched(baseline, candidate)
    assert len(pairs) == 3


@pytest.mark.parametrize("begun", [True, False])
def test_signal_ends_both_searches_with_the_steps_so_far(begun: bool) -> None:
    baseline, candidate, calls = sides(130, 70)

    def interrupt(start: StepStart) -> str:
        if len(calls) < 5:
            return ""
        start.begun = begun
        os.kill(os.getpid(), signal.SIGINT)
        return "signal"

    baseline.before = candidate.before = interrupt
    (pair,), error = searched(baseline, candidate)
    assert (pair.baseline.end, pair.candidate.end, error) == ("interrupted", "interrupted", "")
    assert len(pair.baseline.steps) + len(pair.candidate.steps) == 4
    assert not pair.complete


def test_version_that_does_not_start_once_is_started_again() -> None:
    baseline, candidate, calls = sides(130, 70)
    failures = [3]

    def fail(_: StepStart) -> None:
        if len(calls) in failures:
            raise TargetError("the candidate was not ready within 30 s")

    candidate.before = baseline.before = fail
    pairs, error = searched(baseline, candidate)
    assert ([pair.complete for pair in pairs], error) == ([True, True], "")


def test_version_that_does_not_start_ends_the_searches_with_its_error() -> None:
    baseline, candidate, calls = sides(130, 70)

    def fail(_: StepStart) -> None:
        if len(calls) > 6:
            raise TargetError("the candidate was not ready within 30 s")

    candidate.before = fail
    (pair,), error = searched(baseline, candidate)
    assert error == "the candidate was not ready within 30 s"
    assert (pair.candidate.end, pair.candidate.reason) == ("error", error)
    assert not pair.complete


def test_searches_end_by_the_time_of_their_own_steps() -> None:
    baseline, candidate, _ = sides(130, 70)
    baseline.expected = 700.0
    pairs, _ = searched(baseline, candidate)
    assert {pair.baseline.end for pair in pairs} == {"time"}
    assert {pair.candidate.end for pair in pairs} == {"found"}

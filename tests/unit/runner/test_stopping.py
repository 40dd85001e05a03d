"""When a load that goes well may end before its schedule."""

import asyncio
from dataclasses import replace

import pytest

from harness.budgets.model import Budget, ErrorRatio
from harness.judge.stopping.abort import AbortWatch
from harness.judge.stopping.decided import DecisionWatch, Undecided
from harness.names import ERROR, LATENCY, OK
from harness.runner.stopping import all_decided, certain_breach
from harness.runs.cells import Cell
from harness.runs.model import Evidence
from harness.units import Unit
from tests.unit.judge.evidence import evidence
from tests.unit.runner.fakes import SCENARIO, FakeFleet

ERRORS = Budget("errors", ErrorRatio(), Unit.RATIO, 0.01, "max", abort=True)


class Reporting(FakeFleet):
    """Reports a second of the window at each call: `failures` of a hundred requests."""

    def __init__(self, watch: AbortWatch, failures: list[int]) -> None:
        super().__init__([])
        self.watch = watch
        self.failures = failures
        self.moments: list[float] = []

    async def wait_reported(self, moment: float) -> None:
        second = len(self.moments)
        if second == len(self.failures):
            await asyncio.Event().wait()
        self.moments.append(moment)
        failed = self.failures[second]
        self.watch.add(
            Cell(LATENCY, outcome, "GET", "/", second, {1000: count})
            for outcome, count in ((ERROR, failed), (OK, 100 - failed))
            if count
        )


@pytest.mark.parametrize(
    ("budget", "failures", "seconds"),
    [
        # More than 3% of all 6000 requests to come.
        (ERRORS, [100] * 5, 2),
        (ERRORS, [0, 0, 100, 100, 0], 4),
        (replace(ERRORS, abort_after=4.0), [100] * 5, 4),
    ],
    ids=["an outage", "a late outage", "not before abort_after"],
)
async def test_breach_is_certain_after_a_second(
    budget: Budget, failures: list[int], seconds: int
) -> None:
    watch = AbortWatch([budget], SCENARIO.duration)
    fleet = Reporting(watch, failures)
    assert await certain_breach(watch, fleet, 1000.0) == (budget, seconds)
    assert fleet.moments == [1000.0 + second for second in range(1, seconds + 1)]


@pytest.mark.parametrize("watched", [True, False], ids=["within the budget", "without a watch"])
async def test_no_breach_is_waited_for_without_end(watched: bool) -> None:
    watch = AbortWatch([ERRORS], SCENARIO.duration)
    fleet = Reporting(watch, [0] * 5 if watched else [100] * 5)
    waiting = asyncio.create_task(certain_breach(watch if watched else None, fleet, 0.0))
    for _ in range(100):  # steps of the loop, of which five seconds take fewer
        await asyncio.sleep(0)
    assert waiting.cancel()
    assert len(fleet.moments) == 5


class DecidedAt(DecisionWatch):
    """Decides at one of its moments."""

    def __init__(self, second: float) -> None:
        self.moments = [5, 10, 20]
        self.second = second
        self.undecided = ()

    def decided(self, evidence: Evidence, seconds: float) -> bool:
        over = seconds == self.second
        why = "95 samples are too few; raise the duration"
        self.undecided = () if over or seconds < 10 else (Undecided("p95", why),)
        return over


@pytest.mark.parametrize(("second", "looks"), [(5, [5]), (20, [5, 10, 20])])
async def test_run_is_decided_at_a_look(second: int, looks: list[int]) -> None:
    seen: list[int] = []
    notes: list[str] = []

    async def evidence_until(moment: int) -> Evidence:
        seen.append(moment)
        return evidence()

    assert await all_decided(DecidedAt(second), evidence_until, notes.append) == second
    assert seen == looks
    goes_on = "undecided after 10 s, so the run goes on: p95: 95 samples are too few"
    assert notes == [goes_on] * (second > 10)


@pytest.mark.parametrize("decision", [DecidedAt(-1), None], ids=["undecided", "no decision"])
async def test_undecided_run_is_waited_for_without_end(decision: DecisionWatch | None) -> None:
    async def evidence_until(_: int) -> Evidence:
        return evidence()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(all_decided(decision, evidence_until, print), 0.1)

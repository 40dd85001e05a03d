"""From steps to the capacity, and the verdicts on its bounds."""

from dataclasses import replace
from typing import Any

import pytest

from harness.judge.capacity.judge import interval_text, judge_capacity
from harness.judge.capacity.model import (
    CapacityEnd,
    CapacitySearch,
    CapacityStep,
    PastCapacity,
    UsageReading,
)
from harness.judge.capacity.search import SearchRange, StepResult
from harness.judge.model import Outcome
from harness.units import Unit
from tests.unit.judge.capacity.test_step import verdict

RANGE = SearchRange(50, 1_000_000, 1)


def step(rate: float, result: StepResult, reason: str = "", **fields: Any) -> CapacityStep:
    return CapacityStep(rate, result, reason, 10.0, f"step-{rate:g}", **fields)


def searched(
    lower: float | None, upper: float | None, end: CapacityEnd = "found"
) -> CapacitySearch:
    """A search with two steps at each of its bounds."""
    steps = [step(lower, "holds")] * 2 if lower else []
    steps += [step(upper, "breaks")] * 2 if upper else []
    return CapacitySearch(tuple(steps), end)


def past(lower: float | None, upper: float | None, comparable: str = "") -> PastCapacity:
    return PastCapacity("runs/main", lower, upper, 0.1, comparable)


ENDS: dict[str, tuple[CapacitySearch, Outcome, str]] = {
    "found": (searched(120, 125), "pass", "the capacity is between 120/s and 125/s"),
    "highest rate": (
        searched(150, None, "reached"),
        *("pass", "the capacity is at least 150/s, the highest rate to try"),
    ),
    "generator": (
        CapacitySearch((*[step(700, "holds")] * 2, *[step(720, "generator")] * 2), "generator"),
        *(
            "inconclusive",
            "the capacity is at least 700/s; the load generator is the limit at 720/s",
        ),
    ),
    "noise on both sides": (
        CapacitySearch(
            (
                *[step(100, "holds")] * 2,
                *[step(110, "disturbed", "others took 1.9 CPUs", guard="cpu-contention")] * 2,
                *[step(120, "breaks")] * 2,
            ),
            "noise",
        ),
        "warn",
        (
            "the capacity is between 100/s and 120/s; other steps have no result, mostly by the"
            " guard cpu-contention"
        ),
    ),
    "noise above": (
        searched(100, None, "noise"),
        *("inconclusive", "the capacity is at least 100/s; other steps have no result"),
    ),
    "nothing holds": (
        searched(None, 2, "nothing-holds"),
        *("fail", "no rate holds: the budgets break at 2/s, the lowest to try"),
    ),
    "time": (
        searched(80, 160, "time"),
        "warn",
        "the time is over: the capacity is between 80/s and 160/s",
    ),
    "time without an upper bound": (
        searched(80, None, "time"),
        *("inconclusive", "the time is over: the capacity is at least 80/s"),
    ),
    "interrupted": (
        searched(80, 160, "interrupted"),
        *("inconclusive", "interrupted: the capacity is between 80/s and 160/s"),
    ),
    "error": (
        searched(None, None, "error"),
        *("inconclusive", "the search could not go on: the capacity is not known"),
    ),
    "error with its text": (
        replace(searched(80, None, "error"), reason="port 8000 is taken\nby process 71"),
        *(
            "inconclusive",
            "the search could not go on: port 8000 is taken; the capacity is at least 80/s",
        ),
    ),
}


@pytest.mark.parametrize(("search", "outcome", "headline"), ENDS.values(), ids=ENDS)
def test_outcome_of_a_search_that_nothing_bounds(
    search: CapacitySearch, outcome: Outcome, headline: str
) -> None:
    found = judge_capacity([search], RANGE)
    assert (found.outcome, found.headline, found.checks) == (outcome, headline, ())


LEAST: dict[str, tuple[CapacitySearch, Outcome, str]] = {
    "reached": (searched(120, 125), "pass", "every budget holds at 120/s, and the min is 100/s"),
    "exactly reached": (searched(100, 105), "pass", "every budget holds at 100/s"),
    "missed": (searched(80, 84), "fail", "the budgets break at 84/s, and the min is 100/s"),
    "exactly missed": (searched(96, 100), "fail", "the budgets break at 100/s"),
    "on either side": (searched(90, 110), "inconclusive", "the capacity is between 90/s and 110/s"),
    "nothing is known": (searched(None, None, "time"), "inconclusive", "the capacity is not known"),
    "nothing holds": (searched(None, 2, "nothing-holds"), "fail", "the budgets break at 2/s"),
    "reached although the generator is the limit": (
        searched(120, None, "generator"),
        *("pass", "every budget holds at 120/s"),
    ),
    "missed although the time is over": (searched(20, 80, "time"), "fail", "break at 80/s"),
    "reached by one step when the time is over": (
        CapacitySearch((step(60, "holds"), step(120, "holds")), "time"),
        *("inconclusive", "the capacity is at least 60/s, so it may be above or below"),
    ),
    "reached by a step and one at a higher rate": (
        CapacitySearch((step(100, "holds"), step(200, "holds")), "time"),
        *("pass", "every budget holds at 100/s"),
    ),
    "not reached within the limit of the generator": (
        searched(90, None, "generator"),
        *("inconclusive", "the capacity is at least 90/s, so it may be above or below"),
    ),
    "an interrupted search never passes": (
        searched(120, 125, "interrupted"),
        *("inconclusive", "every budget holds at 120/s"),
    ),
}


@pytest.mark.parametrize(("search", "outcome", "reason"), LEAST.values(), ids=LEAST)
def test_min_of_the_capacity(search: CapacitySearch, outcome: Outcome, reason: str) -> None:
    found = judge_capacity([search], RANGE, least=100.0)
    assert (found.outcome, found.exit_code) == (
        outcome,
        {"pass": 0, "fail": 3, "inconclusive": 4}[outcome],
    )
    assert reason in found.checks[0].reason


PAST: dict[str, tuple[PastCapacity, Outcome, str]] = {
    "as before": (past(120, 123), "pass", "lower by at most 2.44%, and 10% is tolerated"),
    "much higher than before": (past(60, 63), "pass", "lower by at most 0%"),
    "much lower than before": (past(150, 155), "fail", "lower by at least 16.7%"),
    "lower by about what is tolerated": (past(130, 135), "inconclusive", "a smaller --within"),
    "no upper bound before": (past(120, None), "inconclusive", "was at least 120/s (runs/main)"),
    "no lower bound before": (past(None, 120), "pass", "was below 120/s"),
    "another machine": (past(120, 123, "it is of another machine"), "inconclusive", "cannot be"),
}


@pytest.mark.parametrize(("before", "outcome", "reason"), PAST.values(), ids=PAST)
def test_regression_of_the_capacity(before: PastCapacity, outcome: Outcome, reason: str) -> None:
    found = judge_capacity([searched(120, 125)], RANGE, past=before)
    assert found.outcome == outcome
    assert reason in found.checks[0].reason


def test_regression_lies_between_the_ratios_of_opposite_ends() -> None:
    (check,) = judge_capacity([searched(90, 96)], RANGE, past=past(100, 120)).checks
    assert check.lower == pytest.approx(-0.25)
    assert check.upper == pytest.approx(-0.04)


def test_worst_check_is_the_outcome() -> None:
    found = judge_capacity([searched(120, 125)], RANGE, 100.0, past(150, 155))
    assert [one.outcome for one in found.checks] == ["pass", "fail"]
    assert (found.outcome, found.exit_code) == ("fail", 3)


def test_interval_of_several_searches_holds_those_of_all() -> None:
    found = judge_capacity([searched(120, 125), searched(112, 117), searched(118, 130)], RANGE)
    assert (found.lower, found.upper) == (112, 130)
    open_end = judge_capacity([searched(120, 125), searched(118, None, "generator")], RANGE)
    assert (open_end.lower, open_end.upper, open_end.outcome) == (118, None, "inconclusive")


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [
        (120, 126, "between 120/s and 126/s"),
        (120, None, "at least 120/s"),
        (None, 126, "below 126/s"),
        (None, None, "not known"),
    ],
)
def test_interval_as_text(lower: float | None, upper: float | None, text: str) -> None:
    assert interval_text(lower, upper) == text


def test_first_to_give_way_is_the_budget_that_broke_at_the_lowest_rate() -> None:
    late = replace(verdict("errors", "fail"), margin=-3.0)
    steps = (
        step(100, "holds", verdicts=(verdict("p95", "pass"),)),
        step(200, "breaks", verdicts=(verdict("p95", "fail"), late)),
        step(130, "breaks", verdicts=(verdict("p95", "fail"), verdict("errors", "pass"))),
        step(130, "breaks", verdicts=(verdict("p95", "fail"),)),
        step(90, "breaks", verdicts=(late,)),  # disturbed: the next steps at this rate held
        step(90, "holds"),
        step(90, "holds"),
        step(200, "breaks"),
    )
    found = judge_capacity([CapacitySearch(steps, "found")], RANGE)
    assert [(one.verdict.name, one.rate) for one in found.gave_way] == [
        ("p95", 130),
        ("errors", 200),
    ]


def test_short_of_is_what_the_steps_at_the_knee_say() -> None:
    def cpu(value: float) -> tuple[UsageReading, ...]:
        return (UsageReading("cpu", value, Unit.COUNT, 2.0),)

    steps = (
        step(100, "holds", usage=cpu(1.5)),
        step(120, "breaks"),  # too busy for its scrapes
        step(120, "breaks", usage=cpu(1.95)),
        *[step(200, "breaks", usage=cpu(0.2))] * 2,
    )
    found = judge_capacity([CapacitySearch(steps, "found")], RANGE)
    assert found.short_of == ("CPU: the service used 1.95 of 2 cores",)

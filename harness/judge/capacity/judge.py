"""From the steps of all searches to the capacity, and to the verdicts on its bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import assert_never

from harness.judge.bounds import margin
from harness.judge.capacity.model import (
    Capacity,
    CapacityEnd,
    CapacitySearch,
    CapacityStep,
    GaveWay,
    PastCapacity,
    UsageReading,
)
from harness.judge.capacity.ratio import Ends, relative_change
from harness.judge.capacity.search import SearchRange, StepResult
from harness.judge.capacity.usage import CPU, short_of
from harness.judge.model import Outcome, Verdict
from harness.units import Unit, format_quantity

MIN_CHECK = "capacity-min"
REGRESSION_CHECK = "capacity-regression"
_SOURCE = "steps of the search"
_WORST: tuple[Outcome, ...] = ("fail", "inconclusive", "warn", "pass")
_LOWER = "search longer, or lower the bound"


def judge_capacity(
    searches: Sequence[CapacitySearch],
    limits: SearchRange,
    least: float | None = None,
    past: PastCapacity | None = None,
) -> Capacity:
    """The capacity by one or several searches, and whether its bounds hold.

    Args:
        searches: At least one.
        limits: Of the first search.
        least: `capacity.min` of the scenario, per second; None without one.
        past: An earlier capacity that this one may not be much below.
    """
    brackets = [search.bracket for search in searches]
    lowers = [one.lower for one in brackets if one.lower is not None]
    uppers = [one.upper for one in brackets if one.upper is not None]
    lower = min(lowers) if len(lowers) == len(brackets) else None
    upper = max(uppers) if len(uppers) == len(brackets) else None
    checks = []
    if least is not None:
        checks.append(_min_check(least, lower, upper))
    if past is not None:
        checks.append(_regression_check(past, lower, upper))
    ends = [search.end for search in searches]
    outcomes = [one.outcome for one in checks] or [_of_search(end, lower, upper) for end in ends]
    outcome = min(outcomes, key=_WORST.index)
    if {"interrupted", "error"} & set(ends) and outcome in {"pass", "warn"}:
        outcome = "inconclusive"
    return Capacity(
        searches=tuple(searches),
        range=limits,
        lower=lower,
        upper=upper,
        outcome=outcome,
        headline=_headline(searches[-1], limits, lower, upper),
        checks=tuple(checks),
        gave_way=_gave_way(searches),
        short_of=_short_of(searches),
        past=past,
    )


def _of_search(end: CapacityEnd, lower: float | None, upper: float | None) -> Outcome:
    """The outcome of a search whose result nothing bounds.

    An interval that is wider than was asked for is a result with a warning.
    """
    match end:
        case "found" | "reached":
            return "pass"
        case "nothing-holds":
            return "fail"
        case "noise" | "time":
            return "inconclusive" if lower is None or upper is None else "warn"
        case "generator" | "interrupted" | "error":
            return "inconclusive"
        case _:
            assert_never(end)


def _min_check(least: float, lower: float | None, upper: float | None) -> Verdict:
    """Whether the capacity reaches `capacity.min`."""
    bound = _rate(least)
    if lower is not None and lower >= least:
        outcome: Outcome = "pass"
        reason = f"every budget holds at {_rate(lower)}, and the min is {bound}"
    elif upper is not None and upper <= least:
        outcome = "fail"
        reason = f"the budgets break at {_rate(upper)}, and the min is {bound}"
    else:
        outcome = "inconclusive"
        reason = f"the capacity is {interval_text(lower, upper)}, so it may be above or below the"
        reason += f" min of {bound}; {_LOWER}"
    return Verdict(
        name=MIN_CHECK,
        description="the highest rate at which every budget holds",
        outcome=outcome,
        severity="error",
        value=lower,
        lower=lower,
        upper=upper,
        bound=least,
        direction="min",
        unit=Unit.PER_SECOND,
        margin=None if lower is None else margin(lower, least, "min"),
        samples=0,
        source=_SOURCE,
        reason=reason,
    )


def _regression_check(past: PastCapacity, lower: float | None, upper: float | None) -> Verdict:
    """Whether the capacity is below an earlier one by more than is tolerated."""
    low, high = relative_change((lower, upper), (past.lower, past.upper))
    tolerated = format_quantity(past.max_regression, Unit.RATIO)
    change = (
        f"the capacity was {interval_text(past.lower, past.upper)} ({past.name}) and is"
        f" {interval_text(lower, upper)}"
    )
    outcome: Outcome
    if past.not_comparable:
        outcome, reason = (
            "inconclusive",
            f"{change}, which cannot be compared: {past.not_comparable}",
        )
    elif high is not None and high < -past.max_regression:
        outcome = "fail"
        reason = f"{change}: lower by at least {format_quantity(-high, Unit.RATIO)}, and"
        reason += f" {tolerated} is tolerated"
    elif low is not None and low >= -past.max_regression:
        outcome = "pass"
        fall = format_quantity(max(0.0, -low), Unit.RATIO)
        reason = f"{change}: lower by at most {fall}, and {tolerated} is tolerated"
    else:
        outcome = "inconclusive"
        reason = f"{change}, so it may be lower by more or by less than the tolerated"
        reason += f" {tolerated}; search with a smaller --within, or tolerate more"
    return regression_verdict(
        "the capacity against an earlier one", outcome, reason, (low, high), past.max_regression
    )


def regression_verdict(
    description: str, outcome: Outcome, reason: str, change: Ends, max_regression: float
) -> Verdict:
    """The verdict on the change of a capacity; its value is the middle of the interval.

    Args:
        description: What was compared.
        outcome: Of the comparison.
        reason: Why, as a sentence.
        change: The interval of the relative change: -0.1 is 10% lower.
        max_regression: How much lower is tolerated, as a share.
    """
    low, high = change
    return Verdict(
        name=REGRESSION_CHECK,
        description=description,
        outcome=outcome,
        severity="error",
        value=None if low is None or high is None else (low + high) / 2,
        lower=low,
        upper=high,
        bound=-max_regression,
        direction="min",
        unit=Unit.RATIO,
        margin=None,
        samples=0,
        source=_SOURCE,
        reason=reason,
    )


def interval_text(lower: float | None, upper: float | None) -> str:
    """Bounds of a capacity, such as "between 120/s and 126/s"."""
    if lower is None:
        return "not known" if upper is None else f"below {_rate(upper)}"
    return (
        f"at least {_rate(lower)}"
        if upper is None
        else (f"between {_rate(lower)} and {_rate(upper)}")
    )


def _headline(
    last: CapacitySearch, limits: SearchRange, lower: float | None, upper: float | None
) -> str:
    """The result in one sentence."""
    found = f"the capacity is {interval_text(lower, upper)}"
    stop = last.bracket.stop
    match last.end:
        case "found":
            text = found
        case "reached":
            text = f"{found}, the highest rate to try"
        case "generator":
            limit = f" at {_rate(stop)}" if stop is not None else ""
            text = f"{found}; the load generator is the limit{limit}"
        case "noise":
            text = f"{found}; other steps have no result{_why_undecided(last)}"
        case "nothing-holds":
            lowest = _rate(upper or limits.least)
            text = f"no rate holds: the budgets break at {lowest}, the lowest to try"
        case "time":
            text = f"the time is over: {found}"
        case "interrupted":
            text = f"interrupted: {found}"
        case "error":
            cause = last.reason.partition("\n")[0]
            text = f"the search could not go on: {f'{cause}; ' if cause else ''}{found}"
        case _:
            assert_never(last.end)
    return text


def _why_undecided(search: CapacitySearch) -> str:
    """The most frequent reason of undecided steps, such as ", by the guard cpu-contention"."""
    tripped = Counter(s.guard for s in search.steps if s.result == "disturbed" and s.guard)
    return "".join(f", mostly by the guard {guard}" for guard, _ in tripped.most_common(1))


def _rate(value: float) -> str:
    return format_quantity(value, Unit.PER_SECOND)


def _gave_way(searches: Sequence[CapacitySearch]) -> tuple[GaveWay, ...]:
    """The budgets that broke at the rate that bounds each search, and above it those that follow.

    A step whose rate does not count as broken, such as one that was disturbed, says nothing here.
    """
    found: dict[str, GaveWay] = {}
    for search in searches:
        upper = search.bracket.upper
        if upper is None:
            continue
        steps = sorted(
            (one for one in search.steps if one.result == "breaks" and one.rate >= upper),
            key=lambda one: one.rate,
        )
        for step in steps:
            for verdict in step.verdicts:
                known = found.get(verdict.name)
                if verdict.outcome == "fail" and (known is None or step.rate < known.rate):
                    found[verdict.name] = GaveWay(verdict, step.rate)
    return tuple(sorted(found.values(), key=lambda one: (one.rate, one.verdict.margin or 0.0)))


def _short_of(searches: Sequence[CapacitySearch]) -> tuple[str, ...]:
    """What the service was short of in the steps on either side of the knee.

    A service under too much load may not answer its scrapes: then the next higher rate is taken.
    """
    for search in reversed(searches):
        found = search.bracket
        if found.upper is None:
            continue
        failing = _usage(search.steps, "breaks", lowest=found.upper)
        holding = [one for one in search.steps if one.rate == found.lower]
        return short_of(failing, _usage(holding, "holds"))
    return ()


def _usage(
    steps: Iterable[CapacityStep], result: StepResult, lowest: float = 0.0
) -> tuple[UsageReading, ...]:
    """What was used in the step with the lowest rate of which the CPU is known, if there is one."""
    matching = [one for one in steps if one.result == result and one.rate >= lowest]
    matching.sort(key=lambda one: (all(r.name != CPU for r in one.usage), one.rate))
    return matching[0].usage if matching else ()

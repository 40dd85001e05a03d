"""The change of the capacity from one version to another, by searches whose steps took turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from harness.judge.capacity.judge import interval_text, judge_capacity, regression_verdict
from harness.judge.capacity.model import Capacity, CapacityEnd, CapacitySearch
from harness.judge.capacity.ratio import Ends, relative_change
from harness.judge.capacity.search import SearchRange
from harness.judge.model import Outcome, Verdict, exit_code_of
from harness.units import Unit, format_quantity

FEWEST_PAIRS: Final = 2
_WIDEST: Final = 0.05  # of the interval of each search
_NARROWEST: Final = 0.01
_PARTS: Final = 4  # of the tolerance that the interval of a search takes


@dataclass(frozen=True, slots=True)
class SearchPair:
    """A search with each version, whose steps took turns."""

    baseline: CapacitySearch
    candidate: CapacitySearch

    @property
    def complete(self) -> bool:
        """Whether neither search was ended from outside."""
        return not {self.baseline.end, self.candidate.end} & {"interrupted", "error"}

    @property
    def change(self) -> Ends:
        """The interval of the relative change: -0.1 is 10% lower than the baseline."""
        return relative_change(_ends(self.candidate), _ends(self.baseline))


@dataclass(frozen=True, slots=True)
class CapacityComparison:
    """The capacities of two versions.

    Attributes:
        pairs: In order; the last one may be incomplete.
        baseline: Its capacity by its searches.
        candidate: Its capacity by its searches.
        check: The verdict on the change; its value is the middle of the interval.
        headline: One sentence with the result.
    """

    pairs: tuple[SearchPair, ...]
    baseline: Capacity
    candidate: Capacity
    check: Verdict
    headline: str

    @property
    def outcome(self) -> Outcome:
        """Of the check."""
        return self.check.outcome

    @property
    def exit_code(self) -> int:
        """0 pass, 3 lower than is tolerated, 4 inconclusive."""
        return exit_code_of(self.outcome)


def width_for(max_regression: float) -> float:
    """The width of the interval of each search, as a share, that a tolerance needs.

    Two equal capacities differ by up to twice this width, so half of the tolerance is left for the
    differences between searches.
    """
    return min(_WIDEST, max(_NARROWEST, max_regression / _PARTS))


def more_pairs(pairs: Sequence[SearchPair], wanted: int) -> bool:
    """Whether another pair of searches is needed.

    One more than `wanted` is made when two pairs contradict each other: when no change lies within
    the intervals of all. Then the versions vary more from start to start than one search shows.

    Args:
        pairs: So far; all of them are complete.
        wanted: Number of pairs, at least `FEWEST_PAIRS`.
    """
    return len(pairs) < wanted or (len(pairs) == wanted and contradict(pairs))


def contradict(pairs: Sequence[SearchPair]) -> bool:
    """Whether no change lies within the intervals of all pairs."""
    changes = [pair.change for pair in pairs]
    lows = [low for low, _ in changes if low is not None]
    highs = [high for _, high in changes if high is not None]
    return bool(lows and highs) and max(lows) > min(highs)


def compare_capacities(
    pairs: Sequence[SearchPair], limits: SearchRange, max_regression: float, wanted: int
) -> CapacityComparison:
    """The change of the capacity, and whether it is tolerated.

    The interval of the change covers those of all pairs. Both searches of a pair ran at the same
    time, so what slows the machine for minutes changes both capacities alike.

    Args:
        pairs: At least one; an incomplete one does not count.
        limits: Of the first searches.
        max_regression: How far the candidate's capacity may be below the baseline's, as a share.
        wanted: Number of pairs without which there is no verdict.
    """
    complete = [pair for pair in pairs if pair.complete]
    lows = [pair.change[0] for pair in complete]
    highs = [pair.change[1] for pair in complete]
    change: Ends = (
        None if None in lows or not lows else min(low for low in lows if low is not None),
        None if None in highs or not highs else max(high for high in highs if high is not None),
    )
    baseline = judge_capacity([pair.baseline for pair in complete or pairs], limits)
    candidate = judge_capacity([pair.candidate for pair in complete or pairs], limits)
    outcome, reason = _decide(pairs, complete, change, max_regression, wanted)
    sides = f"{_capacity(candidate)}, and the baseline's is {_capacity(baseline)}"
    reason = f"the candidate's capacity is {sides}: {reason}"
    description = "the capacity of the candidate against that of the baseline"
    check = regression_verdict(description, outcome, reason, change, max_regression)
    return CapacityComparison(
        *(tuple(pairs), baseline, candidate, check), _headline(outcome, change, complete)
    )


def _decide(
    pairs: Sequence[SearchPair],
    complete: Sequence[SearchPair],
    change: Ends,
    tolerance: float,
    wanted: int,
) -> tuple[Outcome, str]:
    low, high = change
    tolerated = f"and {format_quantity(tolerance, Unit.RATIO)} is tolerated"
    if len(complete) < wanted:
        return "inconclusive", (
            f"{len(complete)} of {wanted} pairs of searches are complete, which is too few;"
            f" {_error(pairs) or 'compare again'}"
        )
    if high is not None and high < -tolerance:
        return "fail", f"it is lower by at least {format_quantity(-high, Unit.RATIO)}, {tolerated}"
    if low is not None and low >= -tolerance:
        fall = format_quantity(max(0.0, -low), Unit.RATIO)
        return "pass", f"it is lower by at most {fall}, {tolerated}"
    return (
        "inconclusive",
        f"it may be lower by more or by less than is tolerated; {_next(complete)}",
    )


def _error(pairs: Sequence[SearchPair]) -> str:
    """The first line of the error that ended the searches; empty without one."""
    reasons = (one.reason for pair in pairs for one in (pair.baseline, pair.candidate))
    return next((reason.partition("\n")[0] for reason in reasons if reason), "")


def _next(complete: Sequence[SearchPair]) -> str:
    """What to do where the capacities do not decide."""
    for pair in complete:
        for side, search in (("baseline", pair.baseline), ("candidate", pair.candidate)):
            if advice := _advice(side, search.end):
                return advice
    if contradict(complete):
        return "the versions vary from start to start: raise --searches, or the --duration"
    return "use a smaller --within, or tolerate more"


def _advice(side: str, end: CapacityEnd) -> str:
    """What a search needs for a narrower interval; empty when it has found one."""
    match end:
        case "found" | "interrupted" | "error":
            text = ""
        case "reached":
            text = f"the {side} holds at the highest rate to try: raise --to"
        case "generator":
            text = f"the load generator is the limit for the {side}: use FastUser or more CPUs"
        case "time":
            text = f"the search with the {side} ran out of time: raise --for"
        case "noise":
            text = f"steps with the {side} have no result: use an idle machine, or a longer"
            text += " --duration"
        case "nothing-holds":
            text = f"no rate holds for the {side}: begin with a lower --from"
        case _:
            assert_never(end)
    return text


def _headline(outcome: Outcome, change: Ends, complete: Sequence[SearchPair]) -> str:
    if not complete:
        return "no pair of searches is complete"
    what = f"the candidate's capacity is {change_words(change)}"
    match outcome:
        case "pass":
            return f"{what}, which is tolerated"
        case "fail":
            return f"{what}, which is more than is tolerated"
        case "warn" | "inconclusive":
            return f"{what}: not decided"
        case _:
            assert_never(outcome)


def change_words(change: Ends) -> str:
    """An interval of a change in words, such as "lower by 4.5% to 12%"."""
    low, high = change
    if low is None:
        return "not known" if high is None else _one_sided(high, "at least", "at most")
    if high is None:
        return _one_sided(low, "at most", "at least")
    if low < 0 and high < 0:
        return f"lower by {_share(-high)} to {_share(-low)}"
    if low > 0:
        return f"higher by {_share(low)} to {_share(high)}"
    return f"between {_signed(low)} and {_signed(high)}"


def _one_sided(end: float, below: str, above: str) -> str:
    return f"lower by {below} {_share(-end)}" if end < 0 else f"higher by {above} {_share(end)}"


def _signed(value: float) -> str:
    if value == 0:
        return "unchanged"
    return f"{_share(abs(value))} {'higher' if value > 0 else 'lower'}"


def _share(value: float) -> str:
    return format_quantity(value, Unit.RATIO)


def _capacity(capacity: Capacity) -> str:
    return interval_text(capacity.lower, capacity.upper)


def _ends(search: CapacitySearch) -> Ends:
    found = search.bracket
    return found.lower, found.upper

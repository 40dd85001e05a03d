"""A search for the capacity of a service: its steps, its bounds, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.judge.capacity.search import Bracket, SearchEnd, SearchRange, StepResult, bracket
from harness.judge.model import Outcome, Verdict, exit_code_of
from harness.units import Unit

# Why a search ended; the last three end it from outside.
CapacityEnd = SearchEnd | Literal["time", "interrupted", "error"]


@dataclass(frozen=True, slots=True)
class UsageReading:
    """How much of a resource the service used in a step.

    Attributes:
        name: As in `harness.judge.capacity.usage.LABELS`.
        value: Mean over the window, or a p95 where the name says so.
        limit: What there is of it, in the same unit; None where that is not known.
    """

    name: str
    value: float
    unit: Unit
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class CapacityStep:
    """One run at one rate.

    Attributes:
        rate: Iterations per second, as scheduled.
        reason: What decided `result`, in a sentence.
        seconds: Duration of the window that was judged.
        folder: Name of the run folder within the folder of the search.
        answered: Successful requests per second.
        p95: p95 latency of all requests, in seconds.
        error_ratio: Failed requests per request.
        usage: What the service used, as far as it was measured.
        guard: Name of the guard that took the verdict away; empty when no guard did.
    """

    rate: float
    result: StepResult
    reason: str
    seconds: float
    folder: str
    verdicts: tuple[Verdict, ...] = ()
    answered: float | None = None
    p95: float | None = None
    error_ratio: float | None = None
    usage: tuple[UsageReading, ...] = ()
    guard: str = ""


@dataclass(frozen=True, slots=True)
class CapacitySearch:
    """The steps of one search, in order, and why it ended.

    Attributes:
        reason: What ended it from outside, such as the text of an error; empty otherwise.
    """

    steps: tuple[CapacityStep, ...]
    end: CapacityEnd
    reason: str = ""

    @property
    def bracket(self) -> Bracket:
        """The bounds of the capacity by these steps."""
        return bracket([(step.rate, step.result) for step in self.steps])


@dataclass(frozen=True, slots=True)
class GaveWay:
    """A budget that broke, with the lowest rate of a step at which it did."""

    verdict: Verdict
    rate: float


@dataclass(frozen=True, slots=True)
class PastCapacity:
    """The capacity of an earlier search, from its capacity.json.

    Attributes:
        name: Where it was read from.
        not_comparable: Why it cannot be compared; empty when it can.
    """

    name: str
    lower: float | None
    upper: float | None
    max_regression: float
    not_comparable: str = ""


@dataclass(frozen=True, slots=True)
class Capacity:
    """The capacity of a service, by one or several searches.

    Attributes:
        lower: The highest rate shown to hold, the lowest such of all searches; None without one.
        upper: The lowest rate shown to break a budget, the highest of all searches; None when a
            search found none.
        outcome: Of the checks; the search itself if there is none.
        headline: One sentence with the result.
        checks: Verdicts on `capacity.min` and on the regression, of those that were asked for.
        gave_way: The budgets that broke at the lowest rates, the first to break first.
        short_of: What the service was short of at the knee, a sentence each.
    """

    searches: tuple[CapacitySearch, ...]
    range: SearchRange
    lower: float | None
    upper: float | None
    outcome: Outcome
    headline: str
    checks: tuple[Verdict, ...] = ()
    gave_way: tuple[GaveWay, ...] = ()
    short_of: tuple[str, ...] = ()
    past: PastCapacity | None = None

    @property
    def exit_code(self) -> int:
        """0 pass or warn, 3 below a bound, 4 inconclusive."""
        return exit_code_of(self.outcome)

    @property
    def steps(self) -> tuple[CapacityStep, ...]:
        """The steps of all searches, in order."""
        return tuple(step for search in self.searches for step in search.steps)

    @property
    def end(self) -> CapacityEnd:
        """Why the last search ended."""
        return self.searches[-1].end


@dataclass(frozen=True, slots=True)
class CapacitySetting:
    """What was searched, for the reports.

    Attributes:
        started: Seconds since the epoch.
        seconds: Duration of all searches, starts of the service included.
        left_out: Why budgets are left out, a sentence each.
        host: The machine, as run.json has it.
        facts: Label and text.
    """

    service: str
    scenario: str
    started: float
    seconds: float
    harness_version: str
    commit: str = ""
    left_out: tuple[str, ...] = ()
    host: Mapping[str, object] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

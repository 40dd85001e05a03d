"""What judging yields: guards, verdicts and the outcome of the run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, assert_never

from harness.budgets.model import Decide, Direction, Severity
from harness.errors import EXIT_BREACH, EXIT_INCONCLUSIVE, EXIT_PASS
from harness.units import Unit

Outcome = Literal["pass", "warn", "fail", "inconclusive"]
Scope = Literal["latency", "client", "server", "all"]


def exit_code_of(outcome: Outcome) -> int:
    """0 pass or warn, 3 breach or regression, 4 inconclusive."""
    match outcome:
        case "pass" | "warn":
            return EXIT_PASS
        case "fail":
            return EXIT_BREACH
        case "inconclusive":
            return EXIT_INCONCLUSIVE
        case _:
            assert_never(outcome)


@dataclass(frozen=True, slots=True)
class Measurement:
    """An indicator's value over the window.

    Attributes:
        value: In the indicator's unit; None when there is no data, never 0 in its place.
        samples: Requests, observations, events or scrapes behind the value.
        source: Where it was measured, for people: "load generator", "service metrics".
        meets: Whether the bound holds where that is known more exactly than from `value` (a
            histogram with a bucket edge at the bound); None when `value` decides.
        undecided: Why it is not known whether the bound holds, although there may be a value;
            empty when it is known.
        share_over: Share of requests or observations over the bound, where there is one.
        reason: Why there is no value, or a remark on it; empty otherwise.
        note: How the value was measured, for every verdict on it; empty otherwise.
        at_least: Whether the true value may be higher, because requests were unanswered.
        at_first: What to do where the excess lies in the first seconds; empty otherwise.
        bucket: The ends of the coarse bucket that the value lies in; None where it is known better.
        whole: What a share is a share of, such as "2 cores"; empty where the name says it.
        between: The lowest and the highest value that the missing evidence allows: requests had no
            answer, or a counter appeared within the window. None when the value is exact. Of a
            histogram's quantile, the values of `share_over`.
    """

    value: float | None
    samples: int
    source: str
    meets: bool | None = None
    undecided: str = ""
    share_over: float | None = None
    reason: str = ""
    note: str = ""
    at_least: bool = False
    at_first: str = ""
    bucket: tuple[float, float] | None = None
    whole: str = ""
    between: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Confidence:
    """The interval in which the true value lies, by one run.

    Attributes:
        lower: In the indicator's unit; None when it is not known.
        upper: As `lower`.
        fewest: Observations without which no run can show that the bound holds; 0 when any number
            may.
        share_over: The ends for the share of a histogram's observations over the bound; None
            without a bucket edge at the bound.
    """

    lower: float | None
    upper: float | None
    fewest: int = 0
    share_over: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition under which measurements may be trusted.

    Attributes:
        name: Lower-case words with hyphens, e.g. "load-delivered".
        value: What was read; None when it could not be read.
        limit: What it is held against, None when there is no number.
        reason: What was found and, when tripped, what to do.
        scope: Which budgets become inconclusive when it trips; "latency" are those of "client"
            that measure a time.
        request: Only budgets on this request ("GET /contacts"); empty is every request.
        budgets: Names of the budgets in this scope whose verdict it takes away; None is all.
    """

    name: str
    outcome: Literal["ok", "tripped"]
    value: float | None
    limit: float | None
    unit: Unit
    reason: str
    scope: Scope = "all"
    request: str = ""
    budgets: tuple[str, ...] | None = None

    @property
    def covers_every_budget(self) -> bool:
        """Whether a trip leaves no budget that can be judged: the run itself is not valid."""
        return self.scope == "all" and self.budgets is None and not self.request


def guard(
    name: str,
    reason: str,
    *,
    tripped: bool,
    value: float | None = None,
    limit: float | None = None,
    unit: Unit = Unit.COUNT,
    scope: Scope = "client",
    request: str = "",
    budgets: tuple[str, ...] | None = None,
) -> Guard:
    """A guard with the outcome that `tripped` says; the rest is as in `Guard`."""
    outcome: Literal["ok", "tripped"] = "tripped" if tripped else "ok"
    return Guard(name, outcome, value, limit, unit, reason, scope, request, budgets)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A budget's outcome.

    Attributes:
        outcome: `warn` is a breach of severity warn, or one that a waiver covers.
        value: None without data, and for a quantile of which only the bucket is known.
        lower: Lower confidence bound of the value; None where nothing is known of that side, and
            where the value is exact.
        upper: Upper confidence bound.
        margin: Distance to the bound as a share of it, positive when the bound holds; None when
            there is no value or the bound is 0.
        reason: One sentence; for an inconclusive outcome it says why and what to do.
        advice: Where to look first, for a breach and a warning about one; empty otherwise.
        request: Whose latency is judged, empty is every request; None when no latency is.
        at_least: Whether the true value may be higher, because requests were unanswered.
        waits: Whether it is inconclusive, and more load may decide it.
        guard: Name of the guard that made it inconclusive, the first one of several; empty
            otherwise.
        decide: Whether the interval decided, or by the budget's `decide: value` the value alone.
        bucket: As in `Measurement`; `whole`, too.
        share_over: Of a histogram's quantile, the share of the observations over the bound, if a
            bucket ends there; `share_allowed` of them may be.
        share_lower: Lower confidence bound of `share_over`; None as for `lower`.
        share_upper: Upper confidence bound of it.
    """

    name: str
    description: str
    outcome: Outcome
    severity: Severity
    value: float | None
    lower: float | None
    upper: float | None
    bound: float
    direction: Direction
    unit: Unit
    margin: float | None
    samples: int
    source: str
    reason: str
    advice: str = ""
    runbook: str = ""
    line: int = 0
    request: str | None = None
    failing: str | None = None
    at_least: bool = False
    waits: bool = False
    guard: str = ""
    decide: Decide = "interval"
    bucket: tuple[float, float] | None = None
    whole: str = ""
    share_over: float | None = None
    share_lower: float | None = None
    share_upper: float | None = None
    share_allowed: float | None = None

    @property
    def has_data(self) -> bool:
        """Whether the value or its bucket is known."""
        return self.value is not None or self.bucket is not None


@dataclass(frozen=True, slots=True)
class Leniency:
    """Names of the budgets that cannot fail the run, or not without data.

    Attributes:
        waived: With the last day of the waiver.
        warning: Of severity warn.
        off: Of severity off: not judged at all.
        ignoring: Whose missing data are ignored.
    """

    waived: tuple[tuple[str, date], ...] = ()
    warning: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    ignoring: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of a run: the worst that its budgets of severity error say.

    Attributes:
        lenient: What the author of the budgets exempted, for the reader of the outcome.
    """

    outcome: Outcome
    guards: tuple[Guard, ...]
    verdicts: tuple[Verdict, ...]
    lenient: Leniency = Leniency()

    @property
    def exit_code(self) -> int:
        """0 pass or warn, 3 breach, 4 inconclusive."""
        return exit_code_of(self.outcome)

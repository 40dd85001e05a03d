"""The nouns of a paired comparison: what goes into it and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from harness.budgets.model import Direction, Severity
from harness.judge.compare.sequential import SequentialDecision
from harness.judge.model import Guard, Measurement, Outcome, exit_code_of
from harness.units import Unit


@dataclass(frozen=True, slots=True)
class SideMeasurements:
    """What one version showed in a pair.

    Attributes:
        measurements: Of every compared budget, by its name.
        guards: Over this version's part of the pair, tripped or not.
        served: Share of its scheduled load that was answered without a failure.
    """

    measurements: Mapping[str, Measurement]
    guards: tuple[Guard, ...] = ()
    served: float = 1.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Both versions under the same load, one after the other or in turn.

    Attributes:
        seconds: Of load that it took, warm-ups included.
    """

    baseline: SideMeasurements
    candidate: SideMeasurements
    seconds: float


@dataclass(frozen=True, slots=True)
class Rules:
    """How often a comparison may err, and when it ends.

    Attributes:
        most: Pairs after which it ends without a decision; one of `sequential.MOST_PAIRS`.
        alpha: Probability that any budget fails although nothing has changed.
        beta: For each budget, the probability that it passes although worse by its tolerance.
        fail_fast: End with the first budget that fails, the others undecided.
    """

    most: int = 32
    alpha: float = 0.01
    beta: float = 0.05
    fail_fast: bool = True


@dataclass(frozen=True, slots=True)
class ShareChange:
    """The change of the share of a histogram's observations over a bound.

    Attributes:
        bound: In `unit`.
        difference: Candidate minus baseline, the estimate over all pairs: 0.02 are two percentage
            points.
        lower: End of its interval, by the method and the levels of the comparison; None where there
            is none yet.
    """

    bound: float
    unit: Unit
    difference: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class BudgetChange:
    """What became of a budget's indicator from the baseline to the candidate.

    Changes are relative: 0.1 is 10% worse and -0.1 is 10% better, whatever the direction.

    Attributes:
        outcome: `warn` is a failure of severity warn, or one that a waiver covers; `inconclusive`
            while there is no decision.
        decision: Of the sequential test; "continue" when the comparison ended before there was one.
        tolerance: The budget's `max_regression`.
        baseline: Median of the baseline's values, in `unit`; None without any. For the quantile of
            a histogram, shares over the bound, and `unit` is a ratio.
        estimate: Of the change; None before there is a pair.
        lower: End of the tightest interval that any look gave; None where there is none yet.
        detectable: The minimum detectable regression: what as many pairs of this noise find with
            95%.
        ratios: The log ratio of each pair; None where the pair was left out.
        decided_after: Pairs, those left out included, after which the decision fell.
        seconds: Of load until then, or until now.
        advice: Where to look first when it failed; empty otherwise.
        share_over: For the quantile of a histogram.
        whole: What both values are shares of, such as "2 cores"; empty where the name says it.
    """

    name: str
    description: str
    outcome: Outcome
    decision: SequentialDecision
    severity: Severity
    tolerance: float
    direction: Direction
    unit: Unit
    baseline: float | None
    candidate: float | None
    estimate: float | None
    lower: float | None
    upper: float | None
    detectable: float | None
    ratios: tuple[float | None, ...]
    decided_after: int | None
    seconds: float
    reason: str
    advice: str = ""
    runbook: str = ""
    line: int = 0
    share_over: ShareChange | None = None
    whole: str = ""

    @property
    def pairs(self) -> int:
        """How many pairs count."""
        return sum(ratio is not None for ratio in self.ratios)

    @property
    def left_out(self) -> int:
        """How many pairs do not."""
        return len(self.ratios) - self.pairs


@dataclass(frozen=True, slots=True)
class Omission:
    """A pair that some budgets leave out.

    Attributes:
        pair: Its number, from 1.
        guard: Name of the guard that tripped for one of the versions; empty otherwise.
    """

    pair: int
    reason: str
    budgets: tuple[str, ...]
    guard: str = ""


ControlSource = Literal["endpoint", "calibration"]
ControlOutcome = Literal["steady", "moved", "unknown"]


@dataclass(frozen=True, slots=True)
class Control:
    """What cannot change between the versions, and whether it seems to.

    Attributes:
        name: The endpoint; for identical pairs of the calibration the budget, whose verdict alone
            they concern.
        outcome: "unknown" when too few pairs count for an interval: it takes no verdict away.
        estimate: Of the relative change; None without a pair.
        lower: End of the interval; None where there is none.
        pairs: How many count.
    """

    name: str
    source: ControlSource
    outcome: ControlOutcome
    estimate: float | None
    lower: float | None
    upper: float | None
    pairs: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """All budgets together.

    Attributes:
        outcome: The worst that budgets of severity error say.
        done: Whether no further pair is needed.
        changes: One for each budget with a `max_regression`, in the file's order.
        pairs: How many were measured.
        seconds: Of load that was spent.
        controls: The endpoint that cannot change, or the identical pairs of the calibration.
        error: Why no further pair could be measured, in lines; empty when none was needed.
    """

    outcome: Outcome
    done: bool
    changes: tuple[BudgetChange, ...]
    omissions: tuple[Omission, ...]
    pairs: int
    seconds: float
    rules: Rules
    controls: tuple[Control, ...] = ()
    error: str = ""

    @property
    def never_began(self) -> bool:
        """Whether an error ended it before the first pair: there is nothing to judge."""
        return bool(self.error) and not self.pairs

    def ended_by(self, error: str) -> Comparison:
        """The comparison with the error that ended it."""
        return replace(self, error=error, outcome=self.outcome if self.pairs else "inconclusive")

    @property
    def exit_code(self) -> int:
        """0 pass or warn, 3 regression, 4 inconclusive, as a run has it."""
        return exit_code_of(self.outcome)


@dataclass(frozen=True, slots=True)
class Setting:
    """What was compared, and under which load.

    Attributes:
        baseline: Its name for people, such as "main (4f2a9c01)".
        started: Seconds since the epoch.
        harness_version: Of what compared.
        facts: Of the host and of both sides: label and text.
    """

    service: str
    scenario: str
    baseline: str
    candidate: str
    started: float
    harness_version: str
    facts: Mapping[str, str] = field(default_factory=dict)

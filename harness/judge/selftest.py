"""Whether a planted mistake was detected: a judged run against the promise of a self-test."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, assert_never

from harness.budgets.model import Selftest
from harness.errors import EXIT_BREACH, EXIT_INCONCLUSIVE, EXIT_PASS
from harness.judge.model import Judgement, Verdict

Detected = Literal["detected", "missed", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Detection:
    """The outcome of a self-test.

    Attributes:
        case: The planted mistake, with the budgets that must detect it (`breaks`); a case without
            environment is the unchanged service, which must pass.
        outcome: `detected` when the promise was kept: every budget of `breaks` breached, every
            budget of `unjudged` inconclusive in a valid run, or the unchanged service passed.
        judgement: Of the run.
        reason: Why the outcome is not `detected`; empty when it is.
    """

    case: Selftest
    outcome: Detected
    judgement: Judgement
    reason: str = ""

    @property
    def promised(self) -> tuple[Verdict, ...]:
        """The verdicts on the promised budgets, in the order of the promise."""
        found = {verdict.name: verdict for verdict in self.judgement.verdicts}
        return tuple(found[name] for name in self.case.breaks)

    @property
    def others(self) -> tuple[Verdict, ...]:
        """The other breached budgets."""
        return tuple(
            verdict
            for verdict in self.judgement.verdicts
            if verdict.outcome == "fail" and verdict.name not in self.case.breaks
        )


def detect(case: Selftest, judgement: Judgement) -> Detection:
    """Hold a judged run against the promise of its self-test."""
    if not case.environment:
        return _clean(case, judgement)
    if not case.breaks:
        return _unjudged(case, judgement)
    detection = Detection(case, "detected", judgement)
    held = _named(detection.promised, {"pass", "warn"})
    if held:
        return Detection(case, "missed", judgement, f"not breached: {held}")
    unknown = _named(detection.promised, {"inconclusive"})
    if unknown:
        return Detection(case, "inconclusive", judgement, f"could not be judged: {unknown}")
    return detection


def _clean(case: Selftest, judgement: Judgement) -> Detection:
    match judgement.outcome:
        case "pass" | "warn":
            return Detection(case, "detected", judgement)
        case "fail":
            names = _named(judgement.verdicts, {"fail"})
            return Detection(case, "missed", judgement, f"breached with nothing planted: {names}")
        case "inconclusive":
            names = _named(judgement.verdicts, {"inconclusive"})
            return Detection(case, "inconclusive", judgement, f"could not be judged: {names}")
        case _:
            assert_never(judgement.outcome)


def _unjudged(case: Selftest, judgement: Judgement) -> Detection:
    """A run that took place, in which the promised budgets, and no breach, are inconclusive."""
    if judgement.outcome != "inconclusive":
        names = _named(judgement.verdicts, {"fail"})
        reason = f"breached instead of unjudged: {names}" if names else "passed instead of unjudged"
        return Detection(case, "missed", judgement, reason)
    invalid = [g for g in judgement.guards if g.outcome == "tripped" and g.covers_every_budget]
    if invalid:
        reason = f"the run itself is not valid: {invalid[0].name}: {invalid[0].reason}"
        return Detection(case, "inconclusive", judgement, reason)
    promised = [verdict for verdict in judgement.verdicts if verdict.name in case.unjudged]
    if judged := _named(promised, {"pass", "warn", "fail"}):
        return Detection(case, "missed", judgement, f"judged instead of unjudged: {judged}")
    return Detection(case, "detected", judgement)


def exit_code(detections: Iterable[Detection]) -> int:
    """0 when everything was detected, 3 when something was missed, else 4."""
    outcomes = {detection.outcome for detection in detections}
    if "missed" in outcomes:
        return EXIT_BREACH
    return EXIT_INCONCLUSIVE if "inconclusive" in outcomes else EXIT_PASS


def _named(verdicts: Iterable[Verdict], outcomes: Collection[str]) -> str:
    return ", ".join(verdict.name for verdict in verdicts if verdict.outcome in outcomes)

"""Whether a diagnosis names the cause that a self-test planted, and none where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.budgets.dialects.model import Recognition
from harness.budgets.model import Budget, Selftest
from harness.diagnose.diagnose import diagnose
from harness.diagnose.model import Cause, Diagnosis
from harness.diagnose.questions import question_of
from harness.judge.model import Judgement, Verdict
from harness.runs.model import Evidence
from harness.runs.recording.recording import Recording

TIGHT: Final = 0.7  # of the measured value: a bound that is too tight


@dataclass(frozen=True, slots=True)
class CauseHit:
    """Where a planted cause stands among the causes that were named.

    Attributes:
        case: The name of the self-test.
        expected: A part of the text or of the place of its cause.
        rank: Its best place in the lists of the promised budgets, from 1; None when it is in none.
        first: What was named first; empty when nothing was.
    """

    case: str
    expected: str
    rank: int | None
    first: str


def hit_of(case: Selftest, diagnosis: Diagnosis) -> CauseHit:
    """The place of a self-test's cause in the explanations of the budgets that it breaks."""
    explained = [one for one in diagnosis.explanations if one.budget in case.breaks]
    ranks = [
        rank
        for explanation in explained
        for rank, cause in enumerate(explanation.causes, 1)
        if _fits(cause, case.cause)
    ]
    named = (cause.what for explanation in explained for cause in explanation.causes[:1])
    return CauseHit(case.name, case.cause, min(ranks, default=None), next(named, ""))


def _fits(cause: Cause, expected: str) -> bool:
    return expected in f"{cause.what} {cause.place}"


@dataclass(frozen=True, slots=True)
class FalseCauses:
    """Causes that were named though nothing was planted.

    Attributes:
        budgets: How many budgets were explained, each with a bound that the service cannot meet.
        named: The budgets with a cause, and the first cause of each.
    """

    budgets: int = 0
    named: tuple[tuple[str, str], ...] = ()


def false_causes(
    judgement: Judgement,
    budgets: Sequence[Budget],
    evidence: Evidence,
    recording: Recording,
    roles: Recognition,
) -> FalseCauses:
    """The causes of breaches that are due to bounds that are too tight, in a sound service.

    Each budget that has a value and a rule gets a bound of `TIGHT` of its value. Other processes
    that use the CPUs are no false cause: they are there, and not in the service.

    Args:
        judgement: Of a run without a planted mistake.
        budgets: Of the run.
        evidence: Of the judged window.
        recording: Of the time after it.
        roles: What the service's metrics mean.
    """
    values = {one.name: _value(one) for one in judgement.verdicts}
    tight = [
        replace(one, bound=values[one.name] * (TIGHT if one.direction == "max" else 1 / TIGHT))
        for one in budgets
        if values.get(one.name) and question_of(one, roles) not in {"nothing", "errors"}
    ]
    names = {one.name for one in tight}
    breached = replace(
        judgement,
        verdicts=tuple(
            replace(one, outcome="fail") for one in judgement.verdicts if one.name in names
        ),
    )
    found = diagnose(breached, tight, evidence, recording, roles).explanations
    # A busy machine is named after all causes in the service, and is none of them.
    named = tuple(
        (one.budget, one.causes[0].what)
        for one in found
        if one.causes and one.causes[0].kind != "machine"
    )
    return FalseCauses(len(found), named)


def _value(verdict: Verdict) -> float:
    """What was measured; of a bucket its lower end; 0 if that is not known."""
    if verdict.value is not None:
        return verdict.value
    return verdict.bucket[0] if verdict.bucket else 0.0


def count_within(hits: Iterable[CauseHit], places: int) -> int:
    """How many planted causes are among the first `places`."""
    return sum(hit.rank is not None and hit.rank <= places for hit in hits)

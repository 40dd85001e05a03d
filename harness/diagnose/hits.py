"""Whether a diagnosis names the cause that a self-test planted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.budgets.model import Selftest
from harness.diagnose.model import Cause, Diagnosis


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


def count_within(hits: Iterable[CauseHit], places: int) -> int:
    """How many planted causes are among the first `places`."""
    return sum(hit.rank is not None and hit.rank <= places for hit in hits)

"""The causes of a breach, in a few lines for all reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness.diagnose.model import Cause, Diagnosis, Explanation
from harness.report.parts.failures import FailureNotes
from harness.report.parts.safe import clean

_WHAT = 160  # characters of a statement or a message
_PLACE = 120


def with_causes(notes: FailureNotes, diagnosis: Diagnosis | None) -> FailureNotes:
    """The notes below the budgets, with the causes of each breach before them."""
    if diagnosis is None:
        return notes
    of_budgets = dict(notes.of_budgets)
    for one in diagnosis.explanations:
        of_budgets[one.budget] = [*cause_lines(one), *of_budgets.get(one.budget, ())]
    return replace(notes, of_budgets=of_budgets)


def cause_lines(explanation: Explanation) -> Iterator[str]:
    """At most five lines: two for the first cause, one for each other, and what is left."""
    if not explanation.causes:
        yield f"cause: not known; {explanation.note}"
        if explanation.parts:
            shares = "; ".join(f"{one.share:.0%} {what_text(one)}" for one in explanation.parts)
            yield f"the largest parts: {shares}"
        return
    for number, cause in enumerate(explanation.causes):
        about = f" of {explanation.about}" if number == 0 else ""
        title = "cause" if number == 0 else "and"
        yield f"{title}: {cause.share:.0%}{about}: {what_text(cause)}"
        if number == 0:
            yield f"  {details(cause)}"
    if explanation.unexplained and round(explanation.unexplained, 2) > 0:
        yield f"other: {explanation.unexplained:.0%}, in parts that are each too small"


def what_text(cause: Cause) -> str:
    """Such as "SELECT name FROM companies WHERE id = ?" or "load() in app/contacts.py:85"."""
    place = f" in {clean(cause.place, _PLACE)}" if cause.place else ""
    service = f" of the service {clean(cause.service, _PLACE)}" if cause.service else ""
    what = clean(cause.what, _WHAT)
    if cause.kind == "retry":
        what = f"retries of {what}"
    return f"{what}{place}{service}"


def details(cause: Cause) -> str:
    """The numbers behind a cause, its interval and the next step."""
    exact = cause.lower == cause.upper
    interval = "" if exact else f" (95%: {cause.lower:.0%} to {cause.upper:.0%})"
    sign = f"; {cause.sign}" if cause.sign else ""
    advice = f"; {cause.advice}" if cause.advice else ""
    return f"{cause.evidence}{interval}{sign}{advice}"

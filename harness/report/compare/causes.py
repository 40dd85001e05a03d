"""The causes of a regression, in a few lines for all reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from harness.diagnose.compare.comparison import ComparedExplanation, ComparisonDiagnosis
from harness.diagnose.compare.request_parts import RegressionCause
from harness.diagnose.model import Cause
from harness.report.parts.causes import details, what_text
from harness.report.parts.safe import clean

_PLACE = 120  # characters of a place
_FEW = 2  # lines on causes in a comment


def regression_notes(
    diagnosis: ComparisonDiagnosis | None, *, few: bool = False
) -> Mapping[str, list[str]]:
    """The causes of each regression by the name of the budget; `few` is for a comment."""
    if diagnosis is None:
        return {}
    write = few_lines if few else regression_lines
    return {one.budget: list(write(one)) for one in diagnosis.explanations}


def regression_lines(explanation: ComparedExplanation) -> Iterator[str]:
    """At most eight lines: two for each cause, what changed, and what is not explained.

    What changed stands behind the first line, because a report may cut what is long.
    """
    changed = [f"changed in this branch: {changed_places(explanation)}"] * bool(explanation.changed)
    if not explanation.causes:
        yield f"cause: not known; {explanation.note}"
        yield from changed
    for number, cause in enumerate(explanation.causes):
        about = f" of {explanation.about}" if number == 0 else ""
        title = "cause" if number == 0 else "and"
        yield f"{title}: {cause.share:.0%}{about}: {changed_text(cause)}"
        if number == 0:
            yield from changed
        yield f"  {details(cause)}"
    if explanation.causes and explanation.unexplained and round(explanation.unexplained, 2) > 0:
        yield f"other: {explanation.unexplained:.0%}, in parts that are each too small"


def few_lines(explanation: ComparedExplanation) -> Iterator[str]:
    """The first cause in two lines, and what changed."""
    number = _FEW + bool(explanation.changed and explanation.causes)
    yield from islice(regression_lines(explanation), number)


def changed_text(cause: Cause) -> str:
    """The cause with what the branch changed there."""
    changed = cause.changed if isinstance(cause, RegressionCause) else ""
    return f"{what_text(cause)}, {changed}" if changed else what_text(cause)


def changed_places(explanation: ComparedExplanation) -> str:
    """Such as "orders() in store.py:45, on the stack in 117 samples, 7 before"."""
    return "; ".join(
        f"{f'{one.function}() in ' if one.function else ''}{clean(one.place, _PLACE)}, {one.why}"
        for one in explanation.changed
    )

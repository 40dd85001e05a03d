"""junit.xml of a comparison: one testcase a budget, structured as that of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.judge.compare.model import BudgetChange, Comparison, Setting
from harness.report.compare import words as wording
from harness.report.parts.junit import document, is_red, testcase, whole


def compare_junit(
    comparison: Comparison,
    setting: Setting,
    *,
    exit_code: int,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The content of junit.xml.

    A regression is a `failure`, an inconclusive budget of severity error an `error`. A comparison
    that failed without a red budget gets a testcase named "comparison" with an error; one that
    never began has only this testcase.

    Args:
        comparison: The outcome and the changes.
        setting: The compared versions.
        exit_code: The exit code of the command.
        notes: Lines below the reason, by the name of the budget.
    """
    headline = wording.headline(comparison)
    name = f"{setting.service}.{setting.scenario}.compare"
    cases = [
        testcase(
            *(change, name),
            breach="regression",
            figures=_figures(change),
            notes=(notes or {}).get(change.name, ()),
        )
        for change in comparison.changes
        if not comparison.never_began
    ]
    reason = wording.failure(comparison)
    if comparison.never_began:
        cases.append(whole("comparison", name, comparison.outcome, reason[0], "\n".join(reason)))
    elif exit_code and not is_red(cases):
        cases.append(whole("comparison", name, comparison.outcome, headline))
    sides = {"baseline": setting.baseline, "candidate": setting.candidate}
    return document(
        *(name, cases, {**sides, "pairs": str(comparison.pairs), **setting.facts}),
        started=setting.started,
        seconds=comparison.seconds,
        output=[headline]
        if comparison.never_began
        else [
            *([wording.RULE] if comparison.changes else []),
            *(["\n".join(("error: " + reason[0], *reason[1:]))] if reason else []),
            *(f"left out: {text}" for text in wording.left_out(comparison)),
        ],
    )


def _figures(change: BudgetChange) -> str:
    values = (wording.side_text(change, value) for value in (change.baseline, change.candidate))
    detectable = "" if change.detectable is None else wording.share_text(change.detectable)
    parts = (
        wording.regression_text(change),
        f"{wording.share_text(change.tolerance)} tolerated",
        detectable and f"minimum detectable {detectable}",
        "" if change.estimate is None else " -> ".join(values),
        wording.counted_pairs(change),
        f"{wording.seconds_text(change.seconds)} of load",
    )
    return ", ".join(filter(None, parts))

"""junit.xml of two compared capacities: one testcase."""

from __future__ import annotations

from harness.judge.capacity.compare import CapacityComparison
from harness.judge.capacity.model import CapacitySetting
from harness.report.capacity import compare_words as wording
from harness.report.capacity.words import capacity_text, gave_way_texts
from harness.report.parts.junit import document, is_red, testcase, whole


def capacity_compare_junit(
    comparison: CapacityComparison, setting: CapacitySetting, *, exit_code: int
) -> str:
    """The content of junit.xml: a regression is a `failure`, an undecided change an `error`.

    Args:
        comparison: The result.
        setting: What was searched.
        exit_code: The exit code of the command.
    """
    name = f"{setting.service}.{setting.scenario}.capacity"
    sides = (("baseline", comparison.baseline), ("candidate", comparison.candidate))
    figures = f"change {wording.total_change(comparison)}"
    notes = [f"{side}: {text}" for side, found in sides for text in gave_way_texts(found)]
    cases = [testcase(comparison.check, name, breach="regression", figures=figures, notes=notes)]
    if exit_code and not is_red(cases):
        cases.append(whole("searches", name, comparison.outcome, comparison.headline))
    capacities = {side: capacity_text(found) for side, found in sides}
    return document(
        *(name, cases, {**capacities, "commit": setting.commit, **setting.facts}),
        started=setting.started,
        seconds=setting.seconds,
        output=[wording.RULE, *(f"left out: {text}" for text in setting.left_out)],
    )

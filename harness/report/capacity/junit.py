"""junit.xml of a search for the capacity: one testcase for each bound, or one for the search."""

from __future__ import annotations

from harness.judge.capacity.model import Capacity, CapacitySetting
from harness.judge.model import Verdict
from harness.report.capacity import words as wording
from harness.report.parts.junit import document, is_red, testcase, whole
from harness.units import Unit

SEARCH = "capacity"


def capacity_junit(capacity: Capacity, setting: CapacitySetting, *, exit_code: int) -> str:
    """The content of junit.xml.

    A capacity below its bound is a `failure`, an undecided one an `error`. Without a bound the
    search itself is the testcase.

    Args:
        capacity: The result.
        setting: What was searched.
        exit_code: The exit code of the command.
    """
    name = f"{setting.service}.{setting.scenario}.capacity"
    checks = capacity.checks or (_search(capacity),)
    notes = wording.gave_way_texts(capacity)
    notes += [f"short of {text}" for text in capacity.short_of]
    figures = wording.capacity_text(capacity)
    cases = [testcase(one, name, breach="breach", figures=figures, notes=notes) for one in checks]
    if exit_code and not is_red(cases):
        cases.append(whole("search", name, capacity.outcome, capacity.headline))
    return document(
        *(name, cases, {"capacity": figures, "commit": setting.commit, **setting.facts}),
        started=setting.started,
        seconds=setting.seconds,
        output=[
            wording.RULE,
            *(f"error: {one.reason}" for one in capacity.searches if one.reason),
            *(f"left out: {text}" for text in setting.left_out),
        ],
    )


def _search(capacity: Capacity) -> Verdict:
    """The search as a verdict without a bound."""
    return Verdict(
        name=SEARCH,
        description="the highest rate at which every budget holds",
        outcome=capacity.outcome,
        severity="error",
        value=capacity.lower,
        lower=capacity.lower,
        upper=capacity.upper,
        bound=0.0,
        direction="min",
        unit=Unit.PER_SECOND,
        margin=None,
        samples=0,
        source="",
        reason=capacity.headline,
    )

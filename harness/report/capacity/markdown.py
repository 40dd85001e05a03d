"""summary.md of a search for the capacity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness import names
from harness.judge.capacity.model import Capacity, CapacitySetting
from harness.report.capacity import words as wording
from harness.report.parts.markdown import (
    SIGNS,
    TEXT,
    and_more,
    details,
    document,
    heading,
    reason_list,
)
from harness.report.parts.safe import code, prose
from harness.report.parts.words import clean, value_text, worst_first
from harness.units import Unit

MOST_STEPS = 100
_MOST = 20
_FACT = 1000  # characters shown of each


def capacity_markdown(capacity: Capacity, setting: CapacitySetting) -> str:
    """The content of summary.md, always under 1 MiB."""
    headline = f"{clean(capacity.headline, TEXT)}; {wording.cost(capacity, setting)}"
    return document(
        heading(capacity.outcome, wording.title(setting), headline),
        reason_list(worst_first(capacity.checks), _MOST, names.CAPACITY_FILE),
        text_list(wording.GAVE_WAY, wording.gave_way_texts(capacity)),
        text_list(wording.SHORT_OF, wording.short_of_texts(capacity)),
        text_list(wording.UNJUDGED, wording.unjudged_texts(capacity)),
        text_list("Searches", wording.search_texts(capacity)),
        text_list("Budgets left out", setting.left_out),
        _steps(capacity),
        details("Search", _facts(setting)),
    )


def text_list(title: str, texts: Sequence[str], where: str = names.CAPACITY_FILE) -> Iterator[str]:
    """A list below a title; nothing without texts.

    Args:
        title: The title.
        texts: The texts.
        where: The file with all of them.
    """
    if not texts:
        return
    yield from (f"### {title}", "")
    yield from (f"- {prose(clean(text, TEXT))}" for text in texts[:_MOST])
    yield ""
    yield from and_more(len(texts) - _MOST, f"in {where}")


def _steps(capacity: Capacity) -> Iterator[str]:
    if not capacity.steps:
        return
    yield from ("### Steps", "", "| rate | result | p95 | errors | answered | cores | because of |")
    yield f"| ---: | --- |{' ---: |' * 4} --- |"
    ordered = sorted(capacity.steps, key=lambda step: step.rate)
    for step in ordered[:MOST_STEPS]:
        cells = (
            wording.rate_text(step.rate),
            f"{SIGNS[wording.outcome_of(step.result)]} {wording.result_text(step.result)}",
            value_text(step.p95, Unit.SECONDS),
            value_text(step.error_ratio, Unit.RATIO),
            wording.rate_text(step.answered),
            wording.cpu_text(step),
            code(clean(step.reason, TEXT)),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield from and_more(len(ordered) - MOST_STEPS, "steps in capacity.json")
    yield from (wording.RULE, "")


def _facts(setting: CapacitySetting) -> Iterator[str]:
    yield from (
        f"- {prose(clean(label, 60))}: {prose(clean(text, _FACT))}"
        for label, text in wording.facts(setting)
    )
    yield ""

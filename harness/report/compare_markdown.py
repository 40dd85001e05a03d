"""The summary of a comparison for CI step summaries and pull-request comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness import names
from harness.judge.comparison import Change, Comparison
from harness.report import compare_wording as wording
from harness.report.compare_wording import Setting
from harness.report.markdown import MOST_BUDGETS, MOST_REASONS
from harness.report.markdown_parts import (
    SIGNS,
    TEXT,
    and_more,
    code,
    details,
    prose,
    sentence,
    why,
)
from harness.report.wording import by_trouble, clean, value_text

MOST_OMISSIONS = 30
_FACT = 1000  # characters shown of each


def compare_markdown(comparison: Comparison, setting: Setting) -> str:
    """The content of summary.md, under 1 MiB whatever is compared."""
    changes, outcome = by_trouble(comparison.changes), comparison.outcome
    lines = [
        f"## {SIGNS[outcome]} {outcome.upper()}: {prose(wording.title(setting))}",
        "",
        sentence(f"{wording.headline(comparison)}; {wording.cost(comparison)}"),
        "",
        *_budgets(changes),
        *why(changes, MOST_REASONS, names.COMPARE_FILE),
        *_left_out(comparison),
        *details("Comparison", _facts(comparison, setting)),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _budgets(changes: Sequence[Change]) -> Iterator[str]:
    if not changes:
        return
    yield (
        "| outcome | budget | worse by | interval | tolerated | could see | pairs | baseline"
        " | candidate | load |"
    )
    yield f"| --- | --- | ---: | --- |{' ---: |' * 6}"
    for change in changes[:MOST_BUDGETS]:
        cells = (
            f"{SIGNS[change.outcome]} {change.outcome}",
            code(change.name),
            wording.estimate_text(change),
            prose(wording.range_text(change)),
            wording.share_text(change.tolerance),
            wording.share_text(change.detectable),
            wording.pairs_text(change),
            value_text(change.baseline, change.unit),
            value_text(change.candidate, change.unit),
            wording.seconds_text(change.seconds),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield from and_more(len(changes) - MOST_BUDGETS, "budgets in compare.json")


def _left_out(comparison: Comparison) -> Iterator[str]:
    found = wording.left_out(comparison)
    if not found:
        return
    yield "### Pairs left out"
    yield ""
    yield from (f"- {prose(clean(text, TEXT))}" for text in found[:MOST_OMISSIONS])
    yield ""
    yield from and_more(len(found) - MOST_OMISSIONS, "in compare.json")


def _facts(comparison: Comparison, setting: Setting) -> Iterator[str]:
    yield from (
        f"- {prose(clean(label, 60))}: {prose(clean(text, _FACT))}"
        for label, text in wording.facts(comparison, setting)
    )
    yield ""

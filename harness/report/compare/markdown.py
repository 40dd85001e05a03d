"""compare.md for the step summary of a CI job, and comment.md for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness import names
from harness.judge.compare.model import BudgetChange, Comparison, Setting
from harness.report.compare import words as wording
from harness.report.parts.markdown import (
    SIGNS,
    TEXT,
    and_more,
    block,
    details,
    document,
    fitted,
    heading,
    marker,
    reason_list,
)
from harness.report.parts.safe import code, prose
from harness.report.parts.words import clean, worst_first
from harness.report.run.markdown import MOST_BUDGETS, MOST_LINES, MOST_REASONS

MOST_OMISSIONS = 30
_FACT = 1000  # characters shown of each


def compare_markdown(
    comparison: Comparison,
    setting: Setting,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The content of compare.md, always under 1 MiB.

    Args:
        comparison: The outcome and the changes.
        setting: The compared versions.
        notes: Lines below the reason, by the name of the budget.
    """
    changes = _shown(comparison)
    return document(
        _heading(comparison, setting),
        _error(comparison),
        _budgets(changes, MOST_BUDGETS),
        reason_list(changes, MOST_REASONS, names.COMPARE_FILE, notes),
        _left_out(comparison),
        details("Comparison", _facts(comparison, setting)),
    )


def compare_comment(
    comparison: Comparison,
    setting: Setting,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The content of comment.md, always within the limit of a comment.

    Args:
        comparison: The outcome and the changes.
        setting: The compared versions.
        notes: Lines below the reason, by the name of the budget. With them the comment has as few
            budgets as make it `MOST_LINES` lines long.
    """
    changes = _shown(comparison)

    def write(most: int) -> str:
        return document(
            [marker("compare", setting.service, setting.scenario)],
            _heading(comparison, setting),
            _error(comparison),
            _budgets(changes, most),
            reason_list(changes, most, names.COMPARE_FILE, notes),
        )

    if not notes:
        return fitted(write, MOST_REASONS)
    texts = (write(most) for most in range(min(len(changes), MOST_REASONS), 0, -1))
    return next((text for text in texts if text.count("\n") <= MOST_LINES), write(1))


def _shown(comparison: Comparison) -> list[BudgetChange]:
    """The budgets, the worst first; none when there is nothing to say about them."""
    return [] if comparison.never_began else worst_first(comparison.changes)


def _error(comparison: Comparison) -> Iterator[str]:
    yield from block(wording.failure(comparison, TEXT)[:MOST_REASONS])


def _heading(comparison: Comparison, setting: Setting) -> Iterator[str]:
    headline = f"{wording.headline(comparison)}; {wording.cost(comparison)}"
    return heading(comparison.outcome, wording.title(setting), headline)


def _budgets(changes: Sequence[BudgetChange], most: int) -> Iterator[str]:
    if not changes:
        return
    yield (
        "| outcome | budget | regression | interval | tolerated | min. detectable | pairs"
        " | baseline | candidate | load |"
    )
    yield f"| --- | --- | ---: | --- |{' ---: |' * 6}"
    for change in changes[:most]:
        cells = (
            f"{SIGNS[change.outcome]} {change.outcome}",
            code(change.name),
            wording.estimate_text(change),
            prose(wording.range_text(change)),
            wording.share_text(change.tolerance),
            wording.share_text(change.detectable),
            wording.pairs_text(change),
            wording.side_text(change, change.baseline),
            wording.side_text(change, change.candidate),
            wording.seconds_text(change.seconds),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield from and_more(len(changes) - most, "budgets in compare.json")
    yield wording.RULE
    yield ""


def _left_out(comparison: Comparison) -> Iterator[str]:
    texts = wording.left_out(comparison)
    if not texts:
        return
    yield "### Pairs left out"
    yield ""
    yield from (f"- {prose(clean(text, TEXT))}" for text in texts[:MOST_OMISSIONS])
    yield ""
    yield from and_more(len(texts) - MOST_OMISSIONS, "in compare.json")


def _facts(comparison: Comparison, setting: Setting) -> Iterator[str]:
    yield from (
        f"- {prose(clean(label, 60))}: {prose(clean(text, _FACT))}"
        for label, text in wording.facts(comparison, setting)
    )
    yield ""

"""The report of a comparison for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from harness import names
from harness.judge.compare.model import BudgetChange, Comparison, Setting
from harness.report.compare import words as wording
from harness.report.parts.console import NAME, STYLES, end, listed, reason_parts
from harness.report.parts.terminal import Column, render, table
from harness.report.parts.words import clean, worst_first

MOST_OMISSIONS = 5


def compare_report(
    comparison: Comparison,
    setting: Setting,
    *,
    width: int,
    color: bool,
    exit_code: int,
    folder: str | None = None,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The regression of each budget, the worst first, with reasons and pairs left out.

    Args:
        comparison: The outcome and the changes.
        setting: The compared versions.
        width: Cells of the terminal, at least 40; no line is longer.
        color: Colours and line drawing for a terminal; otherwise plain ASCII lines.
        exit_code: The exit code of the command.
        folder: The folder of the comparison.
        notes: Lines below the reason, by the name of the budget.
    """
    ending = end(comparison.outcome, wording.headline(comparison), exit_code, folder)
    if comparison.never_began:  # the caller prints the error
        return render(ending, width=width, color=color)
    changes = worst_first(comparison.changes)
    parts: list[RenderableType] = [Text(wording.title(setting), "bold")]
    parts += [Text(wording.cost(comparison)), *([Text(wording.RULE)] if changes else []), ""]
    if changes:
        parts += [table(_columns(changes), name=1, width=width, color=color), ""]
    parts += reason_parts(changes, notes, cut_details=True)
    omitted = wording.left_out(comparison)
    if comparison.controls:
        parts += [Text(f"Control: {wording.control_text(comparison)}"), ""]
    parts += listed("Pairs left out", omitted, MOST_OMISSIONS, names.COMPARE_FILE)
    parts += ending
    return render(parts, width=width, color=color)


def _columns(changes: Sequence[BudgetChange]) -> list[Column]:
    return [
        Column(
            "outcome",
            [c.outcome.upper() for c in changes],
            styles=[STYLES[c.outcome] for c in changes],
        ),
        Column("budget", [clean(c.name, NAME) for c in changes]),
        Column("regression", [wording.estimate_text(c) for c in changes], right=True),
        Column("interval", [wording.range_text(c) for c in changes], gives_way=2),
        Column(
            "tolerated", [wording.share_text(c.tolerance) for c in changes], right=True, gives_way=1
        ),
        Column(
            "min. detectable",
            [wording.share_text(c.detectable) for c in changes],
            right=True,
            gives_way=4,
        ),
        Column("pairs", [wording.pairs_text(c) for c in changes], right=True, gives_way=3),
        Column("load", [wording.seconds_text(c.seconds) for c in changes], right=True, gives_way=7),
        Column(
            "baseline",
            [wording.side_text(c, c.baseline) for c in changes],
            right=True,
            gives_way=6,
        ),
        Column(
            "candidate",
            [wording.side_text(c, c.candidate) for c in changes],
            right=True,
            gives_way=5,
        ),
    ]

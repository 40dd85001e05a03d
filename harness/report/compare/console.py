"""The report that a person reads at the end of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from harness import names
from harness.judge.compare.model import Change, Comparison, Setting
from harness.report.compare import words as wording
from harness.report.parts.console import NAME, STYLES, end, listed, why
from harness.report.parts.terminal import Column, render, table
from harness.report.parts.words import clean, value_text, worst_first

MOST_OMISSIONS = 5


def compare_report(
    comparison: Comparison,
    setting: Setting,
    *,
    width: int,
    color: bool,
    exit_code: int,
    folder: str | None = None,
) -> str:
    """Each budget's change, the worst first, and all that is needed to act on it.

    Args:
        comparison: What was decided.
        setting: On what.
        width: Cells of the terminal; no line is longer, down to 40.
        color: Colours and line drawing for a terminal; without them no control codes.
        exit_code: What the command ends with.
        folder: Where the comparison is stored.
    """
    changes = worst_first(comparison.changes)
    parts: list[RenderableType] = [Text(wording.title(setting), "bold")]
    parts += [Text(wording.cost(comparison)), ""]
    if changes:
        parts += [table(_columns(changes), name=1, width=width, color=color), ""]
    parts += why(changes)
    omitted = wording.left_out(comparison)
    parts += listed("Pairs left out", omitted, MOST_OMISSIONS, names.COMPARE_FILE)
    parts += end(comparison.outcome, wording.headline(comparison), exit_code, folder)
    return render(parts, width=width, color=color)


def _columns(changes: Sequence[Change]) -> list[Column]:
    return [
        Column(
            "outcome",
            [c.outcome.upper() for c in changes],
            styles=[STYLES[c.outcome] for c in changes],
        ),
        Column("budget", [clean(c.name, NAME) for c in changes]),
        Column("worse by", [wording.estimate_text(c) for c in changes], right=True),
        Column("interval", [wording.range_text(c) for c in changes], gives_way=2),
        Column(
            "tolerated", [wording.share_text(c.tolerance) for c in changes], right=True, gives_way=1
        ),
        Column(
            "could see",
            [wording.share_text(c.detectable) for c in changes],
            right=True,
            gives_way=4,
        ),
        Column("pairs", [wording.pairs_text(c) for c in changes], right=True, gives_way=3),
        Column("load", [wording.seconds_text(c.seconds) for c in changes], right=True, gives_way=7),
        Column(
            "baseline", [value_text(c.baseline, c.unit) for c in changes], right=True, gives_way=6
        ),
        Column(
            "candidate", [value_text(c.candidate, c.unit) for c in changes], right=True, gives_way=5
        ),
    ]

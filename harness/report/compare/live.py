"""The progress of a comparison: a line for a log, a view for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from harness.judge.compare.model import BudgetChange, Comparison
from harness.report.compare import words as wording
from harness.report.parts.console import NAME, STYLES
from harness.report.parts.terminal import Column, table
from harness.report.parts.words import NO_DATA, clean, worst_first

_NAME = 40  # characters shown of a budget's name in a line
_MOST_BUDGETS = 12  # in a view


def compare_line(comparison: Comparison, width: int) -> str:
    """One line of at most `width` characters, after each pair.

    Such as `pair 5 | p95 +1.2% (-4.0% .. +6.1%) of 10% | 2 of 3 decided | 38 s of load`. It
    shows the undecided budget that is closest to its tolerance. Fields that do not fit are left out
    as a whole.
    """
    changes = comparison.changes
    undecided = [change for change in changes if change.decision == "continue"]
    fields = [f"pair {comparison.pairs}"]
    if shown := undecided or list(changes):
        fields.append(_closest(max(shown, key=_nearness)))
    if len(changes) > 1:
        fields.append(f"{len(changes) - len(undecided)} of {len(changes)} decided")
    fields.append(f"{wording.seconds_text(comparison.seconds)} of load")
    while len(line := " | ".join(fields)) > width and len(fields) > 1:
        fields.pop()
    return line[: max(0, width)]


def compare_view(comparison: Comparison, width: int) -> RenderableType:
    """The budgets with their regression until now, the worst and the undecided first."""
    changes = worst_first(comparison.changes)[:_MOST_BUDGETS]
    load = wording.seconds_text(comparison.seconds)
    progress = f"pair {comparison.pairs} of at most {comparison.rules.most}, {load} of load"
    head = Text(progress, "bold")
    if not changes:
        return head
    decided = [change.decision != "continue" for change in changes]
    columns = [
        Column(
            "outcome",
            [c.outcome.upper() if d else "..." for c, d in zip(changes, decided, strict=True)],
            styles=[STYLES[c.outcome] if d else "" for c, d in zip(changes, decided, strict=True)],
        ),
        Column("budget", [clean(c.name, NAME) for c in changes]),
        Column("regression", [wording.estimate_text(c) for c in changes], right=True),
        Column("interval", [wording.range_text(c) for c in changes], gives_way=2),
        Column(
            "tolerated", [wording.share_text(c.tolerance) for c in changes], right=True, gives_way=1
        ),
    ]
    return Group(head, table(columns, name=1, width=width, color=True))


def _nearness(change: BudgetChange) -> float:
    return (change.estimate or 0.0) / change.tolerance


def _closest(change: BudgetChange) -> str:
    interval = wording.range_text(change)
    shown = "" if interval == NO_DATA else f" ({interval})"
    tolerance = wording.share_text(change.tolerance)
    return f"{clean(change.name, _NAME)} {wording.estimate_text(change)}{shown} of {tolerance}"

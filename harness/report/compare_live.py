"""The line that shows a comparison closing in."""

from __future__ import annotations

from harness.judge.comparison import Change, Comparison
from harness.report import compare_wording as wording
from harness.report.wording import NO_DATA, clean

_NAME = 40  # characters shown of a budget's name


def compare_line(comparison: Comparison, width: int) -> str:
    """One line of at most `width` characters, after each pair.

    Such as `pair 5 | p95 +1.2% (-4.0% .. +6.1%) of 10% | 2 of 3 decided | 38 s of load`. Of the
    undecided budgets it shows the one that has come closest to its tolerance. What does not fit is
    left out field by field, never cut in the middle of a number.
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


def _nearness(change: Change) -> float:
    return (change.estimate or 0.0) / change.tolerance


def _closest(change: Change) -> str:
    interval = wording.range_text(change)
    shown = "" if interval == NO_DATA else f" ({interval})"
    tolerance = wording.share_text(change.tolerance)
    return f"{clean(change.name, _NAME)} {wording.estimate_text(change)}{shown} of {tolerance}"

"""The report of two compared capacities for a terminal."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from harness import names
from harness.judge.capacity.compare import CapacityComparison
from harness.judge.capacity.model import CapacitySetting
from harness.report.capacity import compare_words as wording
from harness.report.capacity.words import gave_way_texts, short_of_texts
from harness.report.parts.console import STYLES, end, indented, listed, reason_parts
from harness.report.parts.terminal import Column, render, table
from harness.report.parts.words import clean

_MOST = 4  # lines of each list


def capacity_compare_report(
    comparison: CapacityComparison,
    setting: CapacitySetting,
    *,
    width: int,
    color: bool,
    exit_code: int,
    folder: str | None = None,
) -> str:
    """The capacities of each pair of searches, what gave way, and the verdict.

    Args:
        comparison: The result.
        setting: What was searched.
        width: Cells of the terminal, at least 40; no line is longer.
        color: Colours and line drawing for a terminal; otherwise plain ASCII lines.
        exit_code: The exit code of the command.
        folder: The folder of the comparison.
    """
    parts: list[RenderableType] = [
        Text(wording.pair_title(setting), "bold"),
        Text(wording.pairs_cost(comparison, setting)),
        Text(wording.RULE),
        "",
        table(_columns(comparison), name=1, width=width, color=color),
        "",
    ]
    for name, side in (("baseline", comparison.baseline), ("candidate", comparison.candidate)):
        where = f"{name}/{names.CAPACITY_FILE}"
        parts += listed(f"The {name} gave way", gave_way_texts(side), _MOST, where)
        parts += listed(f"The {name} was short of", short_of_texts(side), _MOST, where)
    where = names.CAPACITY_COMPARE_FILE
    parts += listed("Budgets left out", setting.left_out, _MOST, where)
    check = comparison.check
    if check.outcome == "pass":
        parts += [Text(f"PASS {check.name}", STYLES["pass"]), indented(check.reason), ""]
    parts += reason_parts([check] if check.outcome != "pass" else [])
    parts += end(comparison.outcome, clean(comparison.headline, 400), exit_code, folder)
    return render(parts, width=width, color=color)


def _columns(comparison: CapacityComparison) -> list[Column]:
    pairs = comparison.pairs
    return [
        Column("pair", [str(number) for number, _ in enumerate(pairs, 1)], right=True),
        Column("baseline", [wording.searched_text(pair.baseline) for pair in pairs]),
        Column("candidate", [wording.searched_text(pair.candidate) for pair in pairs]),
        Column("change", [wording.pair_change(pair) for pair in pairs], gives_way=1),
    ]

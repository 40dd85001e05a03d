"""The report of a capacity for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from harness.judge.capacity.model import Capacity, CapacitySetting, CapacityStep
from harness.report.capacity import words as wording
from harness.report.parts.console import STYLES, end, indented, listed, reason_parts
from harness.report.parts.terminal import Column, render, table
from harness.report.parts.words import clean, value_text, worst_first
from harness.units import Unit

_MOST = 8  # lines of each list


def capacity_report(
    capacity: Capacity,
    setting: CapacitySetting,
    *,
    width: int,
    color: bool,
    exit_code: int,
    folder: str | None = None,
) -> str:
    """The steps by rate, what gave way, and the capacity.

    Args:
        capacity: The result.
        setting: What was searched.
        width: Cells of the terminal, at least 40; no line is longer.
        color: Colours and line drawing for a terminal; otherwise plain ASCII lines.
        exit_code: The exit code of the command.
        folder: The folder of the search.
    """
    steps = sorted(capacity.steps, key=lambda step: step.rate)
    parts: list[RenderableType] = [
        Text(wording.title(setting), "bold"),
        Text(wording.cost(capacity, setting)),
        Text(wording.RULE),
        "",
    ]
    if steps:
        parts += [table(_columns(steps), name=2, width=width, color=color), ""]
    where = "capacity.json"
    parts += listed(
        wording.GAVE_WAY,
        wording.gave_way_texts(capacity),
        *(_MOST, where),
    )
    parts += listed(wording.SHORT_OF, wording.short_of_texts(capacity), _MOST, where)
    parts += listed(wording.UNJUDGED, wording.unjudged_texts(capacity), _MOST, where)
    parts += listed("Searches", wording.search_texts(capacity), _MOST, where)
    parts += listed("Budgets left out", setting.left_out, _MOST, where)
    parts += reason_parts(worst_first(capacity.checks))
    for check in capacity.checks:
        if check.outcome == "pass":
            parts += [Text(f"PASS {check.name}", STYLES["pass"]), indented(check.reason), ""]
    parts += end(capacity.outcome, clean(capacity.headline, 400), exit_code, folder)
    return render(parts, width=width, color=color)


def _columns(steps: Sequence[CapacityStep]) -> list[Column]:
    return [
        Column("rate", [wording.rate_text(s.rate) for s in steps], right=True),
        Column(
            "result",
            [wording.result_text(s.result).upper() for s in steps],
            styles=[STYLES[wording.outcome_of(s.result)] for s in steps],
        ),
        Column("because of", [wording.cause_text(s) for s in steps]),
        Column("p95", [value_text(s.p95, Unit.SECONDS) for s in steps], right=True, gives_way=1),
        Column(
            "errors",
            [value_text(s.error_ratio, Unit.RATIO) for s in steps],
            right=True,
            gives_way=2,
        ),
        Column("answered", [wording.rate_text(s.answered) for s in steps], right=True, gives_way=4),
        Column("cores", [wording.cpu_text(s) for s in steps], right=True, gives_way=3),
        Column(
            "measured",
            [value_text(s.seconds, Unit.SECONDS) for s in steps],
            right=True,
            gives_way=5,
        ),
    ]

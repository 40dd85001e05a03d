"""The history of runs for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from harness.report.history.history import History, Trend
from harness.report.history.words import (
    bound_text,
    breached_text,
    changes_note,
    commit_text,
    cpu_text,
    levels_text,
    regression_text,
    worse_text,
)
from harness.report.parts.console import NAME, STYLES, listed
from harness.report.parts.sparkline import sparkline
from harness.report.parts.terminal import Column, render, table
from harness.report.parts.words import NO_DATA, clean, moment, value_text
from harness.runs.results import PastRun

MOST_RUNS = 20
_MOST_LEFT_OUT = 5
_FEWEST, _OTHERS = 8, 48  # runs of a trend at least; cells of the other columns
_SPREAD = 0.2  # of the largest value: the least range of a sparkline, so that noise stays small


def history_report(
    histories: Sequence[History], left_out: Sequence[str], *, width: int, color: bool
) -> str:
    """The latest runs of each scenario, then the trend of each budget.

    Args:
        histories: At least one run each.
        left_out: The reason for each run that was left out.
        width: Cells of the terminal, at least 40; no line is longer.
        color: Colours and line drawing for a terminal; otherwise plain ASCII lines.
    """
    parts: list[RenderableType] = []
    for history in histories:
        shown = history.runs[-MOST_RUNS:]
        parts += [Text(_title(history), "bold"), ""]
        parts += [table(_runs(shown), name=1, width=width, color=color), ""]
        if history.trends:
            columns = _trends(history.trends, min(len(shown), max(_FEWEST, width - _OTHERS)))
            parts += [table(columns, name=0, width=width, color=color), ""]
        if any(trend.changes for trend in history.trends):
            parts += [table(_changes(history), name=0, width=width, color=color), changes_note()]
            parts.append("")
    parts += listed("Runs left out", left_out, _MOST_LEFT_OUT, "the folder")
    return render(parts[:-1], width=width, color=color)


def _title(history: History) -> str:
    name = clean(f"{history.service}, scenario {history.scenario}", 200)
    count = len(history.runs)
    runs = "1 run" if count == 1 else f"{count} runs"
    return f"{name}: {runs}" + (f", the latest {MOST_RUNS}" if count > MOST_RUNS else "")


def _runs(runs: Sequence[PastRun]) -> list[Column]:
    outcomes = [run.results.outcome for run in runs]
    costs = [cpu_text(run) for run in runs]
    cpu = [Column("CPU/request", costs, right=True, gives_way=4)] if {*costs} != {NO_DATA} else []
    return [
        Column("outcome", [o.upper() for o in outcomes], styles=[STYLES[o] for o in outcomes]),
        Column("run", [clean(run.folder.name, NAME) for run in runs]),
        Column("started", [moment(run.results.started) for run in runs], gives_way=2),
        Column("commit", [commit_text(run) for run in runs], gives_way=3),
        *cpu,
        Column("breached", [breached_text(run) for run in runs], right=True, gives_way=1),
    ]


def _trends(trends: Sequence[Trend], count: int) -> list[Column]:
    return [
        Column("budget", [clean(trend.name, NAME) for trend in trends]),
        Column("latest", [value_text(t.latest, t.unit) for t in trends], right=True),
        Column("bound", [bound_text(trend) for trend in trends], gives_way=3),
        Column("trend", [_sparkline(trend.values[-count:]) for trend in trends], gives_way=2),
        Column("vs. median", [regression_text(trend) for trend in trends], gives_way=1, right=True),
        Column(
            "breaches",
            [str(trend.breaches) for trend in trends],
            styles=[STYLES["fail"] if trend.breaches else "" for trend in trends],
            right=True,
            gives_way=4,
        ),
    ]


def _changes(history: History) -> list[Column]:
    """A row for each change: the budget, its levels, and the runs before and after."""
    rows = [(trend, change) for trend in history.trends for change in trend.changes]
    after = [history.runs[change.run] for _, change in rows]
    before = [history.runs[change.previous] for _, change in rows]
    effects = [worse_text(change.regression) for _, change in rows]
    return [
        Column("changed", [clean(trend.name, NAME) for trend, _ in rows]),
        Column("level", [levels_text(change, trend.unit) for trend, change in rows], gives_way=1),
        Column(
            "effect",
            effects,
            styles=[STYLES["fail"] if text.endswith("worse") else "" for text in effects],
            right=True,
        ),
        Column("commit", [commit_text(run) for run in after], gives_way=2),
        Column("from run", [clean(run.folder.name, NAME) for run in after], gives_way=3),
        Column("run before", [clean(run.folder.name, NAME) for run in before], gives_way=4),
    ]


def _sparkline(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    return sparkline(values, low=min(low, high - _SPREAD * abs(high)), high=high)

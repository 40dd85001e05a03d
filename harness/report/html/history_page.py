"""history.html: the runs of a folder, and the trend of each budget."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from harness import names
from harness.report.capacity.history import (
    CapacityHistory,
    capacity_histories,
    capacity_interval,
    changes,
    title_of,
)
from harness.report.history.changes import Change
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
from harness.report.html.document import NAME, document
from harness.report.html.panel import known, short
from harness.report.parts.words import WORST_FIRST, clean
from harness.runs.capacity import PastSearch
from harness.runs.results import PastRun
from harness.units import counted, scale_of

MOST_RUNS = 200  # the latest
MOST_CHARTS = 60  # of trends on a page; a trend without values has no chart


@dataclass(frozen=True, slots=True)
class ScenarioSection:
    """A scenario on the page: its trends, the worst latest outcome first, and their charts."""

    history: History
    trends: tuple[Trend, ...]
    charts: tuple[tuple[int, Trend], ...]

    @property
    def changes(self) -> tuple[tuple[Trend, Change, PastRun, PastRun], ...]:
        """Each change with its trend, the run before it, and the first run after it."""
        runs = self.history.runs
        return tuple(
            (trend, change, runs[change.previous], runs[change.run])
            for trend in self.trends
            for change in trend.changes
        )


@dataclass(frozen=True, slots=True)
class CapacitySection:
    """The searches of a scenario on the page, each with its change from the one before."""

    history: CapacityHistory
    changes: tuple[str, ...]

    @property
    def rows(self) -> tuple[tuple[PastSearch, str], ...]:
        """The latest searches with their changes, the latest first."""
        rows = tuple(zip(self.history.searches, self.changes, strict=True))
        return rows[-MOST_RUNS:][::-1]


def history_page(
    histories: Sequence[History],
    left_out: Sequence[str],
    place: Path = Path(),
    searches: Sequence[PastSearch] = (),
) -> str:
    """The content of history.html.

    Args:
        histories: Of runs; at least one without `searches`.
        left_out: The reason for each run and each search that was left out.
        place: The folder of the page, from which links to reports of runs are relative.
        searches: The searches for a capacity, the oldest first.
    """
    parts: list[ScenarioSection] = []
    trends: list[object] = []
    for history in histories:
        runs = history.runs[-MOST_RUNS:]
        ordered = sorted(history.trends, key=_rank)
        charted = [trend for trend in ordered if known(trend.values[-MOST_RUNS:])]
        charted = charted[: MOST_CHARTS - len(trends)]
        parts.append(
            ScenarioSection(history, tuple(ordered), tuple(enumerate(charted, len(trends))))
        )
        trends += [trend_data(trend, runs) for trend in charted]
    capacities = capacity_histories(searches)
    latest = [history.runs[-1].results.outcome for history in histories]
    latest += [history.searches[-1].capacity.outcome for history in capacities]
    charts = [capacity_data(history) for history in capacities]
    data = {"trends": trends, "capacities": charts}
    services = [*(one.service for one in histories), *(one.service for one in capacities)]
    return document(
        "history.html",
        {name: part for name, part in data.items() if part},
        title="History of " + ", ".join(dict.fromkeys(clean(one, NAME) for one in services)),
        outcome=min(latest, key=WORST_FIRST.index),
        count=sum(len(history.runs) for history in histories),
        searches=len(searches),
        capacities=[CapacitySection(one, tuple(changes(one))) for one in capacities],
        capacity_charts=charts,
        scenarios=parts,
        drawn=trends,
        left_out=left_out,
        most_runs=MOST_RUNS,
        commit_text=commit_text,
        breached_text=breached_text,
        cpu_text=cpu_text,
        bound_text=bound_text,
        regression_text=regression_text,
        worse_text=worse_text,
        levels_text=levels_text,
        changes_note=changes_note(),
        capacity_title=title_of,
        capacity_interval=capacity_interval,
        report_of=lambda run: _report_link(run.folder, place),
        search_of=lambda one: _report_link(one.path, place),
    )


def _report_link(folder: Path, place: Path) -> str:
    """The address of the report of a run or a search, relative to the folder of the page."""
    # Not by `Path.relative_to`: its `walk_up` needs Python 3.12.
    path = os.path.relpath(folder / names.REPORT_FILE, place)
    return quote(path.encode("utf-8", "surrogateescape"))


def _rank(trend: Trend) -> tuple[int, int]:
    outcome = trend.outcomes[-1]
    return len(WORST_FIRST) if outcome is None else WORST_FIRST.index(outcome), -trend.breaches


def trend_data(trend: Trend, runs: Sequence[PastRun]) -> dict[str, object]:
    """A trend as data for the script of the page.

    Args:
        trend: A trend with at least one value.
        runs: The latest runs of the trend, the oldest first.

    Returns:
        Values in the unit `suffix`; None for a run without a value.
    """
    values, outcomes = trend.values[-len(runs) :], trend.outcomes[-len(runs) :]
    factor, suffix = scale_of(max(map(abs, known(values))), trend.unit)
    bound = None
    if trend.bound is not None:
        bound = {"label": bound_text(trend), "y": short(trend.bound / factor), "near": True}
    count = counted(len(runs), "run")
    return {
        "runs": [f"{clean(run.folder.name, NAME)}, {commit_text(run)}" for run in runs],
        "values": [None if value is None else short(value / factor) for value in values],
        "outcomes": outcomes,
        "changes": _chart_changes(trend, len(runs), factor),
        "suffix": suffix,
        "bound": bound,
        "about": f"{bound_text(trend)}, {count}, latest {regression_text(trend)}",
    }


def _chart_changes(trend: Trend, count: int, factor: float) -> list[dict[str, object]]:
    """The changes in the latest runs; `run` counts them from 0."""
    left_out = len(trend.values) - count
    return [
        {
            "run": change.run - left_out,
            "levels": [short(change.before / factor), short(change.after / factor)],
            "about": f"{levels_text(change, trend.unit)}, {worse_text(change.regression)}",
        }
        for change in trend.changes
        if change.run > left_out
    ]


def capacity_data(history: CapacityHistory) -> dict[str, object]:
    """The latest capacities of a scenario as data for the script of the page, per second.

    Args:
        history: With at least one search.
    """
    shown = history.searches[-MOST_RUNS:]
    found = [one.capacity for one in shown]
    count = counted(len(shown), "search", "searches")
    return {
        "searches": [f"{clean(one.path.name, NAME)}, {one.capacity.commit[:8]}" for one in shown],
        "lower": [None if one.lower is None else short(one.lower) for one in found],
        "upper": [None if one.upper is None else short(one.upper) for one in found],
        "texts": [capacity_interval(one) for one in shown],
        "outcomes": [one.outcome for one in found],
        "about": f"{count}, the latest one {capacity_interval(shown[-1])}",
    }

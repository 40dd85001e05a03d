"""history.html: the runs of a folder, and the trend of each budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.history.history import History, Trend
from harness.report.history.words import bound_text, breached_text, commit_text, regression_text
from harness.report.html.document import NAME, document
from harness.report.html.panel import known, short
from harness.report.parts.words import WORST_FIRST, clean
from harness.runs.results import PastRun
from harness.units import scale_of

MOST_RUNS = 200  # the latest
MOST_CHARTS = 60  # of a page; a trend without values has no chart


@dataclass(frozen=True, slots=True)
class ScenarioSection:
    """A scenario on the page: its trends, the worst latest outcome first, and their charts."""

    history: History
    trends: tuple[Trend, ...]
    charts: tuple[tuple[int, Trend], ...]


def history_page(histories: Sequence[History], left_out: Sequence[str]) -> str:
    """The content of history.html.

    Args:
        histories: At least one history.
        left_out: The reason for each run that was left out.
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
    latest = [history.runs[-1].results.outcome for history in histories]
    return document(
        "history.html",
        {"trends": trends} if trends else {},
        title="History of " + ", ".join(dict.fromkeys(clean(h.service, NAME) for h in histories)),
        outcome=min(latest, key=WORST_FIRST.index),
        count=sum(len(history.runs) for history in histories),
        scenarios=parts,
        left_out=left_out,
        most_runs=MOST_RUNS,
        commit_text=commit_text,
        breached_text=breached_text,
        bound_text=bound_text,
        regression_text=regression_text,
    )


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
    return {
        "runs": [f"{clean(run.folder.name, NAME)}, {commit_text(run)}" for run in runs],
        "values": [None if value is None else short(value / factor) for value in values],
        "outcomes": outcomes,
        "suffix": suffix,
        "bound": bound,
        "about": f"{bound_text(trend)}, {len(runs)} runs, latest {regression_text(trend)}",
    }

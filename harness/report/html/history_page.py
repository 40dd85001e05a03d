"""history.html: the runs of a folder, and how each budget went over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.history.history import History, Trend
from harness.report.history.words import bound_text, breached_text, commit_text, worse_text
from harness.report.html.document import NAME, document
from harness.report.html.panel import known, short
from harness.report.parts.words import TROUBLE, clean
from harness.runs.results import PastRun
from harness.units import scale_of

MOST_RUNS = 200  # the latest
MOST_CHARTS = 60  # of a page; trends without any value have none


@dataclass(frozen=True, slots=True)
class Part:
    """A scenario on the page: its trends with the worst latest outcome first, and their charts."""

    history: History
    trends: tuple[Trend, ...]
    charts: tuple[tuple[int, Trend], ...]


def history_page(histories: Sequence[History], left_out: Sequence[str]) -> str:
    """The content of history.html.

    Args:
        histories: At least one, of at least one run each.
        left_out: Why other runs are not among them.
    """
    parts: list[Part] = []
    trends: list[object] = []
    for history in histories:
        runs = history.runs[-MOST_RUNS:]
        ordered = sorted(history.trends, key=_trouble)
        charted = [trend for trend in ordered if known(trend.values[-MOST_RUNS:])]
        charted = charted[: MOST_CHARTS - len(trends)]
        parts.append(Part(history, tuple(ordered), tuple(enumerate(charted, len(trends)))))
        trends += [trend_data(trend, runs) for trend in charted]
    latest = [history.runs[-1].results.outcome for history in histories]
    return document(
        "history.html",
        {"trends": trends} if trends else {},
        title="History of " + ", ".join(dict.fromkeys(clean(h.service, NAME) for h in histories)),
        outcome=min(latest, key=TROUBLE.index),
        count=sum(len(history.runs) for history in histories),
        scenarios=parts,
        left_out=left_out,
        most_runs=MOST_RUNS,
        commit_text=commit_text,
        breached_text=breached_text,
        bound_text=bound_text,
        worse_text=worse_text,
    )


def _trouble(trend: Trend) -> tuple[int, int]:
    outcome = trend.outcomes[-1]
    return len(TROUBLE) if outcome is None else TROUBLE.index(outcome), -trend.breaches


def trend_data(trend: Trend, runs: Sequence[PastRun]) -> dict[str, object]:
    """A trend for the page's script.

    Args:
        trend: At least one of its values is known.
        runs: The latest of those that the trend is about, the oldest first.

    Returns:
        Values in the unit that `suffix` names; None where a run has none.
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
        "about": f"{bound_text(trend)}, {len(runs)} runs, the latest {worse_text(trend)}",
    }

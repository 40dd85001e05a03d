"""Bencher's Metric Format, which `bencher run --adapter json` reads.

Format: https://bencher.dev/docs/reference/bencher-metric-format/. The scenario is the benchmark and
each budget is a measure, because a threshold belongs to a measure: a latency may not rise, a hit
ratio may not fall. Values are in base units.
"""

from __future__ import annotations

import json

from harness.report.history.history import History
from harness.report.parts.words import clean
from harness.report.run.results import number
from harness.runs.results import StoredBudget

_MEASURE, _BENCHMARK = 64, 1024  # maximum characters of their names


def bencher(history: History) -> str:
    """The budgets of the latest run with their confidence bounds; empty if none has a value."""
    stored = {budget.name: budget for budget in history.runs[-1].results.budgets}
    measures = {
        clean(trend.name, _MEASURE): {
            "value": number(trend.latest),
            **_bounds(stored[trend.name]),
        }
        for trend in history.trends
        if trend.latest is not None
    }
    if not measures:
        return ""
    document = {clean(f"{history.service} {history.scenario}", _BENCHMARK): measures}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _bounds(budget: StoredBudget) -> dict[str, float | None]:
    """The ends of the interval that are known."""
    lower, upper = budget.lower, budget.upper
    if budget.share_allowed is not None:
        lower, upper = budget.share_lower, budget.share_upper
    ends = {"lower_value": lower, "upper_value": upper}
    return {name: number(value) for name, value in ends.items() if value is not None}

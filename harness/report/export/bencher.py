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

_MEASURE, _BENCHMARK = 64, 1024  # maximum characters of their names


def bencher(history: History) -> str:
    """The budgets of the latest run with their confidence bounds; empty if none has a value."""
    stored = {budget.name: budget for budget in history.runs[-1].results.budgets}
    measures = {
        clean(trend.name, _MEASURE): {
            "value": number(trend.latest),
            **_bound("lower_value", stored[trend.name].lower),
            **_bound("upper_value", stored[trend.name].upper),
        }
        for trend in history.trends
        if trend.latest is not None
    }
    if not measures:
        return ""
    document = {clean(f"{history.service} {history.scenario}", _BENCHMARK): measures}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _bound(name: str, value: float | None) -> dict[str, float | None]:
    return {} if value is None else {name: number(value)}

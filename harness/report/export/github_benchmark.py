"""For github-action-benchmark: a JSON array of results, as its custom tools read it.

Format: https://github.com/benchmark-action/github-action-benchmark#examples, checked there by the
schema `BenchmarkResult` in src/extract.ts. A file has one direction: the budgets with a `max` are
for its tool `customSmallerIsBetter`, those with a `min` for `customBiggerIsBetter`.
"""

from __future__ import annotations

import json

from harness.budgets.model import Direction
from harness.report.history.history import History, Trend
from harness.report.parts.words import value_text
from harness.report.run.results import number
from harness.units import Unit

# One unit for all times, since a chart has one: how many of it are a base unit.
_UNITS = {
    Unit.SECONDS: ("ms", 1e3),
    Unit.RATIO: ("%", 100.0),
    Unit.BYTES: ("bytes", 1.0),
    Unit.PER_SECOND: ("1/s", 1.0),
    Unit.COUNT: ("", 1.0),
}


def benchmark(history: History, direction: Direction) -> str:
    """The latest run's budgets of one direction; empty when none of them has a value."""
    results = [
        _result(trend, trend.latest, history.scenario)
        for trend in history.trends
        if trend.direction == direction and trend.latest is not None
    ]
    return json.dumps(results, ensure_ascii=False, indent=2) + "\n" if results else ""


def _result(trend: Trend, value: float, scenario: str) -> dict[str, object]:
    unit, factor = _UNITS[trend.unit]
    bound = f"{trend.direction} {value_text(trend.bound, trend.unit)}"
    return {
        "name": f"{scenario}: {trend.name}",
        "unit": unit,
        "value": number(value * factor),
        "extra": f"{trend.outcomes[-1]}, {bound}",
    }

"""The format of github-action-benchmark: a JSON array of results for its custom tools.

Format: https://github.com/benchmark-action/github-action-benchmark#examples, with the schema
`BenchmarkResult` in src/extract.ts. A file has one direction: budgets with a `max` are for its tool
`customSmallerIsBetter`, budgets with a `min` for `customBiggerIsBetter`.
"""

from __future__ import annotations

import json
from typing import assert_never

from harness.budgets.model import Direction
from harness.report.history.history import History, Trend
from harness.report.history.words import bound_text
from harness.report.run.results import number
from harness.units import Unit


def benchmark(history: History, direction: Direction) -> str:
    """The budgets of one direction in the latest run; empty if none has a value."""
    results = [
        _result(trend, trend.latest, history.scenario)
        for trend in history.trends
        if trend.direction == direction and trend.latest is not None
    ]
    return json.dumps(results, ensure_ascii=False, indent=2) + "\n" if results else ""


def _result(trend: Trend, value: float, scenario: str) -> dict[str, object]:
    unit, factor = _scale(trend.unit)
    return {
        "name": f"{scenario}: {trend.name}",
        "unit": unit,
        "value": number(value * factor),
        "extra": f"{trend.outcomes[-1]}, {bound_text(trend)}",
    }


def _scale(unit: Unit) -> tuple[str, float]:
    """The unit of a chart, the same for all values of a kind, and its number in a base unit."""
    match unit:
        case Unit.SECONDS:
            return "ms", 1e3
        case Unit.RATIO:
            return "%", 100.0
        case Unit.BYTES:
            return "bytes", 1.0
        case Unit.PER_SECOND:
            return "1/s", 1.0
        case Unit.COUNT:
            return "", 1.0
        case _:
            assert_never(unit)

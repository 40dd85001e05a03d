"""Charts of the metrics of the service: the usual ones, and one line for each budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, assert_never

from harness import names
from harness.budgets.model import (
    Budget,
    ClientIndicator,
    Gauge,
    Indicator,
    Promql,
    Quantile,
    Rate,
    Selector,
    selectors,
)
from harness.budgets.presets import PRESETS
from harness.report.html.panel import (
    ChartBound,
    ChartChoice,
    ChartLine,
    ChartPanel,
    bound_of,
    known,
)
from harness.report.html.readings import Readings
from harness.report.parts.words import clean
from harness.units import Unit

MOST_OTHERS = 20  # charts of metrics without a subject below
_NAME = 120
# The subject of a metric by the start of its name, in the order of the charts.
_SUBJECTS = {
    "db_client_connection_": "Connection pool",
    "cache_": "Cache",
    names.CPU_SECONDS: "CPU",
    names.GENERATOR_CPU: "CPU",
    names.MEMORY_BYTES: "Memory",
    names.LOOP_LAG: "Event loop",
    "db_client_operation_": "Database",
    "http_server_": "Requests measured by the service",
    "background_task_": "Background tasks",
}
_USUAL: tuple[tuple[str, Indicator, Unit], ...] = (
    ("pool utilization", PRESETS["pool_utilization"].indicator, Unit.RATIO),
    ("hit ratio", PRESETS["cache_hit_ratio"].indicator, Unit.RATIO),
    ("service (share of one core)", Rate(Selector(names.CPU_SECONDS)), Unit.RATIO),
    ("load generator (share of one core)", Gauge(Selector(names.GENERATOR_CPU)), Unit.RATIO),
    ("resident memory", Gauge(Selector(names.MEMORY_BYTES)), Unit.BYTES),
    ("p95 lag", Quantile(Selector(names.LOOP_LAG), 0.95), Unit.SECONDS),
)


class _SubjectLine(NamedTuple):
    subject: str
    unit: Unit
    line: ChartLine
    bound: ChartBound | None = None


def service_panels(readings: Readings, budgets: Sequence[Budget]) -> list[ChartPanel]:
    """A chart for each subject and unit, in their order; a chart without data is left out."""
    order = list(dict.fromkeys(_SUBJECTS.values()))

    def place(row: _SubjectLine) -> tuple[int, str, str]:
        known_as = order.index(row.subject) if row.subject in order else len(order)
        return known_as, row.subject, row.unit

    rows = [row for row in _rows(readings, budgets) if known(row.line.values)]
    panels = _titled([_panel(group) for _, group in groupby(sorted(rows, key=place), key=place)])
    usual = [panel for panel in panels if panel.title.split(":")[0] in order]
    return usual + [panel for panel in panels if panel not in usual][:MOST_OTHERS]


def _rows(readings: Readings, budgets: Sequence[Budget]) -> Iterator[_SubjectLine]:
    measured = [b for b in budgets if not isinstance(b.indicator, ClientIndicator | Promql)]
    for label, indicator, unit in _USUAL:
        if indicator not in [budget.indicator for budget in measured]:
            yield _SubjectLine(
                _subject(indicator), unit, ChartLine(label, readings.over_time(indicator))
            )
    for budget in measured:
        line = ChartLine(clean(budget.name, _NAME), readings.over_time(budget.indicator))
        yield _SubjectLine(_subject(budget.indicator), budget.unit, line, bound_of(budget))


def _panel(rows: Iterable[_SubjectLine]) -> ChartPanel:
    group = list(rows)
    lines = tuple(row.line for row in group)
    bounds = tuple(row.bound for row in group if row.bound is not None)
    return ChartPanel(group[0].subject, group[0].unit, (ChartChoice("", lines, bounds),))


def _titled(panels: Sequence[ChartPanel]) -> list[ChartPanel]:
    """Add the quantity to the titles of a subject with several charts, such as "Cache: ratio"."""
    titles = [panel.title for panel in panels]
    return [
        ChartPanel(f"{panel.title}: {_quantity(panel.unit)}", panel.unit, panel.choices)
        if titles.count(panel.title) > 1
        else panel
        for panel in panels
    ]


def _quantity(unit: Unit) -> str:
    match unit:
        case Unit.SECONDS:
            return "time"
        case Unit.BYTES:
            return "size"
        case Unit.PER_SECOND:
            return "rate"
        case Unit.RATIO:
            return "ratio"
        case Unit.COUNT:
            return "count"
        case _:
            assert_never(unit)


def _subject(indicator: Indicator) -> str:
    metric = selectors(indicator)[0].metric
    known_as = (what for start, what in _SUBJECTS.items() if metric.startswith(start))
    return next(known_as, metric)

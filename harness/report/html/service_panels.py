"""Charts of what the service's own metrics said: the usual ones, and one line for each budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from harness import names
from harness.budgets.model import (
    CLIENT_SIDE,
    Budget,
    Gauge,
    Indicator,
    Promql,
    Quantile,
    Rate,
    Selector,
    selectors,
)
from harness.budgets.presets import PRESETS
from harness.report.html.panel import Bound, Choice, Line, Panel, bound_of, known
from harness.report.html.readings import Readings
from harness.report.parts.words import clean
from harness.units import Unit

MOST_OTHERS = 20  # charts of metrics that nobody knows here
_NAME = 120
# What a metric is about, by how its name begins, in the order of the charts.
_SUBJECTS = {
    "db_client_connection_": "Connection pool",
    "cache_": "Cache",
    names.CPU_SECONDS: "CPU",
    names.GENERATOR_CPU: "CPU",
    names.MEMORY_BYTES: "Memory",
    names.LOOP_LAG: "Event loop",
    "db_client_operation_": "Database",
    "http_server_": "Requests as the service sees them",
    "background_task_": "Background tasks",
}
_UNITS = {
    Unit.SECONDS: "time",
    Unit.BYTES: "size",
    Unit.PER_SECOND: "rate",
    Unit.RATIO: "share",
    Unit.COUNT: "number",
}
_USUAL: tuple[tuple[str, Indicator, Unit], ...] = (
    ("in use", PRESETS["pool_utilization"].indicator, Unit.RATIO),
    ("hits", PRESETS["cache_hit_ratio"].indicator, Unit.RATIO),
    ("service, of one core", Rate(Selector(names.CPU_SECONDS)), Unit.RATIO),
    ("load generator, of one core", Gauge(Selector(names.GENERATOR_CPU)), Unit.RATIO),
    ("resident", Gauge(Selector(names.MEMORY_BYTES)), Unit.BYTES),
    ("p95 of its lag", Quantile(Selector(names.LOOP_LAG), 0.95), Unit.SECONDS),
)


class _Row(NamedTuple):
    subject: str
    unit: Unit
    line: Line
    bound: Bound | None = None


def service_panels(readings: Readings, budgets: Sequence[Budget]) -> list[Panel]:
    """A chart for each subject and unit, in their order; one without any data is left out."""
    order = list(dict.fromkeys(_SUBJECTS.values()))

    def place(row: _Row) -> tuple[int, str, str]:
        known_as = order.index(row.subject) if row.subject in order else len(order)
        return known_as, row.subject, row.unit

    rows = [row for row in _rows(readings, budgets) if known(row.line.values)]
    panels = _titled([_panel(group) for _, group in groupby(sorted(rows, key=place), key=place)])
    usual = [panel for panel in panels if panel.title.split(":")[0] in order]
    return usual + [panel for panel in panels if panel not in usual][:MOST_OTHERS]


def _rows(readings: Readings, budgets: Sequence[Budget]) -> Iterator[_Row]:
    mine = [b for b in budgets if not isinstance(b.indicator, (*CLIENT_SIDE, Promql))]
    for label, indicator, unit in _USUAL:
        if indicator not in [budget.indicator for budget in mine]:
            yield _Row(_subject(indicator), unit, Line(label, readings.over_time(indicator)))
    for budget in mine:
        line = Line(clean(budget.name, _NAME), readings.over_time(budget.indicator))
        yield _Row(_subject(budget.indicator), budget.unit, line, bound_of(budget))


def _panel(rows: Iterable[_Row]) -> Panel:
    found = list(rows)
    lines = tuple(row.line for row in found)
    bounds = tuple(row.bound for row in found if row.bound is not None)
    return Panel(found[0].subject, found[0].unit, (Choice("", lines, bounds),))


def _titled(panels: Sequence[Panel]) -> list[Panel]:
    """Subjects with several charts say in each title which it is: "Cache: share"."""
    titles = [panel.title for panel in panels]
    return [
        Panel(f"{panel.title}: {_UNITS[panel.unit]}", panel.unit, panel.choices)
        if titles.count(panel.title) > 1
        else panel
        for panel in panels
    ]


def _subject(indicator: Indicator) -> str:
    metric = selectors(indicator)[0].metric
    known_as = (what for start, what in _SUBJECTS.items() if metric.startswith(start))
    return next(known_as, metric)

"""Charts of the metrics of the service: the usual ones, and one line for each budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, assert_never

from harness import names
from harness.budgets.dialects.model import MetricRole, Recognition, RoleGroup, lacking
from harness.budgets.dialects.recognise import meaning_of
from harness.budgets.model import (
    Budget,
    ClientIndicator,
    Gauge,
    Indicator,
    Promql,
    Rate,
    Selector,
    selectors,
)
from harness.budgets.presets import CATALOGUE
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
# The subject of a metric by its group of roles, in the order of the charts.
_SUBJECTS = {
    RoleGroup.POOL: "Connection pool",
    RoleGroup.CACHE: "Cache",
    MetricRole.CPU: "CPU",
    MetricRole.MEMORY: "Memory",
    RoleGroup.LOOP: "Event loop",
    RoleGroup.DATABASE: "Database",
    RoleGroup.HTTP: "Requests measured by the service",
    RoleGroup.TASKS: "Background tasks",
    RoleGroup.GC: "Garbage collection",
}
_USUAL = {
    "pool utilization": ("pool_utilization", Unit.RATIO),
    "hit ratio": ("cache_hit_ratio", Unit.RATIO),
    "p95 lag": ("event_loop_lag", Unit.SECONDS),
}


def _usual(found: Recognition) -> list[tuple[str, Indicator, Unit]]:
    """Charts that a run has without a budget, if the service has their metrics."""
    cpu, memory = (found[role] for role in (MetricRole.CPU, MetricRole.MEMORY))
    charts: list[tuple[str, Indicator, Unit]] = [
        (label, CATALOGUE[preset].make(found), unit) for label, (preset, unit) in _USUAL.items()
    ]
    if cpu:
        charts.append(("service (share of one core)", Rate(cpu.selector), Unit.RATIO))
    generator = Gauge(Selector(names.GENERATOR_CPU))
    charts.append(("load generator (share of one core)", generator, Unit.RATIO))
    if memory:
        charts.append(("resident memory", Gauge(memory.selector), Unit.BYTES))
    return [chart for chart in charts if not lacking(chart[1])]


class _SubjectLine(NamedTuple):
    subject: str
    unit: Unit
    line: ChartLine
    bound: ChartBound | None = None


def service_panels(
    readings: Readings, budgets: Sequence[Budget], found: Recognition
) -> list[ChartPanel]:
    """A chart for each subject and unit, in their order; a chart without data is left out.

    Args:
        readings: The series of the run.
        budgets: Of the run, with the metrics of its service.
        found: What plays each role in the service.
    """
    order = list(dict.fromkeys(_SUBJECTS.values()))

    def place(row: _SubjectLine) -> tuple[int, str, str]:
        known_as = order.index(row.subject) if row.subject in order else len(order)
        return known_as, row.subject, row.unit

    rows = [row for row in _rows(readings, budgets, found) if known(row.line.values)]
    panels = _titled([_panel(group) for _, group in groupby(sorted(rows, key=place), key=place)])
    usual = [panel for panel in panels if panel.title.split(":")[0] in order]
    return usual + [panel for panel in panels if panel not in usual][:MOST_OTHERS]


def _rows(
    readings: Readings, budgets: Sequence[Budget], found: Recognition
) -> Iterator[_SubjectLine]:
    measured = [b for b in budgets if not isinstance(b.indicator, ClientIndicator | Promql)]
    for label, indicator, unit in _usual(found):
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
    if metric == names.GENERATOR_CPU:
        return _SUBJECTS[MetricRole.CPU]
    meaning = meaning_of(metric)
    if meaning is None:
        return metric
    of_role = _SUBJECTS.get(meaning.role) if meaning.role else None
    return of_role or _SUBJECTS.get(meaning.group, metric)

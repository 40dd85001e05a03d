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
    Quantile,
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
from harness.units import Unit, format_quantity

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
            for line in _lines(readings, indicator, label):
                yield _SubjectLine(_subject(indicator), unit, line)
    for budget in measured:
        yield from _rows_of(readings, budget)


def _rows_of(readings: Readings, budget: Budget) -> Iterator[_SubjectLine]:
    """The chart of a budget: of a histogram's quantile, the share over the bound if it is known."""
    indicator, name = budget.indicator, clean(budget.name, _NAME)
    if isinstance(indicator, Quantile):
        share = readings.share_over_time(indicator, budget.bound)
        if known(share):
            over = f"over {format_quantity(budget.bound, budget.unit)}"
            limit = f"{budget.direction} {format_quantity(1 - indicator.quantile, Unit.RATIO)}"
            bound = ChartBound(f"{name}: {limit} {over}", 1 - indicator.quantile)
            line = ChartLine(f"{name}, share {over}", share)
            yield _SubjectLine(_subject(indicator), Unit.RATIO, line, bound)
            return
    first, *others = _lines(readings, indicator, name)
    yield _SubjectLine(_subject(indicator), budget.unit, first, bound_of(budget))
    yield from (_SubjectLine(_subject(indicator), budget.unit, line) for line in others)


def _lines(readings: Readings, indicator: Indicator, label: str) -> list[ChartLine]:
    """One line; two for the quantile of a histogram, which is known to its bucket only."""
    if not isinstance(indicator, Quantile):
        return [ChartLine(label, readings.over_time(indicator))]
    lower, upper = readings.bucket_over_time(indicator)
    return [ChartLine(f"{label}, at least", lower), ChartLine(f"{label}, at most", upper)]


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

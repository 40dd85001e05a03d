"""Charts of the metrics of the service: the usual ones, and one line for each budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from harness import names
from harness.budgets.dialects.model import MetricRole, Recognition, lacking
from harness.budgets.model import (
    Budget,
    ClientIndicator,
    Gauge,
    Indicator,
    Promql,
    Quantile,
    Rate,
    Selector,
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
from harness.report.parts.quantities import SUBJECTS, chart_title, subject_of
from harness.report.parts.words import clean
from harness.units import Unit, format_quantity

MOST_OTHERS = 20  # charts of metrics without a subject below
_NAME = 120
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
    """A line, and the indicator and the unit by which it finds its chart."""

    indicator: Indicator
    unit: Unit
    line: ChartLine
    name: str
    bound: ChartBound | None = None

    @property
    def title(self) -> str:
        return chart_title(self.indicator, self.unit, self.name)

    @property
    def place(self) -> tuple[int, str, str]:
        """The order of the charts; lines of one place are in one chart."""
        subject = subject_of(self.indicator)
        known_as = SUBJECTS.index(subject) if subject else len(SUBJECTS)
        return known_as, self.title, self.unit


def service_panels(
    readings: Readings, budgets: Sequence[Budget], found: Recognition
) -> list[ChartPanel]:
    """A chart for each quantity of a subject, in their order; a chart without data is left out.

    Args:
        readings: The series of the run.
        budgets: Of the run, with the metrics of its service.
        found: What plays each role in the service.
    """
    by_place = attrgetter("place")
    rows = [row for row in _rows(readings, budgets, found) if known(row.line.values)]
    charts = [list(group) for _, group in groupby(sorted(rows, key=by_place), key=by_place)]
    usual = [_panel(chart) for chart in charts if subject_of(chart[0].indicator)]
    others = [_panel(chart) for chart in charts if not subject_of(chart[0].indicator)]
    return usual + others[:MOST_OTHERS]


def _rows(
    readings: Readings, budgets: Sequence[Budget], found: Recognition
) -> Iterator[_SubjectLine]:
    measured = [b for b in budgets if not isinstance(b.indicator, ClientIndicator | Promql)]
    for label, indicator, unit in _usual(found):
        if indicator not in [budget.indicator for budget in measured]:
            for line in _lines(readings, indicator, label):
                yield _SubjectLine(indicator, unit, line, label)
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
            yield _SubjectLine(indicator, Unit.RATIO, line, name, bound)
            return
    first, *others = _lines(readings, indicator, name)
    yield _SubjectLine(indicator, budget.unit, first, name, bound_of(budget))
    yield from (_SubjectLine(indicator, budget.unit, line, name) for line in others)


def _lines(readings: Readings, indicator: Indicator, label: str) -> list[ChartLine]:
    """One line; two for the quantile of a histogram, which is known to its bucket only."""
    if not isinstance(indicator, Quantile):
        return [ChartLine(label, readings.over_time(indicator))]
    lower, upper = readings.bucket_over_time(indicator)
    return [ChartLine(f"{label}, at least", lower), ChartLine(f"{label}, at most", upper)]


def _panel(rows: Sequence[_SubjectLine]) -> ChartPanel:
    first = rows[0]
    lines = tuple(row.line for row in rows)
    bounds = tuple(row.bound for row in rows if row.bound is not None)
    return ChartPanel(first.title, first.unit, (ChartChoice("", lines, bounds),))

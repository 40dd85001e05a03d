"""A chart over the time of a run, as data for the script of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.budgets.model import Budget
from harness.report.html.axis import Axis
from harness.report.html.readings import Values
from harness.report.parts.words import clean
from harness.units import Unit, format_quantity, scale_of

_NAME = 120  # characters shown of a name
_FAR = 3.0  # times the largest value; a bound beyond it would flatten the lines


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One value for each interval of the axis."""

    label: str
    values: Values
    hidden: bool = False  # until the reader selects it in the legend


@dataclass(frozen=True, slots=True)
class ChartBound:
    """The bound of a budget, a horizontal line."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class ChartChoice:
    """The lines of a chart for one endpoint, or for the whole run."""

    label: str
    lines: tuple[ChartLine, ...]
    bounds: tuple[ChartBound, ...] = ()


@dataclass(frozen=True, slots=True)
class ChartPanel:
    """A chart: its title, its unit, and its choices, one of which is shown."""

    title: str
    unit: Unit
    choices: tuple[ChartChoice, ...]

    @property
    def lines(self) -> tuple[ChartLine, ...]:
        """The lines of the first choice."""
        return self.choices[0].lines


def bound_of(budget: Budget) -> ChartBound:
    """The bound of a budget, such as "api-latency-p95: max 200 ms"."""
    text = f"{budget.direction} {format_quantity(budget.bound, budget.unit)}"
    return ChartBound(f"{clean(budget.name, _NAME)}: {text}", budget.bound)


def known(values: Iterable[float | None]) -> list[float]:
    """The values that are not None."""
    return [value for value in values if value is not None]


def panel_data(panel: ChartPanel, axis: Axis) -> dict[str, object]:
    """A panel as data for the script of the page.

    Values have 4 significant digits, in a unit that fits the largest.
    """
    highest = max(
        (abs(v) for choice in panel.choices for line in choice.lines for v in known(line.values)),
        default=0.0,
    )
    factor, suffix = scale_of(highest, panel.unit)
    return {
        "title": panel.title,
        "suffix": suffix,
        "choices": [_choice(choice, panel.unit, axis, factor) for choice in panel.choices],
    }


def _choice(choice: ChartChoice, unit: Unit, axis: Axis, factor: float) -> dict[str, object]:
    highest = max((abs(v) for line in choice.lines for v in known(line.values)), default=0.0)
    return {
        "label": choice.label,
        "about": _about(choice.lines, unit, axis),
        "lines": [
            {
                "label": line.label,
                "hidden": line.hidden,
                "y": [None if v is None else short(v / factor) for v in line.values],
            }
            for line in choice.lines
        ],
        "bounds": [
            {
                "label": bound.label,
                "y": short(bound.value / factor),
                "near": abs(bound.value) <= _FAR * highest,
            }
            for bound in choice.bounds
        ],
    }


def _about(lines: Sequence[ChartLine], unit: Unit, axis: Axis) -> str:
    """The lines as text, such as "p50 3 ms to 5 ms, p95 40 ms to 70 ms"."""
    first, last = axis.window or (0, axis.count)
    texts = []
    for line in lines:
        values = known(line.values[first:last])
        if values:
            low, high = (format_quantity(v, unit) for v in (min(values), max(values)))
            texts.append(f"{line.label} {low}" + (f" to {high}" if low != high else ""))
    return ", ".join(texts)


def short(value: float) -> float:
    """A value with four significant digits, the precision of a chart."""
    return float(f"{value:.4g}")

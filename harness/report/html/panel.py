"""A chart over the time of a run, as the page's script gets it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.budgets.model import Budget
from harness.report.html.axis import Axis
from harness.report.html.readings import Values
from harness.report.parts.words import clean
from harness.units import Unit, format_quantity, scale_of

_NAME = 120  # characters shown of a name
_FAR = 3.0  # times the largest value: a bound beyond that would flatten the lines below it


@dataclass(frozen=True, slots=True)
class Line:
    """One value for each interval of the axis."""

    label: str
    values: Values
    hidden: bool = False  # until the reader asks for it


@dataclass(frozen=True, slots=True)
class Bound:
    """A budget's bound, drawn across."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Choice:
    """What a chart shows of one request, or of the whole run."""

    label: str
    lines: tuple[Line, ...]
    bounds: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart: its title, its unit, and what can be chosen to be shown in it."""

    title: str
    unit: Unit
    choices: tuple[Choice, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """Those of the first choice."""
        return self.choices[0].lines


def bound_of(budget: Budget) -> Bound:
    """Such as "api-latency-p95: max 200 ms"."""
    text = f"{budget.direction} {format_quantity(budget.bound, budget.unit)}"
    return Bound(f"{clean(budget.name, _NAME)}: {text}", budget.bound)


def known(values: Iterable[float | None]) -> list[float]:
    """Those that are not missing."""
    return [value for value in values if value is not None]


def panel_data(panel: Panel, axis: Axis) -> dict[str, object]:
    """A panel for the page's script.

    Values are in a unit that fits the largest of them, with 4 significant digits.
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


def _choice(choice: Choice, unit: Unit, axis: Axis, factor: float) -> dict[str, object]:
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


def _about(lines: Sequence[Line], unit: Unit, axis: Axis) -> str:
    """The lines in words, such as "p50 3 ms to 5 ms, p95 40 ms to 70 ms"."""
    first, last = axis.window or (0, axis.count)
    told = []
    for line in lines:
        values = known(line.values[first:last])
        if values:
            low, high = (format_quantity(v, unit) for v in (min(values), max(values)))
            told.append(f"{line.label} {low}" + (f" to {high}" if low != high else ""))
    return ", ".join(told)


def short(value: float) -> float:
    """Four significant digits: more cannot be seen in a chart."""
    return float(f"{value:.4g}")

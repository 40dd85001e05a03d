"""report.html of a search for the capacity: the knee, and each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from harness.judge.capacity.model import Capacity, CapacitySetting, CapacityStep
from harness.judge.capacity.usage import CPU, LABELS
from harness.judge.model import Verdict
from harness.report.capacity import words as wording
from harness.report.html.document import document
from harness.report.html.panel import short
from harness.report.parts.words import bound_text, clean
from harness.units import Unit, format_quantity, scale_of

MOST_CHARTS = 20
MOST_STEPS = 300
_WIDE = 20.0  # largest over smallest value: from then on a linear axis hides the knee
_NAME = 120  # characters shown of a name


_Value = tuple[float | None, float | None, float | None]  # with the ends of its interval


@dataclass(frozen=True, slots=True)
class KneeCurve:
    """A value by the rate.

    Attributes:
        values: Of each step: the value and its interval, of which each may be None.
        bound: The bound and its text; None without one.
    """

    title: str
    unit: Unit
    values: tuple[_Value, ...]
    bound: tuple[float, str] | None = None


def capacity_page(capacity: Capacity, setting: CapacitySetting, *, exit_code: int) -> str:
    """The content of report.html."""
    steps = sorted(capacity.steps, key=lambda step: step.rate)[:MOST_STEPS]
    curves = knee_curves(steps)
    drawn = [knee_data(curve, steps, capacity) for curve in curves]
    return document(
        "capacity.html",
        {"knees": drawn} if drawn else {},
        title=wording.title(setting),
        outcome=capacity.outcome,
        exit_code=exit_code,
        headline=f"{capacity.headline}; {wording.cost(capacity, setting)}",
        setting=setting,
        capacity=capacity,
        steps=steps,
        curves=curves,
        drawn=drawn,
        rule=wording.RULE,
        gave_way=wording.gave_way_texts(capacity),
        short_of=wording.short_of_texts(capacity),
        searches=wording.search_texts(capacity),
        facts=[(clean(a, 60), clean(b, 1000)) for a, b in wording.facts(setting)],
        of_capacity=wording,
    )


def knee_curves(steps: Sequence[CapacityStep]) -> list[KneeCurve]:
    """A curve for each budget that broke or that measures a time, then errors, CPU and answers."""
    verdicts = {verdict.name: verdict for step in steps for verdict in step.verdicts}
    broken = {v.name for step in steps for v in step.verdicts if v.outcome == "fail"}
    chosen = sorted(
        (v for v in verdicts.values() if v.unit is Unit.SECONDS or v.name in broken),
        key=lambda v: v.name not in broken,
    )
    found = [_of_budget(verdict, steps) for verdict in chosen[:MOST_CHARTS]]
    if not any(verdict.request == "" for verdict in chosen):
        found.append(_of_steps("p95 latency of all requests", Unit.SECONDS, lambda s: s.p95, steps))
    found.append(_of_steps("failed requests", Unit.RATIO, lambda s: s.error_ratio, steps))
    found.append(_of_steps(LABELS[CPU], Unit.COUNT, _cores, steps))
    found.append(
        _of_steps("successful requests per second", Unit.PER_SECOND, lambda s: s.answered, steps)
    )
    return [curve for curve in found if any(map(_is_known, curve.values))]


def _is_known(value: _Value) -> bool:
    return value[0] is not None and isfinite(value[0])


def _of_budget(verdict: Verdict, steps: Sequence[CapacityStep]) -> KneeCurve:
    values = []
    for step in steps:
        one = next((v for v in step.verdicts if v.name == verdict.name), None)
        values.append((one.value, one.lower, one.upper) if one else (None, None, None))
    bound = (verdict.bound, bound_text(verdict))
    return KneeCurve(clean(verdict.name, _NAME), verdict.unit, tuple(values), bound)


def _of_steps(
    title: str,
    unit: Unit,
    read: Callable[[CapacityStep], float | None],
    steps: Sequence[CapacityStep],
) -> KneeCurve:
    return KneeCurve(title, unit, tuple((read(step), None, None) for step in steps))


def _cores(step: CapacityStep) -> float | None:
    return next((one.value for one in step.usage if one.name == CPU), None)


def knee_data(
    curve: KneeCurve, steps: Sequence[CapacityStep], capacity: Capacity
) -> dict[str, object]:
    """A curve as data for the script of the page: values in one unit, by ascending rate."""
    known = [abs(value) for value, _, _ in curve.values if value is not None and isfinite(value)]
    factor, suffix = scale_of(max(known, default=0.0), curve.unit)

    def scaled(value: float | None) -> float | None:
        shown = None if value is None else short(value / factor)
        return shown if shown is not None and isfinite(shown) else None

    bound = None
    if curve.bound is not None:
        bound = {"label": curve.bound[1], "y": scaled(curve.bound[0]), "near": True}
    return {
        "rates": [short(step.rate) for step in steps],
        "values": [scaled(value) for value, _, _ in curve.values],
        "lower": [scaled(lower) for _, lower, _ in curve.values],
        "upper": [scaled(upper) for _, _, upper in curve.values],
        "results": [wording.result_text(step.result) for step in steps],
        "outcomes": [wording.outcome_of(step.result) for step in steps],
        "suffix": suffix,
        "log": _spread(known) > _WIDE,
        "bound": bound,
        "capacity": [capacity.lower, capacity.upper],
        "about": _about(curve, steps),
    }


def _spread(values: Sequence[float]) -> float:
    """The largest value over the smallest; 1 when that is 0, which a logarithmic axis lacks."""
    return max(values) / min(values) if values and min(values) > 0 else 1.0


def _about(curve: KneeCurve, steps: Sequence[CapacityStep]) -> str:
    """The ends of the curve as text, such as "20 ms at 50/s, 412 ms at 131/s"."""
    shown = [
        f"{format_quantity(value, curve.unit)} at {wording.rate_text(step.rate)}"
        for (value, _, _), step in zip(curve.values, steps, strict=True)
        if value is not None
    ]
    return ", ".join(dict.fromkeys([shown[0], shown[-1]]))

"""The value of an indicator by the answer of a Prometheus server, and how it was obtained."""

from __future__ import annotations

import math
from dataclasses import replace

from harness.budgets.model import Budget, Gauge, Promql, Utilization
from harness.judge.measure.observation import ObservedAnswer, ObservedHistogram
from harness.judge.measure.quantile import measure_quantile
from harness.judge.measure.series import PROMETHEUS
from harness.judge.model import Measurement
from harness.units import Unit, format_quantity

_SAME = 1e-6  # relative


def measure_answer(budget: Budget, observed: ObservedAnswer, own: float | None) -> Measurement:
    """The value that a Prometheus server answered.

    Args:
        budget: Of any kind that the load generator does not measure.
        observed: The answer.
        own: The value by the harness's own scrapes, where there is one.
    """
    if isinstance(observed.found, ObservedHistogram):
        found = measure_quantile(budget, observed.found)
    else:
        found = Measurement(observed.found, observed.samples, PROMETHEUS)
    return replace(found, note=_note(budget, observed, found.value, own))


def _note(budget: Budget, observed: ObservedAnswer, value: float | None, own: float | None) -> str:
    """How the value was obtained, and how far it is from the exact one."""
    if isinstance(observed.indicator, Promql):
        return "evaluated by Prometheus"
    level = isinstance(observed.indicator, Gauge | Utilization)
    note = f"{'read' if level else 'extrapolated'} by Prometheus from {observed.scrapes} scrapes"
    if own is None or value is None:
        return note
    if math.isclose(value, own, rel_tol=_SAME):
        return f"{note}, the same as by the harness's own scrapes"
    exact = format_quantity(own, budget.unit)
    if not own:
        return f"{note}; by the harness's own scrapes it is {exact}"
    distance = format_quantity(abs(value / own - 1), Unit.RATIO)
    side = "over" if value > own else "under"
    return f"{note}, {distance} {side} the {exact} of the harness's own scrapes"

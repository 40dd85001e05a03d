"""Measurements from what a Prometheus server said."""

from __future__ import annotations

from harness.budgets.model import Budget, Mean, Quantile, Rate, Ratio
from harness.judge.bounds import same
from harness.judge.model import Measurement
from harness.runs.model import Answer
from harness.units import Unit, format_quantity

PROMETHEUS = "Prometheus"
# `rate` and `increase` take the counters' growth between the first and the last scrape of the
# window for that of the whole window.
EXTRAPOLATED = f"{PROMETHEUS}, extrapolated"
_FLOAT_NOISE = 1e-9


def measure_answer(budget: Budget, answer: Answer, own: float | None) -> Measurement:
    """What a server said, beside what the harness read itself.

    A quantile is judged by the share of observations over the bound, which needs a bucket that
    ends there: what is interpolated between two buckets is no measurement.

    Args:
        budget: The budget.
        answer: About it.
        own: The value by the harness's own scrapes; None when there is none.
    """
    extrapolated = isinstance(budget.indicator, Quantile | Mean | Ratio | Rate)
    source = EXTRAPOLATED if extrapolated else PROMETHEUS
    if answer.value is None:
        return Measurement(None, answer.samples, source, reason=answer.reason)
    meets, undecided = None, ""
    if isinstance(budget.indicator, Quantile):
        if answer.share_over is None:
            bound = format_quantity(budget.bound, budget.unit)
            undecided = (
                f"between buckets that is a guess: none of {budget.indicator.histogram.metric}"
                f" ends at {bound}; give the service a bucket there"
            )
        else:
            within = 1 - answer.share_over >= budget.indicator.quantile - _FLOAT_NOISE
            meets = within is (budget.direction == "max")
    return Measurement(
        *(answer.value, answer.samples, source),
        meets=meets,
        undecided=undecided,
        share_over=answer.share_over,
        beside="" if own is None else _beside(budget, answer.value, own),
    )


def _beside(budget: Budget, value: float, own: float) -> str:
    exact = format_quantity(own, budget.unit)
    if same(value, own):
        return "by the harness's own scrapes as well"
    if own == 0:
        return f"{exact} by the harness's own scrapes"
    off = format_quantity(abs(value / own - 1), Unit.RATIO)
    return f"{off} {'over' if value > own else 'under'} the {exact} of the harness's own scrapes"

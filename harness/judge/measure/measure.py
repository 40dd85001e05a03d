"""From a budget and the evidence of a run to the value of its indicator."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from harness.budgets.model import (
    CLIENT_SIDE,
    Budget,
    ErrorRatio,
    Gauge,
    Latency,
    Mean,
    Quantile,
    Rate,
    Ratio,
    Throughput,
    Utilization,
)
from harness.judge.measure.client import measure_client
from harness.judge.measure.counters import measure_counter
from harness.judge.measure.gauges import measure_gauge
from harness.judge.measure.prometheus import measure_answer
from harness.judge.measure.series import LOAD_GENERATOR, PROMETHEUS, SERVICE_METRICS, NoDataError
from harness.judge.model import Measurement
from harness.runs.model import Evidence


def measure(budget: Budget, evidence: Evidence) -> Measurement:
    """The value of a budget's indicator over the window of a run.

    Args:
        budget: Its bound only decides `meets`, `undecided` and `share_over`.
        evidence: The run.

    Returns:
        The value in the budget's unit, or None with the reason why there is none.
    """
    where = LOAD_GENERATOR if isinstance(budget.indicator, CLIENT_SIDE) else SERVICE_METRICS
    own = _checked(where, partial(_measure, budget, evidence))
    if answer := evidence.answers.get(budget.name):
        return _checked(PROMETHEUS, partial(measure_answer, answer, own.value, budget, evidence))
    return own


def _checked(where: str, how: Callable[[], Measurement]) -> Measurement:
    """What was measured there, if it is finite; else why there is no value."""
    try:
        found = how()
    except NoDataError as error:
        return Measurement(None, 0, where, reason=str(error))
    if found.value is not None and not math.isfinite(found.value):
        return replace(found, value=None, meets=None, reason=f"the value is {found.value}")
    return found


def _measure(budget: Budget, evidence: Evidence) -> Measurement:
    match budget.indicator:
        case Latency() | ErrorRatio() | Throughput() as indicator:
            return measure_client(budget, indicator, evidence)
        case Quantile() | Mean() | Ratio() | Rate() as indicator:
            return measure_counter(budget, indicator, evidence)
        case Gauge() | Utilization() as indicator:
            return measure_gauge(budget, indicator, evidence)
        case _:
            raise NoDataError(
                "no Prometheus server was asked, which a promql indicator needs; name one with"
                " --prometheus URL"
            )

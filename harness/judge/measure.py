"""From a budget and the evidence of a run to the value of its indicator."""

from __future__ import annotations

import math
from dataclasses import replace

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
from harness.judge.answers import measure_answer
from harness.judge.client import measure_client
from harness.judge.counters import measure_counter
from harness.judge.gauges import measure_gauge
from harness.judge.model import Measurement
from harness.judge.series import LOAD_GENERATOR, SERVICE_METRICS, NoDataError
from harness.runs.model import Evidence


def measure(budget: Budget, evidence: Evidence) -> Measurement:
    """The value of a budget's indicator over the window of a run.

    Args:
        budget: Its bound only decides `meets`, `undecided` and `share_over`.
        evidence: The run. Where a Prometheus server was asked, what it said counts.

    Returns:
        The value in the budget's unit, or None with the reason why there is none.
    """
    if (answer := evidence.answers.get(budget.name)) is not None:
        own = measure(budget, replace(evidence, answers={}))
        return measure_answer(budget, answer, own.value)
    try:
        found = _measure(budget, evidence)
    except NoDataError as error:
        client = isinstance(budget.indicator, CLIENT_SIDE)
        where = LOAD_GENERATOR if client else SERVICE_METRICS
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
                "a promql indicator needs a Prometheus server; name it with --prometheus URL"
            )

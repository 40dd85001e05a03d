"""The evidence of a run goes in, the observation of an indicator comes out."""

from __future__ import annotations

from typing import assert_never

from harness.budgets.model import (
    Budget,
    ClientIndicator,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
    counters_of,
    selectors,
)
from harness.judge.measure.counters import (
    observe_histogram,
    observe_rate,
    observe_ratio,
)
from harness.judge.measure.coverage import service_coverage
from harness.judge.measure.deltas import Delta, deltas
from harness.judge.measure.gauges import observe_levels, observe_utilization
from harness.judge.measure.observation import (
    Coverage,
    NothingObserved,
    Observation,
    OwnObservation,
)
from harness.judge.measure.prometheus import answer_coverage, observe_answer
from harness.judge.measure.requests import (
    observe_failures,
    observe_throughput,
    observe_times,
    request_coverage,
)
from harness.judge.measure.series import (
    LOAD_GENERATOR,
    PROMETHEUS,
    SERVICE_METRICS,
    NoDataError,
)
from harness.runs.model import Evidence


def observe(budget: Budget, evidence: Evidence) -> Observation:
    """What the evidence says of a budget's indicator over the window.

    Args:
        budget: Its bound does not matter.
        evidence: The run.

    Returns:
        The answer of the Prometheus server where this budget has one, else the harness's own
        data.
    """
    indicator = budget.indicator
    own = _own(indicator, evidence)
    answer = evidence.answers.get(budget.name)
    if answer is None or isinstance(indicator, ClientIndicator):
        return own
    try:
        return observe_answer(answer, indicator, own, evidence)
    except NoDataError as error:
        coverage = answer_coverage(answer, own, indicator)
        return NothingObserved(indicator, coverage, PROMETHEUS, str(error))


def _own(indicator: Indicator, evidence: Evidence) -> OwnObservation:
    try:
        return _observed(indicator, evidence)
    except NoDataError as error:
        source, coverage = _where(indicator, evidence)
        return NothingObserved(indicator, coverage, source, str(error))


def _observed(  # noqa: PLR0911 - a line for each kind
    indicator: Indicator, evidence: Evidence
) -> OwnObservation:
    match indicator:
        case Latency():
            return observe_times(indicator, evidence)
        case ErrorRatio():
            return observe_failures(indicator, evidence)
        case Throughput():
            return observe_throughput(indicator, evidence)
        case Quantile():
            return observe_histogram(indicator, evidence)
        case Mean() | Ratio():
            return observe_ratio(indicator, evidence)
        case Rate():
            return observe_rate(indicator, evidence)
        case Gauge():
            return observe_levels(indicator, evidence)
        case Utilization():
            return observe_utilization(indicator, evidence)
        case Promql():
            raise NoDataError(
                "no Prometheus server was asked, which a promql indicator needs; name one with"
                " --prometheus URL"
            )
        case _:
            assert_never(indicator)


def _where(indicator: Indicator, evidence: Evidence) -> tuple[str, Coverage]:
    """Where an indicator without data was looked for, and what there is of it nevertheless."""
    if isinstance(indicator, ClientIndicator):
        return LOAD_GENERATOR, request_coverage(indicator, evidence)
    counters = counters_of(indicator)
    read = counters or selectors(indicator)
    counted = [(counter, _deltas(evidence, counter)) for counter in counters]
    return SERVICE_METRICS, service_coverage(evidence, read, counted)


def _deltas(evidence: Evidence, counter: Selector) -> tuple[Delta, ...]:
    try:
        return deltas(evidence, counter)
    except NoDataError:
        return ()

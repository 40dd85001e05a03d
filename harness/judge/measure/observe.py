"""The evidence of a run goes in, the observation of an indicator comes out."""

from __future__ import annotations

from typing import assert_never

from harness.budgets.dialects.model import lacking
from harness.budgets.model import (
    Budget,
    ClientIndicator,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    PerRequest,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
    selectors,
)
from harness.budgets.presets import roles_of_run
from harness.budgets.series import counters_of, spans_window
from harness.judge.measure.counters import (
    observe_histogram,
    observe_per_request,
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
    planned_part,
)
from harness.judge.measure.unanswered import unstarted_of
from harness.runs.model import Evidence


def observe(budget: Budget, evidence: Evidence) -> Observation:
    """What the evidence says of a budget's indicator over the window.

    A growth is that of the planned window, for which its bound was chosen, also in a run that went
    on because another budget was undecided.

    Args:
        budget: Its bound only says which arrivals that no user took count as latencies.
        evidence: The run.

    Returns:
        The answer of the Prometheus server where this budget has one about the same window, else
        the harness's own data.
    """
    indicator = budget.indicator
    part = planned_part(evidence) if spans_window(indicator) else evidence
    own = _own(budget, part)
    answer = evidence.answers.get(budget.name)
    if answer is None or isinstance(indicator, ClientIndicator | PerRequest):
        return own
    if part.manifest.clock.window_end != evidence.manifest.clock.window_end:
        return own
    try:
        return observe_answer(answer, indicator, own, evidence)
    except NoDataError as error:
        coverage = answer_coverage(answer, own, indicator)
        return NothingObserved(indicator, coverage, PROMETHEUS, str(error))


def _own(budget: Budget, evidence: Evidence) -> OwnObservation:
    try:
        if roles := lacking(budget.indicator):
            raise NoDataError(roles_of_run(evidence.manifest.roles).lacks(roles[0]))
        return _observed(budget, evidence)
    except NoDataError as error:
        source, coverage = _where(budget.indicator, evidence)
        return NothingObserved(budget.indicator, coverage, source, str(error))


def _observed(  # noqa: C901, PLR0911 - a line for each kind
    budget: Budget, evidence: Evidence
) -> OwnObservation:
    indicator = budget.indicator
    match indicator:
        case Latency():
            return observe_times(indicator, evidence, unstarted_of(budget, evidence))
        case ErrorRatio():
            return observe_failures(indicator, evidence)
        case Throughput():
            return observe_throughput(indicator, evidence)
        case Quantile():
            return observe_histogram(indicator, evidence)
        case Mean() | Ratio():
            return observe_ratio(indicator, evidence)
        case PerRequest():
            return observe_per_request(indicator, evidence)
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

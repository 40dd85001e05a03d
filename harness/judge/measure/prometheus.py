"""Measurements by what a Prometheus server answered.

It extrapolates an increase to the edges of the window from the scrapes within it, and does not see
what a series appeared with, so each value is labelled, and the exact one stands beside it if known.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from harness import names
from harness.budgets.model import Budget, Gauge, Promql, Quantile, Utilization
from harness.judge.measure.counters import measure_quantile
from harness.judge.measure.deltas import Histogram, bucket_edge, cumulative
from harness.judge.measure.series import PROMETHEUS, Interval, NoDataError, window
from harness.judge.model import Measurement
from harness.runs.model import Evidence, ServerAnswer
from harness.units import Unit, format_quantity

_SAME = 1e-6  # relative
_FEWEST = 2  # scrapes that an increase can be taken of
_HINT = "is the service scraped, with the labels that are asked for?"


def measure_answer(
    answer: ServerAnswer, own: float | None, budget: Budget, evidence: Evidence
) -> Measurement:
    """Measure an indicator by the answers to `render.questions`.

    Args:
        answer: About this budget.
        own: The value by the harness's own scrapes, where there is one.
        budget: Of any kind that the load generator does not measure.
        evidence: The run.

    Raises:
        NoDataError: No answer, no series, too few or stale samples, a counter that fell, or NaN.
    """
    asked = window(evidence)
    if answer.problem:
        raise NoDataError(f"{answer.server}: {answer.problem}")
    if isinstance(budget.indicator, Promql):
        return _expression(answer, asked)
    scrapes = _scrapes(answer, budget, asked)
    if resets := _sum(answer, names.ASKED_RESETS):
        raise NoDataError(
            f"a counter fell {resets:.0f} times within the window; did the service restart?"
        )
    if isinstance(budget.indicator, Quantile):
        found = measure_quantile(
            budget, budget.indicator, _histogram(answer, budget.indicator, asked)
        )
    else:
        found = Measurement(_only(answer), _samples(answer, scrapes, asked), PROMETHEUS)
    return replace(found, note=_note(found, own, scrapes, budget))


def _expression(answer: ServerAnswer, asked: Interval) -> Measurement:
    value = _only(answer)
    newest = [found for _, found in answer.found.get(names.ASKED_NEWEST, ())]
    if newest and newest[0] < asked.start:
        age = format_quantity(asked.end - newest[0], Unit.SECONDS)
        raise NoDataError(
            f"the series is stale: its last sample is {age} older than the window's end;"
            " is the service still scraped?"
        )
    return Measurement(value, 1, PROMETHEUS, note="evaluated by Prometheus")


def _only(answer: ServerAnswer) -> float:
    """The value of the one series."""
    found = answer.found.get(names.ASKED_VALUE, ())
    if not found:
        raise NoDataError(f"the query has no result at the window's end; {_HINT}")
    if len(found) > 1:
        raise NoDataError(
            f"the query yields {len(found)} series, e.g. {dict(found[0][0])}; make them one,"
            " for example with sum()"
        )
    value = found[0][1]
    if math.isnan(value):
        raise NoDataError("it is NaN: nothing happened in the window that it is a share or mean of")
    return value


def _scrapes(answer: ServerAnswer, budget: Budget, asked: Interval) -> int:
    """How many samples within the window there are, at the best series."""
    level = isinstance(budget.indicator, Gauge | Utilization)
    scrapes = round(_sum(answer, names.ASKED_SCRAPES))
    if not scrapes:
        raise NoDataError(f"there is no sample within the window; {_HINT}")
    if scrapes < _FEWEST and not level:
        raise NoDataError(
            f"one sample within a window of {format_quantity(asked.seconds, Unit.SECONDS)} is too"
            " few for an increase; raise `duration`, or let Prometheus scrape more often"
        )
    return scrapes


def _sum(answer: ServerAnswer, what: str) -> float:
    values: Sequence[float] = [value for _, value in answer.found.get(what, ())]
    return math.fsum(values)


def _samples(answer: ServerAnswer, scrapes: int, asked: Interval) -> int:
    if names.ASKED_EVENTS not in answer.found:
        return scrapes
    return max(1, round(_sum(answer, names.ASKED_EVENTS) * asked.seconds))


def _histogram(answer: ServerAnswer, indicator: Quantile, asked: Interval) -> Histogram:
    if len(set(_by_edge(answer, names.ASKED_LAYOUT, indicator).values())) > 1:
        raise NoDataError(
            f"the instances of {indicator.histogram.metric} have different buckets, which cannot be"
            " added; give all the same, or narrow `where`"
        )
    rates = _by_edge(answer, names.ASKED_BUCKETS, indicator)
    layout = tuple(sorted(rates))
    if not layout or layout[-1] != math.inf:
        raise NoDataError(f'{indicator.histogram.metric} has no bucket le="+Inf"; {_HINT}')
    counts = {edge: rate * asked.seconds for edge, rate in rates.items()}
    if not counts[math.inf] > 0:
        raise NoDataError(f"{indicator.histogram.metric} observed nothing in the window")
    return Histogram(layout, cumulative(layout, [counts]), PROMETHEUS)


def _by_edge(answer: ServerAnswer, what: str, indicator: Quantile) -> dict[float, float]:
    """Values by the edge of their bucket; "1" and "1.0" are one."""
    found: dict[float, float] = defaultdict(float)
    for labels, value in answer.found.get(what, ()):
        found[bucket_edge(labels, indicator.histogram)] += value
    return found


def _note(found: Measurement, own: float | None, scrapes: int, budget: Budget) -> str:
    """How the value came about, and how far from the exact one it is."""
    level = isinstance(budget.indicator, Gauge | Utilization)
    note = f"{'read' if level else 'extrapolated'} by Prometheus from {scrapes} scrapes"
    if own is None or found.value is None:
        return note
    if math.isclose(found.value, own, rel_tol=_SAME):
        return f"{note}, the same as by the harness's own scrapes"
    shown = format_quantity(own, budget.unit)
    if not own:
        return f"{note}; by the harness's own scrapes it is {shown}"
    apart = format_quantity(abs(found.value / own - 1), Unit.RATIO)
    side = "over" if found.value > own else "under"
    return f"{note}, {apart} {side} the {shown} of the harness's own scrapes"

"""Measurements from the service's counters and histograms: quantile, mean, ratio, rate."""

from __future__ import annotations

import math
from dataclasses import replace

from harness.budgets.model import Budget, Indicator, Mean, Quantile, Rate, Ratio, Selector
from harness.judge.bounds import same
from harness.judge.measure.deltas import Histogram, deltas, histogram, total
from harness.judge.measure.gauges import levels
from harness.judge.measure.series import NoDataError
from harness.judge.model import Measurement
from harness.runs.model import Evidence
from harness.units import format_quantity

_FLOAT_NOISE = 1e-9


def measure_counter(
    budget: Budget, indicator: Quantile | Mean | Ratio | Rate, evidence: Evidence
) -> Measurement:
    """Measure an indicator that rests on increases over the window.

    Raises:
        NoDataError: There is no series, no edge scrape, or nothing happened in the window.
    """
    match indicator:
        case Quantile():
            return measure_quantile(budget, indicator, histogram(evidence, indicator.histogram))
        case Mean(histogram=selector):
            return _ratio(*parts_of_mean(selector), evidence)
        case Ratio(of=of, to=to):
            return _ratio(of, to, evidence)
        case Rate():
            return _rate(indicator, evidence)


def parts_of_mean(histogram: Selector) -> tuple[Selector, Selector]:
    """The counters whose ratio is a histogram's mean."""
    metric, where = histogram.metric, histogram.where
    return Selector(f"{metric}_sum", where), Selector(f"{metric}_count", where)


def size_of(indicator: Rate, evidence: Evidence) -> float:
    """What a rate is divided by: the mean of a gauge, or 1.

    Raises:
        NoDataError: The gauge was not read, or is not above 0.
    """
    if indicator.to is None:
        return 1.0
    sizes = levels(evidence, indicator.to)
    size = math.fsum(sizes) / len(sizes)
    if size <= 0:
        raise NoDataError(f"{indicator.to} is {size:g}: there is nothing to divide by")
    return size


def counters_of(indicator: Indicator) -> tuple[Selector, ...]:
    """The counters that an indicator rests on; empty for the other kinds."""
    match indicator:
        case Quantile(histogram=selector):
            return (Selector(f"{selector.metric}_bucket", selector.where),)
        case Mean(histogram=selector):
            return (Selector(f"{selector.metric}_count", selector.where),)
        case Ratio(of=of, to=to):
            return (of, to)
        case Rate(counter=selector):
            return (selector,)
        case _:
            return ()


def _ratio(of: Selector, to: Selector, evidence: Evidence) -> Measurement:
    below = deltas(evidence, to)
    events = total(below)
    if events <= 0:
        raise NoDataError(f"{to} did not move in the window; does the load reach this part?")
    value = total(deltas(evidence, of)) / events
    return Measurement(value, max(1, round(events)), below[0].source)


def _rate(indicator: Rate, evidence: Evidence) -> Measurement:
    parts = deltas(evidence, indicator.counter)
    value = math.fsum(part.value / part.seconds for part in parts) / size_of(indicator, evidence)
    return Measurement(value, max(part.scrapes for part in parts), parts[0].source)


def measure_quantile(budget: Budget, indicator: Quantile, found: Histogram) -> Measurement:
    """Judge a quantile by bucket counts, which are exact; interpolate only to show a value."""
    index = _bucket(found, indicator.quantile)
    upper = found.edges[index]
    lower = found.edges[index - 1] if index else -math.inf
    base = Measurement(
        _interpolated(found, index, indicator.quantile),
        max(1, round(found.count)),
        found.source,
        share_over=_share_over(found, budget.bound),
        reason=_why_unknown(lower, upper, budget),
    )
    if upper < budget.bound or same(upper, budget.bound):
        return replace(base, meets=budget.direction == "max")
    if lower > budget.bound or same(lower, budget.bound):
        return replace(base, meets=budget.direction == "min")
    return replace(base, undecided=_between(indicator, lower, upper, budget))


def _bucket(found: Histogram, quantile: float) -> int:
    """The bucket that holds the order statistic of rank ceil(q n)."""
    rank = quantile * found.count * (1 - _FLOAT_NOISE)
    return next(i for i, seen in enumerate(found.cumulative) if seen >= rank)


def _interpolated(found: Histogram, index: int, quantile: float) -> float | None:
    """Linear within the bucket, as Prometheus' histogram_quantile; None over the last edge."""
    upper = found.edges[index]
    if not math.isfinite(upper):
        return None
    below = found.cumulative[index - 1] if index else 0.0
    lower = found.edges[index - 1] if index else min(0.0, upper)
    share = (quantile * found.count - below) / (found.cumulative[index] - below)
    return lower + (upper - lower) * min(max(share, 0.0), 1.0)


def _share_over(found: Histogram, bound: float) -> float | None:
    for edge, seen in zip(found.edges, found.cumulative, strict=True):
        if same(edge, bound):
            return 1 - seen / found.count
    return None


def _why_unknown(lower: float, upper: float, budget: Budget) -> str:
    if math.isfinite(upper):
        return ""
    if math.isfinite(lower):
        return f"it is over the last bucket edge, {_shown(lower, budget)}"
    return "the histogram has no bucket but +Inf"


def _between(indicator: Quantile, lower: float, upper: float, budget: Budget) -> str:
    low = _shown(lower, budget) if math.isfinite(lower) else "the lowest value"
    high = _shown(upper, budget) if math.isfinite(upper) else "+Inf"
    bound = _shown(budget.bound, budget)
    return (
        f"{indicator.histogram.metric} has no bucket edge at {bound}: the quantile lies between"
        f" {low} and {high}; add a bucket at {bound}, or move the bound to an edge"
    )


def _shown(value: float, budget: Budget) -> str:
    return format_quantity(value, budget.unit)

"""The value of a histogram's quantile: judged by exact bucket counts, interpolated to be shown."""

from __future__ import annotations

import math
from dataclasses import replace

from harness.budgets.model import Budget, Quantile
from harness.judge.bounds import FLOAT_NOISE, same
from harness.judge.measure.deltas import BORN
from harness.judge.measure.observation import Histogram, ObservedHistogram
from harness.judge.model import Measurement
from harness.units import format_quantity

_NARROW = 0.1  # of its upper edge: the value is then known to a tenth


def measure_quantile(budget: Budget, observed: ObservedHistogram) -> Measurement:
    """Judge a quantile by bucket counts, which are exact; interpolate only to show a value."""
    indicator, found = observed.indicator, observed.histogram
    index = _bucket(found, indicator.quantile)
    upper = found.edges[index]
    lower = found.edges[index - 1] if index else -math.inf
    base = Measurement(
        _interpolated(found, index, indicator.quantile),
        max(1, round(found.count)),
        found.source,
        share_over=_share_over(found, budget.bound),
        reason=_why_unknown(lower, upper, budget),
        bucket=_coarse(max(lower, 0.0), upper),
        between=_share_between(observed, budget.bound),
    )
    if upper < budget.bound or same(upper, budget.bound):
        meets = budget.direction == "max"
    elif lower > budget.bound or same(lower, budget.bound):
        meets = budget.direction == "min"
    else:
        return replace(base, undecided=_between(indicator, lower, upper, budget))
    return replace(base, meets=meets, undecided=_born(observed, budget) if meets else "")


def _born(observed: ObservedHistogram, budget: Budget) -> str:
    """Why a budget that holds does not hold for certain: counters may be older than they seem."""
    bound, may = budget.bound, (1 - observed.indicator.quantile) * (1 + FLOAT_NOISE)
    edges = observed.histogram.edges
    if budget.direction == "max":
        edge = max(one for one in edges if one < bound or same(one, bound))
        found = _share_between(observed, edge)
        return BORN if found and found[1] > may else ""
    edge = min(one for one in edges if one > bound or same(one, bound))
    found = _share_between(observed, edge)
    return BORN if found and found[0] <= may else ""


def _coarse(lower: float, upper: float) -> tuple[float, float] | None:
    """A bucket within which a value would be made up; None for one that is narrow enough."""
    if not math.isfinite(upper) or upper - lower <= _NARROW * abs(upper):
        return None
    return lower, upper


def _bucket(found: Histogram, quantile: float) -> int:
    """The bucket that holds the order statistic of rank ceil(q n)."""
    rank = quantile * found.count * (1 - FLOAT_NOISE)
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


def _share_between(observed: ObservedHistogram, bound: float) -> tuple[float, float] | None:
    """The share over the bound without what counters had counted before their first reading.

    What was counted before may have been all of the observations over the bound, or all others.
    """
    found, born = observed.histogram, observed.born
    edge = next((one for one in found.edges if same(one, bound)), None)
    if edge is None or not any(born.values()):
        return None
    within = found.cumulative[found.edges.index(edge)]
    over, before = found.count - within, born.get(edge, 0.0)
    least = max(0.0, over - (born.get(math.inf, 0.0) - before))
    most = max(0.0, within - before)
    return (
        least / (least + within) if least + within else 0.0,
        over / (over + most) if over + most else 1.0,
    )


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

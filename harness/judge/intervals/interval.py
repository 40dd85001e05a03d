"""The interval of an indicator, by the scatter within one run and between starts.

A budget passes when the whole interval keeps its bound, and fails when none of it does. The end
that a pass rests on is missed by 5% of the runs of a service that is exactly at its limit, the end
that a failure rests on by 1%: a false alarm costs more trust than a second run costs time.

The method for each kind: shares, and with them quantiles, by `proportion`; means, work per event
and rates by `mean`; both from batches of two seconds. Times are widened by the differences between
starts of the same service, which no single run can show. A gauge's peak, last value or
growth, and the throughput that a schedule asks for, are exact for the run and have no interval.
"""

from __future__ import annotations

import math
from typing import assert_never

from harness.budgets.model import Budget, Quantile, Ratio
from harness.judge.intervals.levels import ErrorLevels
from harness.judge.intervals.mean import mean_bounds
from harness.judge.intervals.proportion import share_bounds
from harness.judge.intervals.quantile import crossings, fewest, quantile_bounds
from harness.judge.intervals.start_noise import FAILS, PASSES, deflate, inflate
from harness.judge.measure.observation import (
    Batches,
    NothingObserved,
    Observation,
    ObservedAnswer,
    ObservedExact,
    ObservedFailures,
    ObservedHistogram,
    ObservedRate,
    ObservedRatio,
    ObservedThroughput,
    ObservedTimes,
    ObservedUtilization,
)
from harness.judge.model import Confidence
from harness.units import Unit

_MORE = 1 + 1e-6  # than a bucket's edge, when a quantile is in a bucket above it


def confidence(
    budget: Budget, observation: Observation, levels: ErrorLevels, noise: float
) -> Confidence | None:
    """The interval of a budget's indicator.

    Args:
        budget: Its direction says which end a pass rests on.
        observation: Of its indicator.
        levels: How often a look at the run may be wrong.
        noise: Standard deviation of the logarithm of the value from start to start.

    Returns:
        None where the value is exact, and where there is no data. For a Prometheus server's answer,
        whose scatter within the run is not known, that of the harness's own scrapes, widened to
        hold the answer.
    """
    low, high = levels if budget.direction == "max" else reversed(levels)
    found = _confidence(budget, observation, (low, high))
    if found is None or not _is_time(budget):
        return found
    below, above = (FAILS, PASSES) if budget.direction == "max" else (PASSES, FAILS)
    return Confidence(
        None if found.lower is None else found.lower * deflate(noise, below),
        None if found.upper is None else found.upper * inflate(noise, above),
        found.fewest,
    )


def _is_time(budget: Budget) -> bool:
    """Whether starts differ: not in what is counted, and less than a bucket is wide."""
    return budget.unit is Unit.SECONDS and not isinstance(budget.indicator, Quantile)


def _confidence(  # noqa: PLR0911 - a line for each kind
    budget: Budget, observation: Observation, alphas: tuple[float, float]
) -> Confidence | None:
    match observation:
        case ObservedTimes():
            return _latency(observation, budget, alphas)
        case ObservedFailures(failed=failed, total=total):
            return _share(failed, total, budget, alphas)
        case ObservedHistogram():
            return _quantile(observation, budget, alphas)
        case ObservedRatio():
            return _per_event(observation, budget, alphas)
        case ObservedRate(increases=increases, divisor=divisor, seconds=seconds):
            return _mean({n: one / divisor for n, one in increases.items()}, seconds, alphas)
        case ObservedThroughput() | ObservedExact() | ObservedUtilization():
            return None
        case ObservedAnswer(own=own, found=value):
            return _with_answer(_confidence(budget, own, alphas), value)
        case NothingObserved():
            return None
        case _:
            assert_never(observation)


def _with_answer(own: Confidence | None, found: float | ObservedHistogram) -> Confidence | None:
    """An interval that holds a server's answer; a histogram is judged at the edges of buckets."""
    if own is None or isinstance(found, ObservedHistogram):
        return own
    return Confidence(
        None if own.lower is None else min(own.lower, found),
        None if own.upper is None else max(own.upper, found),
        own.fewest,
    )


def _per_event(
    observed: ObservedRatio, budget: Budget, alphas: tuple[float, float]
) -> Confidence | None:
    of, to = observed.of_batches, observed.to_batches
    share = isinstance(observed.indicator, Ratio) and budget.unit is Unit.RATIO
    if share and all(of.get(n, 0) <= to[n] for n in to):
        return _share(of, to, budget, alphas)
    return _mean(of, to, alphas)


def _latency(
    observed: ObservedTimes, budget: Budget, alphas: tuple[float, float]
) -> Confidence | None:
    quantile, batches = observed.indicator.quantile, observed.batches
    if quantile is None:
        of = {n: (times.mean or 0.0) * times.count for n, times in enumerate(batches)}
        return _mean(of, {n: times.count for n, times in enumerate(batches)}, alphas)
    if quantile == 1:
        return None  # a bound on the longest time is one on this run
    lower, upper = quantile_bounds(batches, quantile, alphas)
    return Confidence(lower, upper, _fewest(1 - quantile, budget, alphas))


def _quantile(
    observed: ObservedHistogram, budget: Budget, alphas: tuple[float, float]
) -> Confidence | None:
    """By the edges of the buckets: nothing is known of what lies between them."""
    quantile, batches = observed.indicator.quantile, dict(observed.batches)
    totals_of = batches.pop(math.inf, {})
    if quantile == 1:
        return None
    numbers = sorted(totals_of)

    def over(edge: float) -> list[float]:
        return [max(0.0, totals_of[n] - batches[edge].get(n, 0.0)) for n in numbers]

    totals = [totals_of[n] for n in numbers]
    values = sorted(batches)
    exceeded, kept = crossings(values, over, totals, quantile, alphas)
    return Confidence(
        values[exceeded] * _MORE if exceeded >= 0 else None,
        values[kept] if kept < len(values) else None,
        _fewest(1 - quantile, budget, alphas),
    )


def _share(
    of: Batches, to: Batches, budget: Budget, alphas: tuple[float, float]
) -> Confidence | None:
    if budget.bound <= 0 or budget.bound >= 1:
        return None  # "none" and "all" are exact for this run, and cannot be shown for others
    numbers = sorted(to)
    lower, upper = share_bounds([of.get(n, 0) for n in numbers], [to[n] for n in numbers], *alphas)
    bad = budget.bound if budget.direction == "max" else 1 - budget.bound
    return Confidence(lower, upper, _fewest(bad, budget, alphas))


def _mean(of: Batches, to: Batches, alphas: tuple[float, float]) -> Confidence:
    numbers = sorted(to)
    bounds = mean_bounds([of.get(n, 0) for n in numbers], [to[n] for n in numbers], *alphas)
    lower, upper = (bound if math.isfinite(bound) else None for bound in bounds)
    return Confidence(lower, upper)


def _fewest(share: float, budget: Budget, alphas: tuple[float, float]) -> int:
    """Observations that a pass takes when none of them is bad."""
    return fewest(share, alphas[1] if budget.direction == "max" else alphas[0])

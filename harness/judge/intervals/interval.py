"""Between which two values an indicator lies, by the scatter within one run and between starts.

A budget passes when the whole interval keeps its bound, and fails when none of it does. The end
that a pass rests on is missed by 5% of the runs of a service that is exactly at its limit, the end
that a failure rests on by 1%: a false alarm costs more trust than a second run costs time.

What is right for each kind: shares, and with them quantiles, by `shares`; means, work per event and
rates by `means`; both from batches of two seconds. Times are widened by what differs from start to
start of one and the same service, which no single run can show. A gauge's peak, last value or
growth, and the throughput that a schedule asks for, are exact for the run and have no interval.
"""

from __future__ import annotations

import math

from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Latency,
    Mean,
    Quantile,
    Rate,
    Ratio,
)
from harness.judge.intervals.batches import (
    Batches,
    buckets_in_batches,
    failures_in_batches,
    increases_in_batches,
    seconds_in_batches,
    times_in_batches,
)
from harness.judge.intervals.levels import levels_of
from harness.judge.intervals.mean import mean_bounds
from harness.judge.intervals.proportion import share_bounds
from harness.judge.intervals.quantile import crossings, fewest, quantile_bounds
from harness.judge.intervals.start_noise import FAILS, NOISE, PASSES, fast, slow
from harness.judge.measure.counters import parts_of_mean, size_of
from harness.judge.measure.series import NoDataError
from harness.judge.model import Confidence
from harness.runs.model import Evidence
from harness.units import Unit

_MORE = 1 + 1e-6  # than a bucket's edge, when a quantile is in a bucket above it


def confidence(budget: Budget, evidence: Evidence) -> Confidence | None:
    """The interval of a budget's indicator.

    Args:
        budget: Its direction says which end a pass rests on.
        evidence: The run; its manifest knows the noise from start to start, if anyone does, and
            whether the run was looked at before its end.

    Returns:
        None where the value is exact, and where there is no data.
    """
    levels = levels_of(evidence.manifest)
    low, high = levels if budget.direction == "max" else reversed(levels)
    try:
        found = _confidence(budget, evidence, (low, high))
    except NoDataError:
        return None
    if found is None or not _is_time(budget):
        return found
    noise = evidence.manifest.noise.get(budget.name, NOISE)
    below, above = (FAILS, PASSES) if budget.direction == "max" else (PASSES, FAILS)
    return Confidence(
        None if found.lower is None else found.lower * fast(noise, below),
        None if found.upper is None else found.upper * slow(noise, above),
        found.fewest,
    )


def _is_time(budget: Budget) -> bool:
    """Whether starts differ: not in what is counted, and less than a bucket is wide."""
    return budget.unit is Unit.SECONDS and not isinstance(budget.indicator, Quantile)


def _confidence(
    budget: Budget, evidence: Evidence, alphas: tuple[float, float]
) -> Confidence | None:
    match budget.indicator:
        case Latency() as indicator:
            return _latency(indicator, budget, evidence, alphas)
        case ErrorRatio(request=request):
            failed, every = failures_in_batches(evidence, request)
            return _share(failed, every, budget, alphas)
        case Quantile() as indicator:
            return _quantile(indicator, budget, evidence, alphas)
        case Mean() | Ratio() | Rate() as indicator:
            return _per_event(indicator, budget, evidence, alphas)
        case _:
            return None


def _per_event(
    indicator: Mean | Ratio | Rate, budget: Budget, evidence: Evidence, alphas: tuple[float, float]
) -> Confidence | None:
    if isinstance(indicator, Rate):
        of = increases_in_batches(evidence, indicator.counter)
        size = size_of(indicator, evidence)
        seconds = seconds_in_batches(evidence, indicator.counter)
        return _mean({n: increase / size for n, increase in of.items()}, seconds, alphas)
    counters = (
        parts_of_mean(indicator.histogram)
        if isinstance(indicator, Mean)
        else (indicator.of, indicator.to)
    )
    of, to = (increases_in_batches(evidence, counter) for counter in counters)
    share = isinstance(indicator, Ratio) and budget.unit is Unit.RATIO
    if share and all(of.get(n, 0) <= to[n] for n in to):
        return _share(of, to, budget, alphas)
    return _mean(of, to, alphas)


def _latency(
    indicator: Latency, budget: Budget, evidence: Evidence, alphas: tuple[float, float]
) -> Confidence | None:
    batches = times_in_batches(evidence, indicator)
    if indicator.quantile is None:
        of = {n: (times.mean or 0.0) * times.count for n, times in enumerate(batches)}
        return _mean(of, {n: times.count for n, times in enumerate(batches)}, alphas)
    if indicator.quantile == 1:
        return None  # a bound on the longest time is one on this run
    lower, upper = quantile_bounds(batches, indicator.quantile, alphas)
    return Confidence(lower, upper, _fewest(1 - indicator.quantile, budget, alphas))


def _quantile(
    indicator: Quantile, budget: Budget, evidence: Evidence, alphas: tuple[float, float]
) -> Confidence | None:
    """By the edges of the buckets: nothing is known of what lies between them."""
    under = buckets_in_batches(evidence, indicator.histogram)
    every = under.pop(math.inf, {})
    if indicator.quantile == 1:
        return None
    batches = sorted(every)

    def over(edge: float) -> list[float]:
        return [max(0.0, every[n] - under[edge].get(n, 0.0)) for n in batches]

    totals = [every[n] for n in batches]
    values = sorted(under)
    exceeded, kept = crossings(values, over, totals, indicator.quantile, alphas)
    return Confidence(
        values[exceeded] * _MORE if exceeded >= 0 else None,
        values[kept] if kept < len(values) else None,
        _fewest(1 - indicator.quantile, budget, alphas),
    )


def _share(
    of: Batches, to: Batches, budget: Budget, alphas: tuple[float, float]
) -> Confidence | None:
    if budget.bound <= 0 or budget.bound >= 1:
        return None  # "none" and "all" are said of this run: of no other can it be shown
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

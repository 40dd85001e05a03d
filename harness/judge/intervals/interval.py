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
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from harness import names
from harness.budgets.dialects.model import MetricRole
from harness.budgets.dialects.recognise import meaning_of
from harness.budgets.model import Budget, Quantile, Rate, Ratio
from harness.judge.bounds import same
from harness.judge.intervals.levels import ONCE, ErrorLevels
from harness.judge.intervals.mean import mean_bounds
from harness.judge.intervals.proportion import certain_share, share_bounds
from harness.judge.intervals.quantile import crossings, fewest, quantile_bounds
from harness.judge.intervals.rare import FEW, counts_events, rare_bounds
from harness.judge.intervals.start_noise import widened
from harness.judge.measure.client import may_exceed, statistic
from harness.judge.measure.observation import (
    Batches,
    NothingObserved,
    Observation,
    ObservedAnswer,
    ObservedExact,
    ObservedFailures,
    ObservedHistogram,
    ObservedPerRequest,
    ObservedRate,
    ObservedRatio,
    ObservedThroughput,
    ObservedTimes,
    ObservedUtilization,
    OwnObservation,
)
from harness.judge.model import Confidence
from harness.runs.model import Distribution
from harness.units import Unit

OUTAGE = 3.0  # times the share of requests that may exceed the bound
_MORE = 1 + 1e-6  # than a bucket's edge, when a quantile is in a bucket above it
_OVER_ZERO = 1e-12  # the same for an edge of 0


def confidence(
    budget: Budget,
    observation: Observation,
    value: float | None,
    levels: ErrorLevels,
    noise: float,
) -> Confidence | None:
    """The interval of a budget's indicator.

    Args:
        budget: Its direction says which end a pass rests on.
        observation: Of its indicator.
        value: Measured from the observation.
        levels: How often a look at the run may be wrong.
        noise: Standard deviation of the logarithm of the value from start to start.

    Returns:
        None where the value is exact, and where there is no data. For a Prometheus server's answer,
        that of the harness's own scrapes, or else of the server's, widened to hold the answer.
    """
    look, run = (each if budget.direction == "max" else each[::-1] for each in (levels, ONCE))
    found = _confidence(budget, observation, look)
    if found is None:
        return None
    least, most = _possible(budget, observation)
    lower = None if found.lower is None else max(found.lower, least)
    upper = None if found.upper is None else min(found.upper, most)
    if value is not None and _is_time(budget):
        below, above = zip(look, run, strict=True)
        lower = None if lower is None else widened(lower, value, -1, noise, below)
        upper = None if upper is None else widened(upper, value, 1, noise, above)
    return replace(found, lower=lower, upper=upper)


def _possible(  # noqa: PLR0911 - a line for each kind
    budget: Budget, observation: Observation
) -> tuple[float, float]:
    """The least and the greatest value that the indicator can have in this start of the service.

    Counts and times are not negative. No quantile or mean of times is under the least of them. The
    greatest of them limits nothing: a run that is longer may find a greater one.
    """
    match observation:
        case ObservedTimes(times=times, waits=waits) if budget.unit is Unit.SECONDS:
            every = Distribution.merge((times, waits.of(observation.indicator.of)))
            return (every.values[0] if every.count else 0.0), math.inf
        case ObservedRatio(indicator=Ratio(of=of, to=to)):
            # A part of the whole is no more than it.
            part = of.metric == to.metric and to.where.items() <= of.where.items()
            return 0.0, 1.0 if part else math.inf
        case ObservedRate(indicator=indicator) if _is_use_of_all_cpus(indicator):
            # No more time than all CPUs have, but for the moments at which the counter was read.
            return 0.0, max(1.0, observation.per_second / observation.divisor)
        case ObservedTimes() | ObservedFailures() | ObservedThroughput() | ObservedHistogram():
            return 0.0, math.inf
        case ObservedRatio() | ObservedPerRequest() | ObservedRate() | ObservedUtilization():
            return 0.0, math.inf
        case ObservedAnswer(own=own, scatter=scatter):
            known = scatter if scatter and isinstance(own, NothingObserved) else own
            return _possible(budget, known)
        case ObservedExact() | NothingObserved():
            return -math.inf, math.inf
        case _:
            assert_never(observation)


def _is_use_of_all_cpus(indicator: Rate) -> bool:
    """Whether it is CPU time over the CPUs; other rates may be divided by their number as well."""
    meaning = meaning_of(indicator.counter.metric)
    return (
        indicator.to is not None
        and indicator.to.metric == names.CPU_COUNT
        and meaning is not None
        and meaning.role in {MetricRole.CPU, MetricRole.TREE_CPU}
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
        case ObservedFailures():
            return _failures(observation, budget, alphas)
        case ObservedHistogram():
            return _quantile(observation, budget, alphas)
        case ObservedRatio():
            return _per_event(observation, budget, alphas)
        case ObservedPerRequest():
            return _per_request(observation, budget, alphas)
        case ObservedRate():
            return _rate(observation, budget, alphas)
        case ObservedThroughput() | ObservedExact() | ObservedUtilization():
            return None
        case ObservedAnswer(own=own, scatter=scatter, found=value):
            known = scatter if isinstance(own, NothingObserved) else own
            return None if known is None else _with_answer(budget, known, value, alphas)
        case NothingObserved():
            return None
        case _:
            assert_never(observation)


def _with_answer(
    budget: Budget,
    known: OwnObservation,
    found: float | ObservedHistogram,
    alphas: tuple[float, float],
) -> Confidence | None:
    """An interval that holds a server's answer; a histogram is judged at the edges of buckets."""
    if isinstance(known, ObservedHistogram) and not known.batches:
        return Confidence(None, None)
    interval = _confidence(budget, known, alphas)
    if interval is None or isinstance(found, ObservedHistogram):
        return interval
    return Confidence(
        None if interval.lower is None else min(interval.lower, found),
        None if interval.upper is None else max(interval.upper, found),
        interval.fewest,
    )


def _per_event(
    observed: ObservedRatio, budget: Budget, alphas: tuple[float, float]
) -> Confidence | None:
    of, to = observed.of_batches, observed.to_batches
    share = isinstance(observed.indicator, Ratio) and budget.unit is Unit.RATIO
    if share and all(of[n] <= to.get(n, 0) for n in of):
        return _share(of, to, budget, alphas)
    return _events(of, to, budget, alphas) if counts_events(budget) else _mean(of, to, alphas)


def _rate(observed: ObservedRate, budget: Budget, alphas: tuple[float, float]) -> Confidence | None:
    increases = {n: one / observed.divisor for n, one in observed.increases.items()}
    if counts_events(budget):
        return _events(increases, observed.seconds, budget, alphas)
    return _mean(increases, observed.seconds, alphas)


def _per_request(
    observed: ObservedPerRequest, budget: Budget, alphas: tuple[float, float]
) -> Confidence | None:
    """The lower end is as if each unanswered request reached the counted part, the upper not."""
    of, made, answered = observed.of_batches, observed.made_batches, observed.to_batches
    if not counts_events(budget):
        return Confidence(_mean(of, made, alphas).lower, _mean(of, answered, alphas).upper)
    least, most = (_events(of, to, budget, alphas) for to in (made, answered))
    return Confidence(least.lower, most.upper) if least and most else None


def _events(
    of: Batches, to: Batches, budget: Budget, alphas: tuple[float, float]
) -> Confidence | None:
    """As `_mean`; where events are rare, no narrower than their number allows.

    Rare are fewer than one per second, or per event: more may come at regular intervals.
    """
    if budget.bound <= 0:
        return None  # "none" is exact for this run, and cannot be shown for others
    found, count, weight = _mean(of, to, alphas), math.fsum(of.values()), math.fsum(to.values())
    if weight <= 0 or count >= min(FEW, weight):
        return found
    low, high = rare_bounds(count, weight, *alphas)
    return Confidence(
        None if found.lower is None else min(found.lower, low),
        None if found.upper is None else max(found.upper, high),
    )


def _latency(
    observed: ObservedTimes, budget: Budget, alphas: tuple[float, float]
) -> Confidence | None:
    """The lower end is as if each unanswered request ended now, the upper one as if none did."""
    quantile, fewest = observed.indicator.quantile, 0
    unanswered = observed.waits.of(observed.indicator.of).count
    if quantile == 1:
        return None  # a bound on the longest time is one on this run
    if quantile is None:
        found = _mean_of_times(observed.batches, alphas)
        lower, upper = found.lower, found.upper
        if unanswered:
            upper = None
    else:
        lower, upper = quantile_bounds(observed.batches, quantile, alphas)
        if unanswered:
            _, upper = quantile_bounds(observed.unending, quantile, alphas)
        fewest = _fewest(_others(quantile, budget), budget, alphas)
    if _is_outage(observed, budget, alphas[0]):
        lower = statistic(observed.shortest, observed.indicator)
    return Confidence(lower, None if upper == math.inf else upper, fewest)


def _mean_of_times(batches: Sequence[Distribution], alphas: tuple[float, float]) -> Confidence:
    counts = [times.count for times in batches]
    sums = ((times.mean or 0.0) * count for times, count in zip(batches, counts, strict=True))
    return _mean(dict(enumerate(sums)), dict(enumerate(counts)), alphas)


def _is_outage(observed: ObservedTimes, budget: Budget, alpha: float) -> bool:
    """Whether the service stopped answering, so that the value of the run is the verdict.

    Batches before and after such a moment differ too much to say anything by their scatter. As for
    a breach that aborts a run (`stopping.abort`), more than three times the share of requests that
    may exceed the bound must have done so: here without an answer, after a wait that is longer.
    """
    waits = observed.waits.of(observed.indicator.of)
    over = (waits.share_over(budget.bound) or 0.0) * waits.count
    total = observed.shortest.count
    may = may_exceed(observed.indicator)
    return (
        budget.direction == "max"
        and over > OUTAGE * may * total
        and certain_share(over, total, alpha) > may
    )


def _failures(
    observed: ObservedFailures, budget: Budget, alphas: tuple[float, float]
) -> Confidence | None:
    """The lower end is as if no unanswered request failed, the upper one as if each did."""
    failed, total, unanswered = observed.failed, observed.total, observed.unanswered
    found = _share(failed, total, budget, alphas)
    if found is None or not unanswered:
        return found
    numbers = {*total, *unanswered}
    every = {n: total.get(n, 0) + unanswered.get(n, 0) for n in numbers}
    most = {n: failed.get(n, 0) + unanswered.get(n, 0) for n in numbers}
    least, highest = (_share(of, every, budget, alphas) for of in (failed, most))
    assert least is not None
    assert highest is not None
    return Confidence(least.lower, highest.upper, found.fewest)


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
    at = next((edge for edge in values if same(edge, budget.bound)), None)
    return Confidence(
        values[exceeded] * _MORE or _OVER_ZERO if exceeded >= 0 else None,
        values[kept] if kept < len(values) else None,
        _fewest(_others(quantile, budget), budget, alphas),
        None if at is None else share_bounds(over(at), totals, *alphas),
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
    numbers = sorted({*of, *to})
    sums, weights = ([one.get(n, 0) for n in numbers] for one in (of, to))
    bounds = mean_bounds(sums, weights, *alphas)
    lower, upper = (bound if math.isfinite(bound) else None for bound in bounds)
    return Confidence(lower, upper)


def _others(quantile: float, budget: Budget) -> float:
    """The share of the observations that may be on the other side of the bound of a quantile."""
    return 1 - quantile if budget.direction == "max" else quantile


def _fewest(share: float, budget: Budget, alphas: tuple[float, float]) -> int:
    """Observations that a pass takes when none of them is bad."""
    return fewest(share, alphas[1] if budget.direction == "max" else alphas[0])

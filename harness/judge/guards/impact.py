"""Which verdicts a fault of the load generator may explain; all others stand.

A generator that is late adds to the times that it measures, and never takes from them. So in the
open model, where each request is made and counts from its intended start, a budget that holds in
spite of that holds; and a breach stands when it is too large to be made of lateness alone. In the
closed model a late generator sends fewer requests, and service time misses what was sent late:
there a budget that holds proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import assert_never

from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Latency,
    ServiceIndicator,
    Throughput,
)
from harness.judge.bounds import holds
from harness.judge.guards.readings import GeneratorReading
from harness.judge.intervals.interval import OUTAGE
from harness.judge.measure.client import may_exceed, statistic
from harness.judge.measure.measure import Measured, MeasuredBudgets
from harness.judge.measure.observation import (
    NothingObserved,
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
    RequestCount,
)
from harness.names import (
    GENERATOR_CANARY,
    GENERATOR_LOOP_LAG,
    LATENCY,
    SCHEDULER_LAG,
    START_LAG,
)
from harness.runs.model import Distribution

LAGS = (GENERATOR_LOOP_LAG, GENERATOR_CANARY, SCHEDULER_LAG)
# What is under 5 ms, or under a tenth of the bound, changes the load too little to matter.
LAG_FLOOR = 0.005
LAG_SHARE = 0.1
# Probes are spread evenly over time and requests are not: where many come at once they are late
# more often than the probes are. Measured with `benchmarks/guards.py`.
BURSTS = 2.0
# What a Python client takes to send a request and to read its answer, seconds; no probe sees it.
OWN_TIME = 0.0005
# A wait that no pause explains: seconds, and multiples of the longest answer.
_LONG = 1.0
_TIMES_LONGEST = 10.0
_TAILS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)


def explained_by_lag(measured: MeasuredBudgets, generator: GeneratorReading) -> tuple[str, ...]:
    """Names of the budgets whose verdict may be due to the generator's own lateness."""
    return tuple(one.name for one in measured if _explained_by_lag(one, generator))


def explained_by_pauses(measured: MeasuredBudgets, generator: GeneratorReading) -> tuple[str, ...]:
    """Names of the budgets whose verdict may be due to pauses of the whole machine."""
    return tuple(one.name for one in measured if _explained_by_pauses(one, generator))


def explained_by_unknown(
    measured: MeasuredBudgets, unknown: int, age: float = math.inf
) -> tuple[str, ...]:
    """Names of the budgets whose verdict the outcome of some requests may have changed.

    Args:
        measured: The budgets that are judged.
        unknown: Requests that were lost, or never sent. Each of them may have been one that the
            budget is on, and may have failed.
        age: Seconds that each of them took at least.
    """
    if not unknown:
        return ()
    return tuple(one.name for one in measured if _explained_by_unknown(one, unknown, age))


def explained_by_unanswered(
    measured: MeasuredBudgets, unknown: int, age: float = 0.0
) -> tuple[str, ...]:
    """Names of the budgets whose verdict depends on how unanswered requests would have ended.

    Args:
        measured: The budgets that are judged; their observations have the unanswered requests.
        unknown: Unanswered requests that the observations do not have, as in
            `explained_by_unknown`.
        age: Seconds that each of those took at least.
    """
    return tuple(one.name for one in measured if _explained_by_unknown(one, unknown, age))


def breached_by_silence(one: Measured) -> bool:
    """Whether a latency is breached because the service stopped answering.

    No pause and no shortage of CPUs explains that: a service that is short of CPUs answers the
    oldest requests, late. So more than three times the requests that may exceed the bound must be
    unanswered and have waited for ten times longer than any answer took, and for over a second.
    """
    observed, budget = one.observation, one.budget
    if not isinstance(observed, ObservedTimes) or budget.direction != "max" or one.holds:
        return False
    waits = observed.waits.of(observed.indicator.of)
    long = max(budget.bound, _LONG, _TIMES_LONGEST * (observed.times.quantile(1.0) or 0.0))
    silent = (waits.share_over(long) or 0.0) * waits.count
    return silent > OUTAGE * may_exceed(observed.indicator) * observed.shortest.count


def allowed_lag(budget: Budget) -> float:
    """The longest lag that does not matter where it changes the load, in seconds."""
    return max(LAG_FLOOR, LAG_SHARE * budget.bound)


def timed(measured: Iterable[Measured]) -> list[Measured]:
    """The budgets that limit a time that the generator measured."""
    return [one for one in measured if _limits_latency(one.budget)]


def _limits_latency(budget: Budget) -> bool:
    return isinstance(budget.indicator, Latency) and budget.direction == "max"


def _explained_by_lag(one: Measured, generator: GeneratorReading) -> bool:
    observed = one.observation
    if not isinstance(observed, ObservedTimes) or one.budget.direction != "max":
        return False
    if one.holds:
        lag = max(generator.lag(what) or 0.0 for what in LAGS)
        return _proves_nothing(observed.indicator, generator) and lag > allowed_lag(one.budget)
    return one.holds is False and not _breached_anyway(one.budget, observed, generator)


def _breached_anyway(budget: Budget, observed: ObservedTimes, generator: GeneratorReading) -> bool:
    """Whether a generator that is never late would have measured a breach as well.

    For any d, P(true time > bound) >= P(measured > bound + d) - P(lateness > d), whatever the two
    have to do with each other. The breach is certain when some d makes that more than 1 - q.
    """
    times, added = observed.shortest, LAGS
    if generator.users_ran_out:
        # While all users are busy, what delays their answers delays the requests that wait for a
        # user many times over: then only the time from the real start is known to be the service's.
        if any((generator.lag(what) or 0.0) > allowed_lag(budget) for what in LAGS):
            times = observed.shortest_service_times
    elif generator.lags.get(START_LAG):
        added = (GENERATOR_LOOP_LAG, GENERATOR_CANARY, START_LAG)  # all of it is the generator's
    quantile = observed.indicator.quantile
    if quantile is None:
        lateness = sum(generator.mean_lag(what) for what in added)
        return (times.mean or 0.0) - BURSTS * lateness - OWN_TIME > budget.bound
    return any(
        (times.share_over(budget.bound + late) or 0.0) > 1 - quantile + min(1.0, BURSTS * share)
        for share, late in _lateness(generator, added)
    )


def _lateness(generator: GeneratorReading, added: Iterable[str]) -> Iterator[tuple[float, float]]:
    """Shares of the time with the lateness that is exceeded in them, these lags added up."""
    for share in (0.0, *_TAILS):
        yield share, OWN_TIME + sum(generator.lag(what, 1 - share) or 0.0 for what in added)


def _explained_by_pauses(one: Measured, generator: GeneratorReading) -> bool:
    indicator = one.budget.indicator
    if isinstance(indicator, ServiceIndicator):
        return False  # the service measures them
    match indicator:
        case Latency():
            if one.holds:
                return _proves_nothing(indicator, generator)
            return one.holds is False and not breached_by_silence(one)
        case Throughput():
            return one.holds is False
        case ErrorRatio():
            return False
        case _:
            assert_never(indicator)


def _proves_nothing(indicator: Latency, generator: GeneratorReading) -> bool:
    """Whether a time that holds proves nothing when the generator was late."""
    return indicator.of != LATENCY or generator.closed


def _explained_by_unknown(  # noqa: PLR0911 - a line for each kind
    one: Measured, unknown: int, age: float
) -> bool:
    observed = one.observation
    match observed:
        case ObservedTimes():
            return _time_changes(one, observed, unknown, age)
        case ObservedFailures(count=count):
            return _ratio_changes(one.budget, count, unknown)
        case NothingObserved(indicator=ErrorRatio()):
            return bool(unknown) and _ratio_changes(one.budget, RequestCount(), unknown)
        case NothingObserved() | ObservedThroughput():
            return False  # unanswered requests are no throughput
        case ObservedPerRequest(of=of, count=count):
            sides = (of / count.total, of / (count.made + unknown))
            return _changes(one.budget, sides)
        case ObservedHistogram() | ObservedRatio() | ObservedRate():
            return False  # the service counts for itself
        case ObservedExact() | ObservedUtilization() | ObservedAnswer():
            return False
        case _:
            assert_never(observed)


def _ratio_changes(budget: Budget, count: RequestCount, unknown: int) -> bool:
    """Whether these requests, all failed or none, lead to different verdicts."""
    unknown += count.unanswered
    every = count.total + unknown
    return _changes(budget, (count.failed / every, (count.failed + unknown) / every))


def _changes(budget: Budget, values: Iterable[float]) -> bool:
    """Whether some values keep the bound, and others do not."""
    return len({holds(value, budget.bound, budget.direction) for value in values}) == 2


def _time_changes(one: Measured, observed: ObservedTimes, unknown: int, age: float) -> bool:
    """Whether these requests, all as slow or all as fast as possible, change the verdict."""
    if one.holds is None:
        return False
    if observed.indicator.outcome == "error" and observed.count.unanswered:
        unknown, age = unknown + observed.count.unanswered, 0.0  # each of them may fail
    outcomes = {one.holds}
    for times, each in ((observed.longest, math.inf), (observed.shortest, age)):
        more = (Distribution((each,), (unknown,)),) if unknown else ()
        every = Distribution.merge((times, *more))
        value = statistic(every, observed.indicator)
        outcomes.add(value is not None and holds(value, one.budget.bound, one.budget.direction))
    return len(outcomes) == 2

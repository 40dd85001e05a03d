"""Which verdicts a fault of the load generator may explain; all others stand.

A generator that is late adds to the times that it measures, and never takes from them. So in the
open model, where each request is made and counts from its intended start, a budget that holds in
spite of that holds; and a breach stands when it is too large to be made of lateness alone. In the
closed model a late generator sends fewer requests, and service time misses what was sent late:
there a budget that holds proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import assert_never

from harness.budgets.model import (
    Budget,
    ClientIndicator,
    ErrorRatio,
    Latency,
    ServiceIndicator,
)
from harness.judge.bounds import holds
from harness.judge.guards.excess import LossByBatch, breached_in_spite_of, may_be_off
from harness.judge.guards.lateness import (
    LAGS,
    allowed_lag,
    breached_by_kernel_times,
    certainly_breached,
)
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
from harness.names import LATENCY
from harness.runs.model import Distribution, batch_seconds
from harness.units import bucket_text, format_quantity

# A wait that no pause explains: seconds, and multiples of the longest answer.
_LONG = 1.0
_TIMES_LONGEST = 10.0


def explained_by_lag(
    measured: MeasuredBudgets, generator: GeneratorReading
) -> tuple[tuple[Measured, float | None], ...]:
    """The budgets whose verdict may be due to the generator's own lateness.

    Returns:
        Each with the seconds by which a breached time may be too long; None for a budget that
        holds.
    """
    found: list[tuple[Measured, float | None]] = []
    for one in measured:
        observed = one.observation
        if not isinstance(observed, ObservedTimes) or one.budget.direction != "max":
            continue
        if one.holds:
            lag = max(generator.lag(what) or 0.0 for what in LAGS)
            if _proves_nothing(observed.indicator, generator) and lag > allowed_lag(one.budget):
                found.append((one, None))
        elif one.holds is False:
            certainly = certainly_breached(one.budget, observed, generator)
            if not certainly(one.budget.bound):
                found.append((one, may_be_off(one.measurement.value or 0.0, certainly)))
    return tuple(found)


def explained_by_saturation(
    measured: MeasuredBudgets, generator: GeneratorReading
) -> tuple[str, ...]:
    """Names of the budgets whose verdict may be due to a generator that was short of CPU.

    In the open model a latency that the kernel timed contains nothing of the generator but the
    lateness of its start, which is known.
    """
    return tuple(
        one.name
        for one in measured
        if isinstance(one.budget.indicator, ClientIndicator) and not _stands(one, generator)
    )


def _stands(one: Measured, generator: GeneratorReading) -> bool:
    observed = one.observation
    if not isinstance(observed, ObservedTimes) or one.budget.direction != "max":
        return False
    if _proves_nothing(observed.indicator, generator) or generator.users_ran_out:
        return False
    if one.holds:
        return observed.by_kernel > observed.times.count / 2
    certainly = breached_by_kernel_times(one.budget, observed, generator)
    return one.holds is False and certainly(one.budget.bound)


def explained_by_pauses(
    measured: MeasuredBudgets, generator: GeneratorReading, lost: LossByBatch
) -> tuple[tuple[Measured, float | None], ...]:
    """The budgets whose verdict may be due to pauses of the whole machine, and by how much.

    Args:
        measured: The budgets that are judged.
        generator: What the load generator reported.
        lost: The seconds that the pauses took, by batch of the window.

    Returns:
        Each with the result of `too_far_by_pauses`; None for a budget that holds.
    """
    found: list[tuple[Measured, float | None]] = []
    for one in measured:
        indicator = one.budget.indicator
        if isinstance(indicator, ServiceIndicator):
            continue  # the service measures them
        if isinstance(indicator, Latency) and one.holds:
            if _proves_nothing(indicator, generator):
                found.append((one, None))
        elif one.holds is False and (off := too_far_by_pauses(one, lost)) is not None:
            found.append((one, off))
    return tuple(found)


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


def timed(measured: Iterable[Measured]) -> list[Measured]:
    """The budgets that limit a time that the generator measured."""
    return [one for one in measured if _limits_latency(one.budget)]


def _limits_latency(budget: Budget) -> bool:
    return isinstance(budget.indicator, Latency) and budget.direction == "max"


def too_far_by_pauses(one: Measured, lost: LossByBatch) -> float | None:
    """By how much a breached time or throughput may be off because of pauses, in its unit.

    Args:
        one: A budget that is breached.
        lost: The seconds that the pauses took, by batch.

    Returns:
        None when the breach stands whatever the pauses have added, and for what pauses do not
        change.
    """
    observed, budget = one.observation, one.budget
    value = one.measurement.value or 0.0
    match observed:
        case ObservedTimes():
            if budget.direction != "max" or breached_by_silence(one):
                return None
            certainly = breached_in_spite_of(lost, observed)
            return None if certainly(budget.bound) else may_be_off(value, certainly)
        case ObservedThroughput(seconds=seconds):
            # What was lost after the window withheld none of its requests.
            share = lost.since(0, math.ceil(seconds / batch_seconds(seconds)) - 1) / seconds
            off = value * share / (1 - share) if share < 1 else math.inf
            return off if budget.direction == "min" and value + off >= budget.bound else None
        case ObservedHistogram() | ObservedRatio():
            off = lost.total  # of one observation, and so of each and of their mean
            return off if value - off <= budget.bound else None
        case ObservedFailures() | ObservedPerRequest() | NothingObserved():
            return None
        case ObservedRate() | ObservedExact() | ObservedUtilization() | ObservedAnswer():
            return math.inf  # a sum of several series, or not known
        case _:
            assert_never(observed)


def off_by(one: Measured, off: float | None) -> str:
    """A budget's name, by how much it misses its bound, and by how much its value may be off."""
    value, bound, unit = one.measurement.value, one.budget.bound, one.budget.unit
    if value is None or one.holds:
        return one.name
    sides = ("over", "high") if one.budget.direction == "max" else ("under", "low")
    found = f"{format_quantity(abs(value - bound), unit)} {sides[0]} its bound"
    if one.measurement.bucket is not None:  # the distance of a bucket is not known
        found = bucket_text(one.measurement.bucket, unit)
    if off is None or not math.isfinite(off):
        return f"{one.name} ({found})"
    return f"{one.name} ({found}, and perhaps {format_quantity(off, unit)} too {sides[1]})"


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

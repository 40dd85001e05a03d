"""Which verdicts a fault of the load generator could have turned; all others stand.

A generator that is late adds to the times that it measures, and never takes from them. So in the
open model, where each request is made and counts from its intended start, a budget that holds in
spite of that holds; and a breach stands when it is too large to be made of lateness alone. In the
closed model a late generator asks less of the service, and service time misses what was sent late:
there a budget that holds proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from harness.budgets.model import Budget, ErrorRatio, Latency, Throughput
from harness.judge.bounds import holds
from harness.judge.guards.readings import is_closed, lags, users_ran_out
from harness.judge.measure.client import requests, times_of
from harness.judge.measure.measure import measure
from harness.names import (
    GENERATOR_CANARY,
    GENERATOR_LOOP_LAG,
    LATENCY,
    SCHEDULER_LAG,
    SERVICE_TIME,
    START_LAG,
)
from harness.runs.model import Distribution, Evidence

Budgets = tuple[Budget, ...]

LAGS = (GENERATOR_LOOP_LAG, GENERATOR_CANARY, SCHEDULER_LAG)
# What is under 5 ms, or under a tenth of the bound, asks too little less of a service to matter.
LAG_FLOOR = 0.005
LAG_SHARE = 0.1
# Probes are spread evenly over time and requests are not: where many come at once they are late
# more often than the probes are. Measured with `benchmarks/guards.py`.
BURSTS = 2.0
# What a Python client takes to send a request and to read its answer, seconds; no probe sees it.
OWN_TIME = 0.0005
_TAILS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)


def turned_by_lag(budgets: Budgets, evidence: Evidence) -> tuple[str, ...]:
    """Names of the budgets whose verdict could be due to the generator's own lateness."""
    return tuple(b.name for b in budgets if _turned_by_lag(b, evidence))


def turned_by_pauses(budgets: Budgets, evidence: Evidence) -> tuple[str, ...]:
    """Names of the budgets whose verdict could be due to pauses that the host forced upon all."""
    return tuple(b.name for b in budgets if _turned_by_pauses(b, evidence))


def turned_by_unknown(
    budgets: Budgets, evidence: Evidence, unknown: int, age: float = math.inf
) -> tuple[str, ...]:
    """Names of the budgets whose verdict the outcome of some requests could have turned.

    Args:
        budgets: Those that are judged.
        evidence: The run.
        unknown: Requests that were never answered, or never sent. Each of them may have been one
            that the budget is on, and may have failed.
        age: Seconds that each of them took at least.
    """
    if not unknown:
        return ()
    return tuple(b.name for b in budgets if _turned_by_unknown(b, evidence, unknown, age))


def met(budget: Budget, evidence: Evidence) -> bool | None:
    """Whether a budget holds by what was measured; None when nothing was."""
    measured = measure(budget, evidence)
    if measured.meets is not None:
        return measured.meets
    if measured.value is None:
        return None
    return holds(measured.value, budget.bound, budget.direction)


def allowed_lag(budget: Budget) -> float:
    """The longest lag that does not matter where it changes what the service is asked."""
    return max(LAG_FLOOR, LAG_SHARE * budget.bound)


def worst(evidence: Evidence, what: str, quantile: float = 0.99) -> float | None:
    """A quantile of a lag, of the generator where it is highest; None when there are none."""
    found = (lag.quantile(quantile) for lag in lags(evidence, what).values())
    return max((value for value in found if value is not None), default=None)


def timed(budgets: Iterable[Budget]) -> list[Budget]:
    """The budgets that limit a time that the generator measured."""
    return [b for b in budgets if isinstance(b.indicator, Latency) and b.direction == "max"]


def _turned_by_lag(budget: Budget, evidence: Evidence) -> bool:
    if not isinstance(budget.indicator, Latency) or budget.direction != "max":
        return False
    held = met(budget, evidence)
    if held is False:
        return not _breached_anyway(budget, budget.indicator, evidence)
    lag = max((worst(evidence, what) or 0.0 for what in LAGS), default=0.0)
    return held is True and _proves_nothing(budget, evidence) and lag > allowed_lag(budget)


def _breached_anyway(budget: Budget, indicator: Latency, evidence: Evidence) -> bool:
    """Whether a generator that is never late would have measured a breach as well.

    For any d, P(true time > bound) >= P(measured > bound + d) - P(lateness > d), whatever the two
    have to do with each other. The breach is certain when some d makes that more than 1 - q.
    """
    added = LAGS
    if users_ran_out(evidence):
        # While all users are busy, what delays their answers delays the requests that wait for a
        # user many times over: then only the time from the real start is known to be the service's.
        if any((worst(evidence, what) or 0.0) > allowed_lag(budget) for what in LAGS):
            indicator = replace(indicator, of=SERVICE_TIME)
    elif lags(evidence, START_LAG):
        added = (GENERATOR_LOOP_LAG, GENERATOR_CANARY, START_LAG)  # all of it is the generator's
    times = times_of(evidence, indicator, indicator.request)
    if indicator.quantile is None:
        lateness = sum(_mean(lags(evidence, what).values()) for what in added)
        return (times.mean or 0.0) - BURSTS * lateness - OWN_TIME > budget.bound
    may_miss = 1 - indicator.quantile
    return any(
        (times.share_over(budget.bound + late) or 0.0) > may_miss + min(1.0, BURSTS * share)
        for share, late in _lateness(evidence, added)
    )


def _lateness(evidence: Evidence, added: Iterable[str]) -> Iterator[tuple[float, float]]:
    """Shares of the time with the lateness that is exceeded in them, these lags added up."""
    for share in (0.0, *_TAILS):
        yield share, OWN_TIME + sum(worst(evidence, what, 1 - share) or 0.0 for what in added)


def _mean(found: Iterable[Distribution]) -> float:
    return max((d.mean or 0.0 for d in found), default=0.0)


def _turned_by_pauses(budget: Budget, evidence: Evidence) -> bool:
    holding = met(budget, evidence)
    match budget.indicator:
        case Latency():
            return holding is False or (holding is True and _proves_nothing(budget, evidence))
        case Throughput():
            return holding is False
        case _:
            return False


def _proves_nothing(budget: Budget, evidence: Evidence) -> bool:
    of = budget.indicator.of if isinstance(budget.indicator, Latency) else LATENCY
    return of != LATENCY or is_closed(evidence)


def _turned_by_unknown(budget: Budget, evidence: Evidence, unknown: int, age: float) -> bool:
    match budget.indicator:
        case Latency() as indicator:
            return _time_turned(budget, indicator, evidence, unknown, age)
        case ErrorRatio(request=request):
            found = requests(evidence)
            counts = [found.get(request, (0, 0))] if request else list(found.values())
            failed, total = sum(bad for _, bad in counts), sum(map(sum, counts))
            shares = (failed / (total + unknown), (failed + unknown) / (total + unknown))
            return len({holds(share, budget.bound, budget.direction) for share in shares}) == 2
        case _:
            return False  # what was never answered is no throughput; the service counts for itself


def _time_turned(
    budget: Budget, indicator: Latency, evidence: Evidence, unknown: int, age: float
) -> bool:
    """Whether these requests, all as slow as can be or all as fast as can be, turn the verdict."""
    times = times_of(evidence, indicator, indicator.request)
    held = met(budget, evidence)
    if held is None:
        return False
    outcomes = {held}
    for each in (math.inf, age):
        every = Distribution.merge((times, Distribution((each,), (unknown,))))
        value = every.mean if indicator.quantile is None else every.quantile(indicator.quantile)
        outcomes.add(value is not None and holds(value, budget.bound, budget.direction))
    return len(outcomes) == 2

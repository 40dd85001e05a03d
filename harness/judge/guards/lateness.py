"""By how much the generator's own lateness may have made times too long.

Where the event loop timed the answers, the lateness of their reading adds to that of the sending.
Where the kernel timed them, only lateness before the sending is left: it is known in the open
model; in the closed model it bunches the requests that follow, each of which then waits at the
service for as long as the loop was late, at most (Lindley 1952, Proceedings of the Cambridge
Philosophical Society 48).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from harness.budgets.model import Budget
from harness.judge.bounds import FLOAT_NOISE
from harness.judge.guards.readings import GeneratorReading
from harness.judge.measure.observation import ObservedTimes
from harness.names import (
    GENERATOR_CANARY,
    GENERATOR_LOOP_LAG,
    LATENCY,
    SCHEDULER_LAG,
    START_LAG,
)
from harness.runs.model import Distribution

if TYPE_CHECKING:
    from harness.judge.guards.tails import Floats, Tails

# Whether a bound is breached for certain.
IsBreached = Callable[[float], bool]

LAGS = (GENERATOR_LOOP_LAG, GENERATOR_CANARY, SCHEDULER_LAG)
# What is under 5 ms, or under a tenth of the bound, changes the load too little to matter.
LAG_FLOOR = 0.005
LAG_SHARE = 0.1
# Probes are spread evenly over time and requests are not: where many come at once they are late
# more often than the probes are. Measured with `benchmarks/guards.py`.
BURSTS = 2.0
# What a Python client takes to send a request and to read its answer, seconds; no probe sees it.
OWN_TIME = 0.0005
_AT_ONCE = 2000  # batches whose lags are in memory together
# Of the time, ascending.
SHARES = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4)


class _Added(NamedTuple):
    """What the generator may have added to times.

    Attributes:
        times: The times, with the shortest waits of unanswered requests.
        lags: Groups of lags. A request meets the largest one of each group, and all groups.
        unknown: How many of the times may contain any other lag as well.
    """

    times: Distribution
    lags: tuple[tuple[str, ...], ...]
    unknown: int = 0


def allowed_lag(budget: Budget) -> float:
    """The longest lag that does not matter where it changes the load, in seconds."""
    return max(LAG_FLOOR, LAG_SHARE * budget.bound)


def certainly_breached(
    budget: Budget, observed: ObservedTimes, generator: GeneratorReading
) -> IsBreached:
    """Whether a generator that is never late would have measured a breach of a bound as well."""
    by_loop = _breached(budget, observed, generator, _added_to_loop_times)
    by_kernel = breached_by_kernel_times(budget, observed, generator)
    return lambda bound: by_loop(bound) or by_kernel(bound)


def breached_by_kernel_times(
    budget: Budget, observed: ObservedTimes, generator: GeneratorReading
) -> IsBreached:
    """As `certainly_breached`, from the times that the kernel took alone."""
    if not observed.by_kernel:
        return lambda _: False
    return _breached(budget, observed, generator, _added_to_kernel_times)


def usual_lateness(observed: ObservedTimes, generator: GeneratorReading) -> float:
    """How much of the times is the generator's own lateness on average, in seconds.

    A late start counts where it is the generator's alone: not while arrivals waited for users.
    """
    start = 0.0
    if observed.indicator.of == LATENCY and not generator.users_ran_out:
        start = generator.mean_lag(START_LAG)
    by_loop = max(0.0, 1 - observed.by_kernel / max(1, observed.times.count))
    read = max(generator.mean_lag(what) for what in (GENERATOR_LOOP_LAG, GENERATOR_CANARY))
    return start + by_loop * read


def _added_to_loop_times(
    budget: Budget, observed: ObservedTimes, generator: GeneratorReading
) -> _Added:
    if _queued_for_users(budget, generator):
        return _Added(observed.shortest_service_times, tuple((what,) for what in LAGS))
    start = SCHEDULER_LAG
    if generator.lags.get(START_LAG) and not generator.users_ran_out:
        start = START_LAG  # all of it is the generator's
    return _Added(observed.shortest, ((GENERATOR_LOOP_LAG,), (GENERATOR_CANARY,), (start,)))


def _added_to_kernel_times(
    budget: Budget, observed: ObservedTimes, generator: GeneratorReading
) -> _Added | None:
    unknown = max(0, observed.times.count - observed.by_kernel)
    if _queued_for_users(budget, generator):
        return _Added(observed.shortest_service_times, (LAGS,), unknown)
    if generator.users_ran_out:
        return None  # what is read late frees its user late, for whom other requests wait
    if not generator.lags.get(START_LAG):
        return _Added(observed.shortest, (LAGS,), unknown)
    others = (GENERATOR_LOOP_LAG, GENERATOR_CANARY) if generator.closed else ()
    return _Added(observed.shortest, ((START_LAG, *others),), unknown)


def _queued_for_users(budget: Budget, generator: GeneratorReading) -> bool:
    """Whether requests waited for users whose answers were read late.

    What delays the answers of busy users delays the requests that wait for a user many times over:
    then only the time from the real start is known to be the service's.
    """
    late = any((generator.lag(what) or 0.0) > allowed_lag(budget) for what in LAGS)
    return generator.users_ran_out and late


def _breached(
    budget: Budget,
    observed: ObservedTimes,
    generator: GeneratorReading,
    find: Callable[[Budget, ObservedTimes, GeneratorReading], _Added | None],
) -> IsBreached:
    """Whether a bound is breached in spite of what the generator may have added.

    A request that is over `bound + d` is over the bound without the lateness as well, or it was
    late by L > d and over `bound + d - L` by itself. As a request takes at most what was measured,
    P(true > bound) >= P(measured > bound + d) - E[P(measured > bound + d - L); L > d]. This holds
    for lateness that does not depend on the request; the share of late readings counts twice, which
    allows twice as many slow requests among the late ones. The breach is certain when some share of
    late readings makes that more than 1 - q: for the whole window, or for the sum over the batches,
    each of which has its own d.
    """
    from harness.judge.guards.tails import Tails  # numpy takes 0.1 s, which most runs save

    added = find(budget, observed, generator)
    if added is None:
        return lambda _: False
    times, lags, unknown = added
    quantile = observed.indicator.quantile
    if quantile is None:
        mean = (times.mean or 0.0) - _mean_lateness(added, generator)
        return lambda bound: mean > bound

    @cache
    def whole() -> tuple[Tails, Floats]:
        return Tails([times]), _lateness(generator, lags)

    @cache
    def by_batch() -> tuple[Tails, Floats]:
        late = _lateness_by_batch(budget, observed, generator, lags)
        return Tails(observed.batches), late

    of_latencies = times == observed.shortest  # as the batches are
    ways = (whole, by_batch) if of_latencies else (whole,)
    allowed = (1 - quantile) * times.count * (1 + FLOAT_NOISE) + unknown

    def breached(bound: float) -> bool:
        for tails, late in (way() for way in ways):
            if any(_are_over(tails, bound, late[:, : n + 1], allowed) for n in range(len(SHARES))):
                return True
        return False

    return breached


def _mean_lateness(added: _Added, generator: GeneratorReading) -> float:
    lateness = sum(max(generator.mean_lag(what) for what in group) for group in added.lags)
    share = added.unknown / max(1, added.times.count)
    lateness += share * sum(generator.mean_lag(what) for what in LAGS)
    return BURSTS * lateness + OWN_TIME


def _are_over(tails: Tails, bound: float, late: Floats, allowed: float) -> bool:
    """Whether more times than are allowed are over a bound for certain.

    Args:
        tails: As measured.
        bound: Seconds.
        late: The lateness that is exceeded in each of `SHARES`, by batch; the last one is d.
        allowed: How many times may be over it.
    """
    limits = bound + late[:, -1]
    over: float = tails.over(limits)
    for place in range(late.shape[1] - 1):
        if over <= allowed:
            return False
        share = SHARES[place + 1] - SHARES[place]
        over -= BURSTS * share * tails.over(limits - late[:, place])
    return over > allowed


def _lateness(generator: GeneratorReading, lags: tuple[tuple[str, ...], ...]) -> Floats:
    """The lateness that is exceeded in each of `SHARES` of the window, seconds, as one row."""
    import numpy as np

    def of(group: tuple[str, ...], share: float) -> float:
        return max(generator.lag(what, 1 - share) or 0.0 for what in group)

    return np.array([[OWN_TIME + sum(of(group, share) for group in lags) for share in SHARES]])


def _lateness_by_batch(
    budget: Budget,
    observed: ObservedTimes,
    generator: GeneratorReading,
    lags: tuple[tuple[str, ...], ...],
) -> Floats:
    """As `_lateness`, with a row for the requests that are due in each batch.

    A request meets the lag of its start and that of its answer, which may be in a later batch.
    """
    import numpy as np

    total = sum(max(generator.lag(what, 1.0) or 0.0 for what in group) for group in lags)
    later = math.ceil((budget.bound + total) / observed.width)
    of_groups = [
        np.maximum.reduce([_near(generator, what, observed.numbers, later) for what in group])
        for group in lags
    ]
    late: Floats = OWN_TIME + sum(of_groups)
    return late


def _near(generator: GeneratorReading, what: str, numbers: tuple[int, ...], later: int) -> Floats:
    """The quantiles of a lag within each of some batches and so many later ones, as rows.

    The lags of several generators are added up. What budgets share is computed once.
    """
    import numpy as np

    known = generator.near.get((what, later))
    every = range(max(numbers, default=-1) + 1)
    if known is None or len(known) < len(every):
        known = np.zeros((len(every), len(SHARES)))
        of_generators = generator.lags.get(what, ()), generator.batches.get(what, ())
        for whole, batches in zip(*of_generators, strict=True):
            own = np.array([number in batches for number in every], dtype=bool)
            known[own] += _quantiles_near(batches, [n for n in every if n in batches], later)
            known[~own] += whole.quantiles(1 - s for s in SHARES) if whole.counts else 0.0
        generator.near[what, later] = known
    rows: Floats = known[np.array(numbers, dtype=np.int64)]
    return rows


def _quantiles_near(
    batches: Mapping[int, Distribution], numbers: Sequence[int], later: int
) -> Floats:
    """The quantiles of `SHARES` within each of some batches and so many later ones, as rows."""
    import numpy as np

    from harness.runs.records.intervals import rows_of

    found = np.zeros((len(numbers), len(SHARES)))
    rows, every = rows_of(batches), np.array(numbers, dtype=np.int64)
    weights = rows.weights
    distinct, orders = np.unique(rows.values, return_inverse=True)
    before_row = np.concatenate(([0], rows.ends))
    lows = before_row[np.searchsorted(rows.numbers, every)]
    sizes = before_row[np.searchsorted(rows.numbers, every + later, side="right")] - lows
    some = max(1, _AT_ONCE // (later + 1))
    for first in range(0, len(numbers), some):
        own = sizes[first : first + some]
        if not (size := int(own.sum())):
            continue
        places = np.repeat(np.arange(first, first + len(own)), own)
        shift = lows[first : first + some] - np.cumsum(own) + own
        which = np.arange(size) + np.repeat(shift, own)
        which = which[np.argsort(places * len(distinct) + orders[which])]
        cumulative = np.concatenate(([0], np.cumsum(weights[which])))
        filled, begins = np.unique(places, return_index=True)  # the order leaves places as they are
        before = cumulative[begins][:, None]
        total = cumulative[np.append(begins[1:], len(places))][:, None] - before
        ranks = np.maximum(1, np.ceil((1 - np.array(SHARES)) * total - FLOAT_NOISE))
        at = np.searchsorted(cumulative[1:], before + ranks.astype(weights.dtype))
        found[filled] = rows.values[which[at]]
    return found

"""Guards on the load generator: did it do what was asked, and did it keep time?

A saturated generator adds its own delay to every latency; a slow service does not trip these. The
two separate cleanly: an overdriven generator has a busy core and a late scheduler, a slow service
leaves both healthy and uses up the users (measured: 500/s against a service of 100 ms with 20
users: 5% CPU, scheduler lag p99 1.1 ms, no idle users).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from harness.budgets.model import Budget, Latency
from harness.judge.bounds import holds
from harness.judge.guard import guard
from harness.judge.measure import measure
from harness.judge.model import Guard
from harness.judge.series import EDGE_SLACK, NoDataError, inside, window
from harness.names import (
    GENERATOR_CPU,
    GENERATOR_IDLE_USERS,
    GENERATOR_LOOP_LAG,
    LATENCY,
    SCHEDULER_LAG,
)
from harness.runs.model import Distribution, Evidence, LatencyKey
from harness.units import Unit, format_quantity

Budgets = tuple[Budget, ...]

# An overdriven generator measured 9,690 of 20,000 iterations; healthy ones 99.8% and more.
DELIVERED = 0.99
# One gevent loop saturates at one core: 92% overdriven, 10% at a healthy 500/s. A single second
# may be a burst of garbage collection.
CPU = 0.85
# A healthy generator wakes within 1 to 2 ms (p99), a saturated one after 16 to 24 ms; on two cores
# that it shares with the service and others, 10 to 25 ms is common. What is under 5 ms, or under a
# tenth of the tightest latency budget, is too little to turn a verdict.
LAG_FLOOR = 0.005
LAG_SHARE = 0.1
_LAGS = (GENERATOR_LOOP_LAG, SCHEDULER_LAG)
# Bookkeeping, and requests that were cut off at the end, may hide no more than the tail of a p99.9
# and of a p99.
LOST = 0.001
IN_FLIGHT = 0.01


def load_delivered(evidence: Evidence, budgets: Budgets) -> Iterator[Guard]:
    """Open model: the iterations that the schedule asked for were started.

    When the users ran out on a healthy generator, the service is what is slow: that shows in the
    latency, which counts from the intended start, and is no fault of the measurement.
    """
    account = evidence.manifest.requests
    if not account.asked:
        return
    share = account.sent / account.asked
    shown = f"{format_quantity(share, Unit.RATIO)} of the asked load was started"
    enough = share >= DELIVERED
    if enough:
        reason = shown
    elif enough := _users_ran_out(evidence) and not _saturated(evidence, budgets):
        reason = (
            f"{shown}: all users were waiting for the service, and latency counts from the"
            " intended start; raise max_users to see more"
        )
    else:
        reason = f"{shown}; lower the rate, or give the generator a core of its own"
    # A service that got less load than asked must not pass for it: this touches both sides.
    yield guard(
        "load-delivered",
        reason,
        tripped=not enough,
        value=share,
        limit=DELIVERED,
        unit=Unit.RATIO,
        touches="all",
    )


def idle_users(evidence: Evidence, _: Budgets) -> Iterator[Guard]:
    """Open model: whether users were left to start requests on time. Never trips, only tells."""
    idle = _readings(evidence, GENERATOR_IDLE_USERS)
    if not idle or not evidence.manifest.requests.asked:
        return
    least = min(idle)
    reason = f"at least {least:g} users were idle at any time"
    if least <= 0:
        reason = (
            "all users were busy at times, so requests waited for a user; latency counts that"
            " wait, service time does not; raise max_users to send them on time"
        )
    yield guard("idle-users", reason, tripped=False, value=least)


def generator_cpu(evidence: Evidence, _: Budgets) -> Iterator[Guard]:
    """The generator was not short of CPU for two seconds on end."""
    busy = [min(pair) for pair in pairwise(_readings(evidence, GENERATOR_CPU))]
    if not busy:
        return
    worst = max(busy)
    reason = f"the generator used up to {format_quantity(worst, Unit.RATIO)} of a core"
    if worst > CPU:
        reason += ", so its own delay is in the latency; lower the rate, or use FastHttpUser"
    yield guard(
        "generator-cpu", reason, tripped=worst > CPU, value=worst, limit=CPU, unit=Unit.RATIO
    )


def loop_lag(evidence: Evidence, budgets: Budgets) -> Iterator[Guard]:
    """The generator's event loop answered in time; code of a user that blocks it does not."""
    yield from _lag(evidence, budgets, GENERATOR_LOOP_LAG, "generator-loop-lag", _LOOP_ADVICE)


def scheduler_lag(evidence: Evidence, budgets: Budgets) -> Iterator[Guard]:
    """Iterations were emitted when they were due."""
    yield from _lag(evidence, budgets, SCHEDULER_LAG, "scheduler-lag", _SCHEDULER_ADVICE)


def requests_accounted(evidence: Evidence, _: Budgets) -> Iterator[Guard]:
    """Every started request was recorded, is in flight, or is known to be lost."""
    account = evidence.manifest.requests
    if not account.started:
        return
    known = account.recorded + account.in_flight + account.lost
    missing = abs(account.started - known) + account.lost
    share = missing / account.started
    tripped = account.started != known or share > LOST
    reason = f"{account.started} requests were started and {account.recorded} recorded"
    if account.started != known:
        reason += f", but {known} accounted for; report this as a fault of the harness"
    elif tripped:
        reason += f", {account.lost} were lost; look for exceptions in the locustfile"
    yield guard(
        "requests-accounted", reason, tripped=tripped, value=share, limit=LOST, unit=Unit.RATIO
    )


def in_flight_at_end(evidence: Evidence, _: Budgets) -> Iterator[Guard]:
    """Requests were answered before the run gave up waiting: the others are the slowest."""
    account = evidence.manifest.requests
    if not account.started:
        return
    share = account.in_flight / account.started
    reason = f"{account.in_flight} of {account.started} requests were unanswered at the end"
    if share > IN_FLIGHT:
        reason += "; does the service hang? Raise `drain`, or set a timeout in the locustfile"
    yield guard(
        "in-flight-at-end",
        reason,
        tripped=share > IN_FLIGHT,
        value=share,
        limit=IN_FLIGHT,
        unit=Unit.RATIO,
    )


def user_errors(evidence: Evidence, _: Budgets) -> Iterator[Guard]:
    """No exception ended or disturbed a Locust user."""
    errors = evidence.manifest.user_errors
    reason = "no Locust user raised an exception"
    if errors:
        reason = f"a Locust user raised an exception: {errors[0]}; correct the locustfile"
    yield guard("user-errors", reason, tripped=bool(errors), value=len(errors), limit=0)


_LOOP_ADVICE = "code of the locustfile blocks the loop, or the generator's core is shared"
_SCHEDULER_ADVICE = "lower the rate, or give the generator a core of its own"


def _lag(
    evidence: Evidence, budgets: Budgets, what: str, name: str, advice: str
) -> Iterator[Guard]:
    lag, limit = _p99(evidence, what), _allowed(budgets)
    if lag is None or limit is None:
        return
    reason = f"the generator was at most {format_quantity(lag, Unit.SECONDS)} late in 99% of cases"
    harmful = lag > limit and any(_could_turn(budget, evidence) for budget in _timed(budgets))
    if harmful:
        allowed = format_quantity(limit, Unit.SECONDS)
        reason += f", over {allowed}, and a verdict on latency may be due to that; {advice}"
    elif lag > limit:
        reason += "; no verdict on latency would be another without that"
    yield guard(
        name,
        reason,
        tripped=harmful,
        value=lag,
        limit=limit,
        unit=Unit.SECONDS,
        touches="latency",
    )


def _p99(evidence: Evidence, what: str) -> float | None:
    return evidence.latency.get(LatencyKey(what), Distribution()).quantile(0.99)


def _allowed(budgets: Budgets) -> float | None:
    """The longest lag that no latency budget minds; None when there is no such budget."""
    bounds = [budget.bound for budget in _timed(budgets)]
    return max(LAG_FLOOR, LAG_SHARE * min(bounds)) if bounds else None


def _timed(budgets: Budgets) -> list[Budget]:
    return [b for b in budgets if isinstance(b.indicator, Latency) and b.direction == "max"]


def _could_turn(budget: Budget, evidence: Evidence) -> bool:
    """Whether a generator that is never late could have led to another verdict on a max.

    Its lag adds to what it measures, so a breach by more than the lag is one in any case. In the
    open model every request is still made and counted from its intended start, so that a budget
    that holds in spite of the lag holds. In the closed model a late generator asks less of the
    service, and service time misses what was sent late: there a pass proves nothing.
    """
    value = measure(budget, evidence).value
    if value is None:
        return False
    if not holds(value, budget.bound, "max"):
        lag = sum(_p99(evidence, what) or 0.0 for what in _LAGS)
        return holds(value - lag, budget.bound, "max")
    of = budget.indicator.of if isinstance(budget.indicator, Latency) else LATENCY
    return of != LATENCY or not evidence.manifest.requests.asked


def _saturated(evidence: Evidence, budgets: Budgets) -> bool:
    limit = _allowed(budgets) or LAG_FLOOR
    late = any((_p99(evidence, what) or 0.0) > limit for what in _LAGS)
    return late or any(found.outcome == "tripped" for found in generator_cpu(evidence, budgets))


def _users_ran_out(evidence: Evidence) -> bool:
    return min(_readings(evidence, GENERATOR_IDLE_USERS), default=1) <= 0


def _readings(evidence: Evidence, name: str) -> list[float]:
    """A reading of the generator within the window, in the order of time."""
    try:
        asked = window(evidence)
    except NoDataError:
        return []
    return [v for s in evidence.series if s.name == name for _, v in inside(s, asked, EDGE_SLACK)]

"""Guards on the load: the scheduled load was sent, and the outcome of each request is known.

When a slow service kept the generator from sending the scheduled load, the breaches stand: with the
full load they would be no smaller. A budget that holds is checked against the worst outcome that
the requests without a known one can have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise

from harness.budgets.model import Budget, ClientIndicator, Latency, PerRequest, Throughput
from harness.judge.guards.delivery import Delivery, deliveries
from harness.judge.guards.generator import CPU, generator_cpu
from harness.judge.guards.impact import explained_by_unanswered, explained_by_unknown, timed
from harness.judge.guards.lateness import LAG_FLOOR, LAGS, allowed_lag
from harness.judge.guards.readings import (
    GeneratorReading,
    closed_sources,
    of,
    read_generator,
    readings,
)
from harness.judge.measure.measure import MeasuredBudgets
from harness.judge.measure.requests import request_counts, total_of
from harness.judge.measure.series import listed
from harness.judge.measure.unanswered import stuck_users
from harness.judge.model import Guard, Scope, guard
from harness.names import (
    GENERATOR_IDLE_USERS,
    GENERATOR_TARGET_USERS,
    GENERATOR_USERS,
    LATE,
)
from harness.runs.model import Evidence
from harness.units import Unit, counted, format_quantity

# An overdriven generator measured 9,690 of 20,000 iterations; healthy ones 99.8% and more.
DELIVERED = 0.99
# Bookkeeping may hide no more than the tail of a p99.9.
LOST = 0.001


def load_delivered(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """Open model: the scheduled iterations of each load were started.

    When the users ran out on a healthy generator, the service is slow. When the other workers took
    over the schedule of a lost worker, only its iterations until then are missing. In both cases
    breaches count, and a pass is taken away where the missing load could have changed it. Otherwise
    nothing is judged: a service that got less than the scheduled load must not pass because of it.
    """
    found = deliveries(evidence)
    if not found:
        return
    worst = min(found, key=lambda one: one.share)
    of = f" of {worst.load}" if worst.load else ""
    reason = f"{format_quantity(worst.share, Unit.RATIO)} of the scheduled load{of} was started"
    enough, only = worst.share >= DELIVERED, None
    if cause := _cause(evidence, measured, found):
        unsent = round(sum(one.unsent for one in found))
        only = _unproven(measured, unsent, enough=enough)
        scheduled = round(sum(one.scheduled for one in found))
        why, advice = cause
        if only:
            reason += (
                f": {why}, and {unsent} of {scheduled} iterations never began, so the other"
                f" iterations do not prove that {listed(only)} holds; {advice}"
            )
        elif not enough:
            reason += f": {why}; {advice}"
        tripped = bool(only)
    elif tripped := not enough:
        reason += "; lower the rate, or give the generator a core of its own"
    yield guard(
        "load-delivered",
        reason,
        tripped=tripped,
        value=worst.share,
        limit=DELIVERED,
        unit=Unit.RATIO,
        scope="all",
        budgets=only or None,
    )


def late_iterations(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """Open model: how many iterations began late, whatever the cause. Never trips."""
    account = evidence.manifest.requests
    if not account.asked:
        return
    share = account.late / account.asked
    reason = (
        f"{format_quantity(share, Unit.RATIO)} of the iterations began more than"
        f" {format_quantity(LATE, Unit.SECONDS)} after they were due"
    )
    if account.late:
        reason += "; latency counts that, service time does not"
    yield guard("late-iterations", reason, tripped=False, value=share, unit=Unit.RATIO)


def idle_users(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """Open model: whether idle users remained to start requests on time. Never trips."""
    idle = [r.value for found in readings(evidence, GENERATOR_IDLE_USERS).values() for r in found]
    if not idle or not evidence.manifest.requests.asked:
        return
    least = min(idle)
    reason = f"at least {counted(least, 'user was', 'users were')} idle at any time"
    if least <= 0:
        reason = (
            "all users were busy at times, so requests waited for a user; latency counts that"
            " wait, service time does not; raise max_users to send them on time"
        )
    yield guard("idle-users", reason, tripped=False, value=least)


def users_alive(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """No Locust user had ended too early, in any generator, at two consecutive readings."""
    missing = {
        source: max((min(a, b) for a, b in pairwise(gaps)), default=0.0)
        for source, gaps in _missing_users(evidence).items()
    }
    if not missing:
        return
    source = max(missing, key=lambda name: missing[name])
    most = missing[source]
    reason = "no user ended too early"
    if most > 0:
        reason = (
            f"{counted(most, 'user')} of {of(source)} had ended too early; see the generator's log"
            " for what their on_start or their tasks raised"
        )
    # In the closed model the service got less load; in the open one load-delivered detects that,
    # but requests may have waited for users that had ended.
    closed = closed_sources(evidence, GENERATOR_USERS) & {s for s in missing if missing[s] > 0}
    scope: Scope = "all" if closed else "client"
    yield guard("users-alive", reason, tripped=most > 0, value=most, limit=0, scope=scope)


def requests_accounted(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """Every started request was recorded, is in flight, or is known to be lost.

    A few lost requests take away only the verdicts that their outcomes could have changed.
    """
    account = evidence.manifest.requests
    known = account.recorded + account.in_flight + account.lost
    if not account.started and not known:
        return
    missing = abs(account.started - known) + account.lost
    share = missing / max(account.started, known)
    every = account.started != known or share > LOST
    explained = () if every else explained_by_unknown(measured, account.lost, age=0.0)
    started = counted(account.started, "request was", "requests were")
    reason = f"{started} started and {account.recorded} recorded"
    if account.started != known:
        reason += f", but {known} accounted for; report this as a fault of the harness"
    elif every or explained:
        reason += f", {account.lost} lost"
        reason += f", which may turn the verdict on {listed(explained)}" if explained else ""
        reason += "; look for exceptions in the locustfile"
    yield guard(
        "requests-accounted",
        reason,
        tripped=every or bool(explained),
        value=share,
        limit=LOST,
        unit=Unit.RATIO,
        budgets=explained or None,
    )


def requests_stored(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """latency.hlog holds every request that the generator recorded, and no other.

    failures.jsonl holds as many failed requests as latency.hlog, where the run has it.
    """
    account, stored = evidence.manifest.requests, evidence.recorded
    if stored is None or evidence.manifest.status not in {"complete", "aborted"}:
        return
    counted = account.asked, account.sent
    iterations = evidence.iterations or counted
    failed, by_kind = evidence.failed or (0, 0)
    reason = f"all {account.recorded} recorded requests are stored"
    cut = "; a file was cut or changed after the run: run the load again"
    if stored != account.recorded:
        reason = (
            f"latency.hlog holds {stored} requests, and run.json counts {account.recorded}{cut}"
        )
    elif iterations != counted:
        reason = (
            f"by latency.hlog {iterations[0]} iterations were scheduled and {iterations[1]}"
            f" started, by run.json {counted[0]} and {counted[1]}{cut}"
        )
    elif failed != by_kind:
        reason = f"latency.hlog holds {failed} failed requests, and failures.jsonl {by_kind}{cut}"
    yield guard(
        "requests-stored",
        reason,
        tripped=(stored, *iterations, by_kind) != (account.recorded, *counted, failed),
        value=stored,
        limit=account.recorded,
    )


def in_flight_at_end(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """The requests that were unanswered when the run stopped waiting change no verdict.

    Each of them took longer than its wait. A run folder of an earlier version has no waits, so all
    of them took longer than the drain; even this is not known of those of a lost worker. The best
    and the worst outcome that they can have must lead to the same verdict.
    """
    account, clock = evidence.manifest.requests, evidence.manifest.clock
    if not account.started:
        return
    count = account.in_flight
    waited = max(0.0, (clock.drained or 0.0) - (clock.window_end or 0.0))
    if evidence.unanswered or any(worker.lost for worker in evidence.manifest.workers):
        waited = 0.0
    further = max(0, count - evidence.unanswered)
    explained = explained_by_unanswered(measured, further, waited)
    reason = f"{count} of {account.started} requests were unanswered at the end"
    if explained:
        reason += (
            f", and may turn the verdict on {listed(explained)}; does the service hang? Raise"
            " `drain`, or set a timeout in the locustfile"
        )
    elif count:
        reason += "; no verdict depends on how long they take"
    yield guard(
        "in-flight-at-end",
        reason,
        tripped=bool(explained),
        value=count,
        limit=0,
        budgets=explained or None,
    )


def user_errors(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """No exception ended or disturbed a Locust user, except as a consequence of a failed request.

    A consequence takes no breach away. It cuts its iteration short, so that the service gets fewer
    requests, which takes away what holds.
    """
    found, follow = evidence.manifest.user_errors, evidence.manifest.consequences
    errors = [text for text in found if text not in follow]
    if follow and not errors:
        yield _consequences(evidence, measured)
        return
    reason = "no Locust user raised an exception"
    if errors:
        reason = f"a Locust user raised an exception: {errors[0]}; correct the locustfile"
    yield guard("user-errors", reason, tripped=bool(errors), value=len(errors), limit=0)


def _consequences(evidence: Evidence, measured: MeasuredBudgets) -> Guard:
    """The guard on exceptions that all followed a failed request."""
    cut, texts = evidence.manifest.requests.cut, evidence.manifest.consequences
    # A count that is missing beside the texts is not 0.
    share = min(1.0, (cut or math.inf) / max(1, _iterations(evidence)))
    held = tuple(
        one.name
        for one in measured
        if one.holds
        and isinstance(one.budget.indicator, ClientIndicator | PerRequest)
        and share > LOST
    )
    reason = f"the exceptions of Locust users are consequences of failed requests: {texts[0]}"
    if held:
        part = format_quantity(share, Unit.RATIO)
        reason += (
            f"; they cut {part} of the iterations short, so the other requests do not prove that"
            f" {listed(held)} holds; repair the failures first"
        )
    return guard(
        "user-errors",
        reason,
        tripped=bool(held),
        value=share,
        limit=LOST,
        unit=Unit.RATIO,
        budgets=held or None,
    )


def _iterations(evidence: Evidence) -> int:
    """Iterations of the window; in the closed model its requests, which are as many or more."""
    begun = sum(one.sent for one in deliveries(evidence))
    requests = total_of(request_counts(evidence).values()).made
    return min(round(begun), requests) if begun else requests


def _cause(
    evidence: Evidence, measured: MeasuredBudgets, found: Iterable[Delivery]
) -> tuple[str, str] | None:
    """Why iterations never began, and what to do, when the generators are not to blame."""
    generator = read_generator(evidence)
    if stuck := stuck_users(evidence):
        return f"{stuck.text} waited for the service", "see why it did not answer"
    if generator.users_ran_out and not _saturated(evidence, measured, generator):
        return "all users were waiting for the service", "raise max_users, or lower the rate"
    # The workers began all that they had, so only the part of the lost worker is missing.
    if any(one.unclaimed for one in found) and all(
        one.sent >= DELIVERED * (one.scheduled - one.unclaimed) for one in found
    ):
        return "a worker was lost, and the others had to take over", "run it again"
    return None


def _unproven(measured: MeasuredBudgets, unsent: int, *, enough: bool) -> tuple[str, ...]:
    """The budgets that hold by the iterations that were sent, and might not with all of them."""
    explained = explained_by_unknown(measured, unsent)
    held = {one.name for one in measured if one.holds}
    # With nearly all of the load, the missing requests can only change what is counted request by
    # request; with less, every pass, except for times, whose change is known, and a throughput that
    # was reached.
    sure = {
        one.name
        for one in measured
        if isinstance(one.budget.indicator, Latency) or _is_reached(one.budget)
    }
    return tuple(
        one.name
        for one in measured
        if one.name in held and (one.name in explained or not (enough or one.name in sure))
    )


def _is_reached(budget: Budget) -> bool:
    return isinstance(budget.indicator, Throughput) and budget.direction == "min"


def _saturated(evidence: Evidence, measured: MeasuredBudgets, generator: GeneratorReading) -> bool:
    limit = min((allowed_lag(one.budget) for one in timed(measured)), default=LAG_FLOOR)
    late = any((generator.lag(what) or 0.0) > limit for what in LAGS)
    return late or any((found.value or 0.0) > CPU for found in generator_cpu(evidence, measured))


def _missing_users(evidence: Evidence) -> dict[str, list[float]]:
    """How many users are missing, at each reading of the planned number."""
    alive = readings(evidence, GENERATOR_USERS)
    found = {}
    for source, targets in readings(evidence, GENERATOR_TARGET_USERS).items():
        users = {reading.at: reading.value for reading in alive.get(source, ())}
        found[source] = [max(0.0, t.value - users[t.at]) for t in targets if t.at in users]
    return found

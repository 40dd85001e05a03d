"""Guards on each process of the load generator: its CPU, the host, and the timing of its load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from harness.budgets.model import ClientIndicator
from harness.judge.guards.excess import Loss, LossByBatch, longest, lost_by_batch
from harness.judge.guards.impact import (
    explained_by_pauses,
    explained_by_saturation,
    off_by,
)
from harness.judge.guards.readings import (
    TimedReading,
    closed_sources,
    every_reading,
    increases,
    of,
    read_generator,
    readings,
)
from harness.judge.measure.measure import MeasuredBudgets
from harness.judge.measure.series import NoDataError, listed, window
from harness.judge.model import Guard, guard
from harness.names import (
    GENERATOR_CPU,
    GENERATOR_FULLEST,
    GENERATOR_STARTED,
    GENERATOR_STEAL,
    GENERATOR_THROTTLED,
)
from harness.runs.model import Evidence
from harness.units import Unit, format_quantity

# One gevent loop saturates at one core: 92% overdriven, 10% at a healthy 500/s. A single second
# may be a burst of garbage collection.
CPU = 0.85
# Of the time, in two consecutive readings.
STEAL = 0.1
THROTTLED = 0.05
# The part of a limit from which on a second counts as disturbed, once the guard trips.
DISTURBED = 0.5
# Of the requests of a second, the share sent in its busiest twentieth. Random arrivals at 300/s
# have 8%, at 20/s 17%; users in step have 100%, or half of it in each of two neighbours. Slower
# loads have too few to tell.
LOCKED = 0.4
LOCKED_FROM = 20.0


def generator_cpu(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """No process of the generator was short of CPU for two consecutive seconds."""
    source, worst = _worst_pair(readings(evidence, GENERATOR_CPU))
    if worst is None:
        return
    reason = f"{of(source)} used up to {format_quantity(worst, Unit.RATIO)} of a core"
    explained = explained_by_saturation(measured, read_generator(evidence)) if worst > CPU else ()
    tripped = worst > CPU and bool(explained or not measured)
    if tripped:
        reason += (
            ", so its own delay is part of the latency; lower the rate, use FastHttpUser, or more"
            " workers"
        )
    elif worst > CPU:
        reason += "; no verdict depends on that"
        if any(isinstance(one.budget.indicator, ClientIndicator) for one in measured):
            reason += ", because the kernel timed the answers"
    yield guard(
        "generator-cpu",
        reason,
        tripped=tripped,
        value=worst,
        limit=CPU,
        unit=Unit.RATIO,
        budgets=explained or None,
    )


def host_steal(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """The host of a virtual machine did not give its time to others for two consecutive seconds."""
    source, worst = _worst_pair(readings(evidence, GENERATOR_STEAL))
    if worst is None:
        return
    reason = f"the host took {format_quantity(worst, Unit.RATIO)} of the time of {of(source)}"
    reasons = reason, "; measure on a machine that is not shared"
    lost = _lost(evidence, STEAL, every_reading(evidence, GENERATOR_STEAL))
    yield _paused(evidence, measured, "host-steal", reasons, lost, value=worst, limit=STEAL)


def cgroup_throttled(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """The kernel did not hold the generator's control group back for two consecutive seconds."""
    shares = _shares(readings(evidence, GENERATOR_THROTTLED))
    source, worst = _worst_pair(shares)
    if worst is None:
        return
    shown = format_quantity(worst, Unit.RATIO)
    reason = f"the CPU limit of its container held {of(source)} back for {shown} of the time"
    reasons = reason, "; raise the limit"
    lost = _lost(evidence, THROTTLED, _shares(every_reading(evidence, GENERATOR_THROTTLED)))
    yield _paused(
        evidence, measured, "cgroup-throttled", reasons, lost, value=worst, limit=THROTTLED
    )


def phase_locked(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """Closed model: the users do not all send their requests in the same moment of each second.

    Users that wait for equal times and began together stay in step for ever, and what they measure
    is how the service copes with a burst (measured: p50 27 ms in step, 0.17 ms spread evenly).
    """
    shares = _locked_shares(evidence)
    if not shares:
        return
    source = max(shares, key=lambda name: shares[name])
    share = shares[source]
    shown = format_quantity(share, Unit.RATIO)
    reason = f"{of(source)} sent {shown} of the requests of a second in its busiest 50 ms"
    if share > LOCKED:
        reason += (
            ": its users are in step, and the service gets bursts; start them over a longer ramp,"
            " let them wait for random times, or set a rate"
        )
    yield guard(
        "phase-locked",
        reason,
        tripped=share > LOCKED,
        value=share,
        limit=LOCKED,
        unit=Unit.RATIO,
        scope="all",
    )


def _locked_shares(evidence: Evidence) -> dict[str, float]:
    try:
        seconds = window(evidence).seconds
    except NoDataError:
        return {}
    started = increases(evidence, GENERATOR_STARTED)
    fullest = increases(evidence, GENERATOR_FULLEST)
    closed = closed_sources(evidence, GENERATOR_STARTED)
    return {
        source: min(1.0, fullest[source] / started[source])
        for source in closed & started.keys() & fullest.keys()
        if started[source] >= LOCKED_FROM * max(1.0, seconds - 1)
    }


def _paused(
    evidence: Evidence,
    measured: MeasuredBudgets,
    name: str,
    reasons: tuple[str, str],
    lost: LossByBatch,
    *,
    value: float,
    limit: float,
) -> Guard:
    reason, advice = reasons
    generator = read_generator(evidence)
    explained = explained_by_pauses(measured, generator, lost) if value > limit else ()
    if explained:
        doubted = listed(off_by(one, off) for one, off in explained)
        reason += f", and the verdict on {doubted} may be due to that{advice}"
    elif value > limit:
        reason += "; no verdict depends on that"
    return guard(
        name,
        reason,
        tripped=bool(explained),
        value=value,
        limit=limit,
        unit=Unit.RATIO,
        budgets=tuple(one.name for one, _ in explained) or None,
    )


def _shares(found: Mapping[str, list[TimedReading]]) -> dict[str, list[TimedReading]]:
    """Seconds of the time since the reading before, as a share of it."""
    return {
        source: [
            TimedReading(b.at, b.value / (b.at - a.at)) for a, b in pairwise(values) if b.at > a.at
        ]
        for source, values in found.items()
    }


def _lost(
    evidence: Evidence, limit: float, shares: Mapping[str, list[TimedReading]]
) -> LossByBatch:
    """The seconds of each batch that are lost, of the generator where that is most.

    A second of which over half the limit is taken counts in full: a request waits for one CPU at a
    time, and it is not known which CPU was taken.
    """
    try:
        planned = window(evidence)
    except NoDataError:
        return LossByBatch()
    return longest(
        lost_by_batch(
            (
                Loss(reading.at - 1.0, reading.at, 1.0)
                for reading in values
                if reading.value > DISTURBED * limit
            ),
            planned,
        )
        for values in shares.values()
    )


def _worst_pair(values: Mapping[str, list[TimedReading]]) -> tuple[str, float | None]:
    """The source with the highest value that lasted for two consecutive readings."""
    pairs = [
        (min(a.value, b.value), source)
        for source, found in values.items()
        for a, b in pairwise(found)
    ]
    worst, source = max(pairs, default=(None, ""))
    return source, worst

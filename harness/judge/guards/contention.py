"""Guard on a machine that other processes keep busy.

Waiting for a CPU alone proves nothing: a service that wants more than the machine has waits for its
own threads and its own load. Neighbours alone prove nothing either: on a machine with CPUs to spare
they disturb nobody, and a database that belongs to the system is a neighbour too. Both together
may have made a time what it is: in all of the window, or in the few minutes of a run of hours that
are enough to breach a p99.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from harness.budgets.model import ServiceIndicator
from harness.judge.guards.excess import Loss, LossByBatch, longest, lost_by_batch, summed
from harness.judge.guards.impact import off_by, too_far_by_pauses
from harness.judge.guards.readings import every_reading, of, readings
from harness.judge.measure.measure import Measured, MeasuredBudgets
from harness.judge.measure.series import (
    EDGE_SLACK,
    Interval,
    NoDataError,
    inside,
    listed,
    window,
)
from harness.judge.model import Guard, guard
from harness.names import GENERATOR_CPU_WAIT, OTHER_CPU, SERVICE_CPU_WAIT
from harness.runs.model import Evidence
from harness.units import Unit, format_quantity

# Seconds in each second, summed over the threads of a process; and CPUs. See docs/guards.md.
WAIT = 0.2
OTHERS = 0.6

# The part of the limit of others from which on waiting counts, once the guard trips.
DISTURBED = 0.5

_SERVICE = "the service"


class Contention(NamedTuple):
    """How a machine's CPUs were shared during the window.

    Attributes:
        waits: Seconds in each second, summed over threads, in which processes waited for a CPU.
        others: CPUs that other processes and the host used.
    """

    waits: Mapping[str, float]
    others: float

    @property
    def longest(self) -> float:
        """The longest of the waits."""
        return max(self.waits.values())

    @property
    def disturbs(self) -> bool:
        """Whether others may have made times what they are."""
        return self.others > OTHERS and self.longest > WAIT

    @property
    def text(self) -> str:
        """A sentence without its end."""
        waiting = max(self.waits, key=lambda name: self.waits[name])
        return (
            f"in each second, the threads of {waiting} waited"
            f" {format_quantity(self.longest, Unit.SECONDS)} for a CPU, and other processes and the"
            f" host took {format_quantity(self.others, Unit.COUNT)} CPUs"
        )


def contention(evidence: Evidence) -> Contention | None:
    """Who waited for a CPU, and what others used; None where the system does not report it."""
    others = _rate(evidence, OTHER_CPU)
    waits = dict(_waits(evidence))
    return None if others is None or not waits else Contention(waits, others)


def cpu_contention(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """No breach of a time came about while others kept the CPUs that the service waited for.

    A budget that holds stands, and so does one on anything but a time: queries, bytes, ratios.
    """
    found = contention(evidence)
    if found is None:
        return
    delays = _delays(evidence, everywhere=found.disturbs)
    service = found.disturbs and found.waits.get(_SERVICE, 0.0) > WAIT
    doubted = [
        (one, off)
        for one in measured
        if delays.seconds and (off := _off(one, delays.lost, service_too=service)) is not None
    ]
    reason = delays.text if doubted and not found.disturbs else found.text
    if doubted:
        verdicts = listed(off_by(one, off) for one, off in doubted)
        reason += (
            f", so the verdict on {verdicts} may be due to that; measure on a machine"
            " that nothing else uses"
        )
    elif found.disturbs:
        reason += "; no verdict depends on that"
    yield guard(
        "cpu-contention",
        reason,
        tripped=bool(doubted),
        value=found.longest,
        limit=WAIT if found.disturbs or not doubted else None,
        unit=Unit.RATIO,
        scope="all",
        budgets=tuple(one.name for one, _ in doubted) or None,
    )


def _waits(evidence: Evidence) -> Iterator[tuple[str, float]]:
    """The processes that waited for a CPU, and for how many seconds in each second."""
    waited = _rate(evidence, SERVICE_CPU_WAIT)
    if waited is not None:
        yield _SERVICE, waited
    for source, values in readings(evidence, GENERATOR_CPU_WAIT).items():
        seconds = values[-1].at - values[0].at
        if seconds > 0:
            yield of(source), sum(later.value for _, later in pairwise(values)) / seconds


def _rate(evidence: Evidence, name: str) -> float | None:
    """By how much a counter grew per second of the window; None when it was not read."""
    try:
        planned = window(evidence)
    except NoDataError:
        return None
    for series in evidence.series:
        samples = sorted(inside(series, planned, EDGE_SLACK)) if series.name == name else []
        if len(samples) > 1:
            (start, first), (end, last) = samples[0], samples[-1]
            return (last - first) / (end - start)
    return None


class _Delays(NamedTuple):
    """What threads waited for CPUs that others may have kept.

    Attributes:
        lost: By the service and by a generator together.
        seconds: The time between the readings of the window that show it.
    """

    lost: LossByBatch
    seconds: float

    @property
    def text(self) -> str:
        """A sentence without its end, when it is a part of the window."""
        return (
            f"for {format_quantity(self.seconds, Unit.SECONDS)} of the window, threads of the"
            f" service or of a generator waited over {format_quantity(WAIT, Unit.SECONDS)} in each"
            f" second for a CPU while other processes and the host took over {OTHERS} CPUs"
        )


def _delays(evidence: Evidence, *, everywhere: bool) -> _Delays:
    """What threads waited for CPUs that others may have kept.

    Args:
        evidence: A run with a window.
        everywhere: Whether others disturb the window as a whole. Then all waiting counts, but while
            others used less than half the CPUs of the limit, because that is due to the service
            itself. Otherwise waiting counts only where both limits were exceeded.
    """
    planned = window(evidence)
    others = sorted(_increases(evidence, OTHER_CPU))
    starts = [o.start for o in others]
    ends = [*accumulate((o.end for o in others), max)]
    used_over, waited_over = (DISTURBED * OTHERS, 0.0) if everywhere else (OTHERS, WAIT)

    def disturbed(loss: Loss) -> bool:
        near = others[bisect_right(ends, loss.start) : bisect_left(starts, loss.end)]
        used = [o.seconds / (o.end - o.start) for o in near if o.end > loss.start]
        waited = loss.seconds > waited_over * (loss.end - loss.start)
        return waited and max(used, default=math.inf) > used_over

    service = [*filter(disturbed, _increases(evidence, SERVICE_CPU_WAIT))]
    generators = [
        [*filter(disturbed, (Loss(one.at - 1.0, one.at, one.value) for one in values))]
        for values in every_reading(evidence, GENERATOR_CPU_WAIT).values()
    ]
    lost = longest(lost_by_batch(one, planned) for one in generators)
    return _Delays(
        summed([lost_by_batch(service, planned), lost]),
        max(_within(planned, one) for one in [service, *generators]),
    )


def _within(planned: Interval, losses: Sequence[Loss]) -> float:
    """The seconds of the window in which there were losses, which do not overlap each other."""
    inner = (min(o.end, planned.end) - max(o.start, planned.start) for o in losses)
    return math.fsum(max(0.0, seconds) for seconds in inner)


def _increases(evidence: Evidence, name: str) -> Iterator[Loss]:
    """By how much a counter grew between two readings."""
    for series in evidence.series:
        if series.name == name:
            samples = zip(series.times, series.values, strict=True)
            for (start, first), (end, last) in pairwise(sorted(samples)):
                if end > start:
                    yield Loss(start, end, max(0.0, last - first))


def _off(one: Measured, lost: LossByBatch, *, service_too: bool) -> float | None:
    """By how much a breach may be due to the waiting of the generator, or of the service as well.

    Returns:
        As `too_far_by_pauses`; None for a budget that holds.
    """
    budget = one.budget
    if one.holds is not False:
        return None
    if isinstance(budget.indicator, ServiceIndicator):
        slow = budget.unit is Unit.SECONDS and budget.direction == "max"
        if not (service_too and slow):
            return None
    return too_far_by_pauses(one, lost)

"""The part of the requests' time in which the service could not run: no CPU, garbage collection.

No span and no profile shows it: a function that waits for a CPU looks like one that works. So it
is taken from the time of the service's own code, of which it is a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import fsum
from statistics import fmean
from typing import Final, Literal, assert_never

from harness.budgets.dialects.model import MetricRole, Recognition
from harness.budgets.selector import Selector
from harness.diagnose.functions import loop_stacks
from harness.diagnose.model import Cause, CauseKind
from harness.judge.guards.readings import readings
from harness.judge.measure.deltas import deltas, total
from harness.judge.measure.gauges import levels
from harness.judge.measure.series import NoDataError, window
from harness.names import (
    CPU_COUNT,
    GENERATOR_CPU,
    OTHER_CPU,
    SERVICE_CPU,
    SERVICE_CPU_WAIT,
    SERVICE_TIME,
)
from harness.runs.model import Evidence
from harness.runs.recording.profile import Stack
from harness.units import Unit, format_quantity

# What keeps a service from running, and the order in which it is named after other causes.
STALLS: Final[tuple[CauseKind, ...]] = ("wait", "pause", "machine")
_OWN: Final[frozenset[CauseKind]] = frozenset({"span", "function", "library"})
_FULL: Final = 0.85  # of the CPUs that the service may use
_MORE: Final = 1.1  # times these CPUs in use: the machine has more of them

CpuHolder = Literal["service", "limit", "generators", "others", "unknown"]


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Who else used CPUs in the window, on average.

    Attributes:
        others: CPUs that processes outside of the run used, and the host of a virtual machine.
        generators: CPUs that the load generators used.
        limit: CPUs that the service may use; None if unknown.
    """

    others: float
    generators: float = 0.0
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Stalls:
    """How long the service could not run in the window.

    Attributes:
        cpu_wait: Seconds for which its threads were ready and had no CPU, in all; None if unknown.
        cpu: Seconds for which its threads ran, in all; None if unknown.
        gc: Seconds of pauses for garbage collection, in all; None if unknown.
        pauses: The number of these pauses.
        requests: The service times of all requests, in all.
        seconds: Of the window.
        loops: The number of processes with an event loop, 0 without one.
        use: Who else used CPUs; None if unknown.
    """

    cpu_wait: float | None
    cpu: float | None
    gc: float | None
    pauses: float
    requests: float
    seconds: float
    loops: int
    use: CpuUse | None = None

    @property
    def holder(self) -> CpuHolder:
        """Who had most of the CPU time for which the service waited.

        "limit" is the service at the number of CPUs that it may use. Otherwise a thread waits while
        other processes, the generators, or other threads of the service run. With n threads that
        run or are ready on average, n - 1 of n seconds of the service's CPU time are those of the
        other threads; a service with one such thread never waits for itself. "unknown" also when
        all of these used less CPU time than one thread waited, so that something else stopped it.
        """
        if self.use is None or not self.cpu or self.cpu_wait is None:
            return "unknown"
        used, limit = self.cpu / self.seconds, self.use.limit
        beside = self.use.others + self.use.generators
        if limit is not None and (used >= _FULL * limit or beside + used > _MORE * limit):
            return "limit"
        waiting = self.cpu_wait / self.seconds
        threads = used + waiting
        own = used * max(0.0, 1 - 1 / threads)
        if own + beside < waiting / max(1.0, threads):
            return "unknown"
        if own >= beside:
            return "service"
        return "others" if self.use.others >= self.use.generators else "generators"

    @property
    def waiting(self) -> float | None:
        """The share of the requests' time in which the service waited for a CPU.

        A thread that waits delays its own request; an event loop that waits delays all requests
        of its process.
        """
        if self.loops:
            return self._of_all(self.cpu_wait)
        if self.cpu_wait is None or self.requests <= 0:
            return None
        return min(1.0, self.cpu_wait / self.requests)

    @property
    def not_running(self) -> float | None:
        """The share of the time of ready threads in which they had no CPU; None if unknown.

        Code cannot have waited for a larger part of its time: it ran for the rest.
        """
        if self.cpu_wait is None or self.cpu is None or self.cpu_wait + self.cpu <= 0:
            return None
        return self.cpu_wait / (self.cpu_wait + self.cpu)

    @property
    def collecting(self) -> float | None:
        """The share of the requests' time in which a pause stopped all threads of a process."""
        return self._of_all(self.gc)

    def _of_all(self, seconds: float | None) -> float | None:
        """Stopped seconds as a share of the time in which at least one request was served.

        That time is not longer than the window, nor than the times of all requests together.
        """
        served = min(self.requests, self.seconds)
        if seconds is None or served <= 0:
            return None
        return min(1.0, seconds / max(1, self.loops) / served)


def stalls_of(evidence: Evidence, roles: Recognition, wall: Sequence[Stack]) -> Stalls | None:
    """How long the service could not run; None when the run has no window.

    Args:
        evidence: Of the window.
        roles: What the service's metrics mean.
        wall: The profile of all threads, which shows event loops.
    """
    try:
        seconds = window(evidence).seconds
    except NoDataError:
        return None
    pauses = roles[MetricRole.GC_TIME]
    times = (times for key, times in evidence.latency.items() if key.what == SERVICE_TIME)
    looped = {stack.frames[0].function for stack in loop_stacks(wall)}
    loops = len(looped) or int(roles[MetricRole.LOOP_LAG] is not None)
    return Stalls(
        increase(evidence, Selector(SERVICE_CPU_WAIT)),
        _cpu_seconds(evidence, roles),
        increase(evidence, pauses.selector.part("sum")) if pauses else None,
        (increase(evidence, pauses.events) or 0.0) if pauses else 0.0,
        fsum(one.count * (one.mean or 0.0) for one in times),
        seconds,
        loops,
        _cpu_use(evidence, seconds),
    )


def _cpu_seconds(evidence: Evidence, roles: Recognition) -> float | None:
    """Those of the same processes as the waiting, if the harness read them.

    A metric of a service with several processes is often that of the one that answers the scrape.
    """
    read = increase(evidence, Selector(SERVICE_CPU))
    exposed = roles[MetricRole.CPU]
    return increase(evidence, exposed.selector) if read is None and exposed else read


def _cpu_use(evidence: Evidence, seconds: float) -> CpuUse | None:
    others = increase(evidence, Selector(OTHER_CPU))
    if others is None:
        return None
    try:
        limit = max(levels(evidence, Selector(CPU_COUNT)))
    except NoDataError:
        limit = None
    ratios = readings(evidence, GENERATOR_CPU).values()
    generators = fsum(fmean(one.value for one in values) for values in ratios)
    return CpuUse(others / seconds, generators, limit)


def increase(evidence: Evidence, selector: Selector) -> float | None:
    """By how much the series of a counter grew in the window, together; None when unknown."""
    try:
        return total(deltas(evidence, selector))
    except NoDataError:
        return None


def with_stalls(
    causes: Sequence[Cause], parts: Sequence[Cause], stalls: Stalls | None, least: float
) -> tuple[Cause, ...]:
    """The causes, with the time of stalls taken from that of the service's own code.

    Args:
        causes: The parts of the requests' time that are causes.
        parts: All parts.
        stalls: Of the window.
        least: The share from which a stall is a cause. The shares stay as they are below it.
    """
    own = fsum(one.share for one in parts if _is_own(one))
    found: list[Cause] = []
    left = own
    for of_stall in (_waiting, _collecting):
        stall = of_stall(stalls, left) if stalls else None
        if stall is not None and stall.share >= least:
            found.append(stall)
            left -= stall.share
    if not found:
        return tuple(causes)
    return (*(_scaled(one, left / own) if _is_own(one) else one for one in causes), *found)


def _scaled(cause: Cause, by: float) -> Cause:
    lower, upper = cause.lower * by, cause.upper * by
    return replace(cause, share=cause.share * by, lower=lower, upper=upper)


def _is_own(cause: Cause) -> bool:
    return cause.kind in _OWN and not cause.service


def _waiting(stalls: Stalls, own: float) -> Cause | None:
    if stalls.waiting is None or stalls.cpu_wait is None or stalls.not_running is None:
        return None
    share = min(own * stalls.not_running, stalls.waiting)
    each = format_quantity(stalls.cpu_wait / stalls.seconds, Unit.SECONDS)
    kind, what, advice = _wait_for(stalls.holder)
    return Cause(
        *(kind, what, share, share, share),
        f"its threads were ready and had no CPU for {each} in each second of the window"
        f"{_cpus_in_use(stalls)}",
        advice=advice,
        sign="code that is ready did not run",
    )


def _wait_for(holder: CpuHolder) -> tuple[CauseKind, str, str]:
    """The kind of the cause, its text, and what to do."""
    match holder:
        case "unknown":
            advice = "give the service more CPUs, or keep other processes from the machine"
            return "wait", "waiting for a CPU", advice
        case "service":
            advice = "give the service more CPUs, or fewer threads and processes that compute"
            return "wait", "waiting for a CPU that its own threads used", advice
        case "limit":
            advice = "give the service more CPUs, or raise the limit of its container"
            return "wait", "waiting for a CPU, at the limit of the service", advice
        case "generators":
            advice = "not the service's fault: run the load generator on another machine"
            return "machine", "waiting for a CPU that the load generator used", advice
        case "others":
            advice = (
                "not the service's fault, unless they are its own database or cache: measure on a"
                " machine that nothing else uses"
            )
            return "machine", "waiting for a CPU that other processes used", advice
        case _:
            assert_never(holder)


def _cpus_in_use(stalls: Stalls) -> str:
    """Such as "; CPUs in use: other processes 1.20, load generator 0.30, service 0.40, of 2"."""
    if stalls.use is None or stalls.cpu is None:
        return ""
    numbers = {
        "other processes": stalls.use.others,
        "load generator": stalls.use.generators,
        "service": stalls.cpu / stalls.seconds,
    }
    parts = [f"{name} {number:.2f}" for name, number in numbers.items()]
    of = "" if stalls.use.limit is None else f", of {stalls.use.limit:g}"
    return f"; CPUs in use: {', '.join(parts)}{of}"


def _collecting(stalls: Stalls, own: float) -> Cause | None:
    if stalls.collecting is None or stalls.gc is None or not stalls.pauses:
        return None
    share = min(own, stalls.collecting)
    mean = format_quantity(stalls.gc / stalls.pauses, Unit.SECONDS)
    return Cause(
        *("pause", "garbage collection", share, share, share),
        f"{stalls.pauses:.0f} pauses of {mean} in the window",
        advice="allocate less, or look at the collector's settings",
        sign="no code ran meanwhile",
    )

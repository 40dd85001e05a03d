"""Signs of a mistake: what distinguishes a cause from the place where the time goes anyway.

Every request spends its time somewhere, so a large share alone proves nothing: with a bound that
is too low, the largest part of a sound service would be named. A part is a cause only when it is
out of proportion to the rest of the same recording. A machine that is slow stretches all parts
alike, so these proportions hold on any machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

from harness.diagnose.functions import samples_of_a_thread
from harness.diagnose.traces import (
    SpanOperation,
    Trace,
    after_window,
    operation_of,
    seconds_between,
)
from harness.runs.recording.moments import CpuMoments
from harness.runs.recording.profile import Stack, total
from harness.runs.recording.spans import Span
from harness.units import Unit, format_quantity

_MANY: Final = 5  # executions in a request, as when a page is loaded row by row
_TIMES: Final = 10.0  # the typical operation
_SPAN_TIMES: Final = 100.0  # of a span, which has many steps
_FAST: Final = 0.1  # of the executions: these meet no busy event loop, no lock and no full pool
_FEWEST: Final = 5  # executions, below which nothing is said of an operation
_KINDS: Final = 3  # operations, of which one can be typical
_STEP: Final = 1e-4  # s, below which a span of the service's own code does nothing by itself
_AHEAD: Final = 2.0  # times the next function
_PART: Final = 0.2  # of the samples, which a function that is ahead has at least
_RUNS: Final = 0.05  # share of the time in the service's own code, below which it waits


@dataclass(frozen=True, slots=True)
class Proportions:
    """What is usual in a recording.

    Attributes:
        fast: Seconds of the fastest tenth of the executions of each operation. What an operation
            takes by itself shows there; the mean has what it waits for on a busy machine.
        typical: The median of them; 0 with too few operations to tell. A step that only hands on,
            such as a middleware of Express, is no operation of which another could be typical.
        running: The share of the time in the service's own code in which a thread of it runs; 1
            where no profile tells.
    """

    fast: Mapping[SpanOperation, float]
    typical: float
    running: float


def proportions(
    traces: Sequence[Trace],
    wall: Sequence[Stack],
    working: Sequence[Stack],
    moments: CpuMoments | None = None,
) -> Proportions:
    """What is usual in a recording.

    Args:
        traces: All of them.
        wall: The samples of all threads;
        working: Those of threads that do not wait for work.
        moments: Of the profile.
    """
    executions: dict[SpanOperation, list[float]] = {}
    for trace in traces:
        for operation, count in trace.counts.items():
            executions.setdefault(operation, []).append(trace.own[operation] / count)
    fast = {
        operation: sorted(seconds)[int(_FAST * len(seconds))]
        for operation, seconds in executions.items()
        if len(seconds) >= _FEWEST
    }
    kinds = [seconds for each, seconds in fast.items() if seconds >= _STEP or not _is_own(each)]
    typical = median(kinds) if len(kinds) >= _KINDS else 0.0
    return Proportions(fast, typical, _running(after_window(traces, moments), wall, working))


def _running(late: Sequence[Trace], wall: Sequence[Stack], busy: Sequence[Stack]) -> float:
    """The number of threads that run, over the number of requests in the service's own code.

    By Little's law both numbers are means over time (Little 1961, Operations Research 9).
    """
    samples = samples_of_a_thread(wall)
    lasted = seconds_between(late)
    if not samples or lasted <= 0:
        return 1.0
    own = sum(seconds for one in late for each, seconds in one.own.items() if _is_own(each))
    inside = own / lasted
    return min(1.0, total(busy) / samples / inside) if inside else 1.0


def _is_own(operation: SpanOperation) -> bool:
    return operation.kind == "span" and not operation.service


def sign_of_operation(operation: SpanOperation, traces: Sequence[Trace], usual: Proportions) -> str:
    """Why a statement, a call or a span is a cause; empty when it is only a part.

    - It is executed many times in a request, one after the other.
    - Even its fast executions take many times as long as the fast ones of the typical operation.
      A span must wait, too: what runs is explained by its functions.

    Args:
        operation: In at least one of the traces.
        traces: The requests that are explained.
        usual: Of the recording.
    """
    fast = usual.fast.get(operation, 0.0)
    if operation.kind == "retry":
        return "it repeats a call that failed"
    times = _SPAN_TIMES if _is_own(operation) else _TIMES
    is_long = bool(usual.typical) and fast >= times * usual.typical
    if _is_own(operation):
        return sign_of_waiting(usual) if is_long else ""
    using = [one for one in traces if operation in one.counts]
    in_turn = fmean(_in_turn(operation, one) for one in using)
    if in_turn >= _MANY:
        return f"{in_turn:.3g} times in a request, one after the other"
    if is_long:
        long, typical = (format_quantity(each, Unit.SECONDS) for each in (fast, usual.typical))
        return f"it takes {long} at least, {fast / usual.typical:.0f} times the typical {typical}"
    return ""


def sign_of_waiting(usual: Proportions) -> str:
    """Why the service's own code is a cause when it waits: for a lock, a connection, a timer."""
    if usual.running >= _RUNS:
        return ""
    return f"it waits; threads of the service run for {usual.running:.1%} of this time"


def _in_turn(operation: SpanOperation, trace: Trace) -> float:
    """How many executions in a request run one after the other; those at the same time are one."""
    spans = [span for span in trace.spans if _name(operation_of(span)) == _name(operation)]
    seconds = sum(span.seconds for span in spans)
    return len(spans) * _union(spans) / seconds if seconds else float(bool(spans))


def _name(operation: SpanOperation) -> tuple[str, str]:
    return operation.name, operation.place


def _union(spans: Iterable[Span]) -> float:
    """Seconds in which at least one of the spans runs."""
    covered, end = 0.0, float("-inf")
    for span in sorted(spans, key=lambda one: one.start):
        covered += max(0.0, span.end - max(span.start, end))
        end = max(end, span.end)
    return covered


def ahead_of_the_rest(samples: Sequence[int], of: int) -> int:
    """How many functions have far more samples than each one after them.

    Args:
        samples: Of each function of the service's own code, the most first.
        of: All samples.
    """
    for place, count in enumerate(samples):
        following = samples[place + 1] if place + 1 < len(samples) else 0
        if count < _PART * of:
            return 0
        if count >= _AHEAD * following:
            return place + 1
    return 0

"""The CPU time of a request by its route: by samples of the handlers that serve one route alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.diagnose.evidence.handler_routes import (
    HandlerName,
    handler_name,
    routes_of_handlers,
)
from harness.diagnose.functions import FEWEST_SAMPLES, handler_of, is_idle
from harness.diagnose.model import CpuCost
from harness.diagnose.traces import Trace
from harness.judge.intervals.proportion import certain_share
from harness.runs.recording.moments import CpuMoments
from harness.runs.recording.profile import Stack, total

FEWEST_TRACES: Final = 0.95  # of the requests that were answered
# Seconds of samples for a second of CPU time: with more the threads of the samples mostly wait for
# a CPU, with fewer the CPU time is that of threads without Python.
SAMPLED: Final = (0.5, 2.0)
_TAIL: Final = 0.025


@dataclass(frozen=True, slots=True)
class CpuAccount:
    """The CPU time of requests.

    Attributes:
        routes: Of a request of each route, in the handlers that serve it alone.
        outside: Of a request of any route, everywhere else: the framework, middleware, background
            work, and handlers of which it is not clear which one route they serve.
        handlers: The route of each handler that serves one alone.
        note: Why there is no CPU time; empty where there is.
    """

    routes: Mapping[str, CpuCost] = field(default_factory=dict)
    outside: CpuCost | None = None
    handlers: Mapping[HandlerName, str] = field(default_factory=dict)
    note: str = ""


def cpu_account(
    moments: CpuMoments | None, cpu: Sequence[Stack], traces: Sequence[Trace]
) -> CpuAccount:
    """Divide the CPU time of a profile by its samples and by the requests of the same time.

    Args:
        moments: When handlers ran; None without a profile.
        cpu: Stacks of the threads that ran, of the same time.
        traces: Of the whole run.
    """
    if moments is None:
        return CpuAccount()
    running = [stack for stack in cpu if not is_idle(stack)]
    if note := _why_unknown(moments, total(running), traces):
        return CpuAccount(note=note)
    requests = Counter(
        trace.endpoint for trace in traces if moments.start <= trace.root.start < moments.end
    )
    handlers = routes_of_handlers(moments, traces)
    samples: Counter[str] = Counter()
    for stack in running:
        handler = handler_of(stack)
        route = handlers.get(handler_name(handler), "") if handler else ""
        samples[route if requests[route] else ""] += stack.count
    rest = samples.pop("", 0)
    if not samples:
        return CpuAccount(
            note="no handler ran in requests of one route alone; at a lower rate fewer requests "
            "overlap"
        )
    every = rest + samples.total()
    seconds = moments.cpu_seconds or 0.0
    return CpuAccount(
        {route: _cost(of, every, seconds / requests[route]) for route, of in samples.items()},
        _cost(rest, every, seconds / requests.total()),
        {name: route for name, route in handlers.items() if route in samples},
    )


def _why_unknown(moments: CpuMoments, samples: int, traces: Sequence[Trace]) -> str:
    """Why no CPU time of a request can be told; empty if it can."""
    if moments.cpu_seconds is None:
        return "not all processes of the service were profiled"
    if samples < FEWEST_SAMPLES:
        return f"the profile has {samples} samples of running threads, of {FEWEST_SAMPLES} needed"
    sampled = samples / moments.rate
    used = f"{moments.cpu_seconds:.3g} s of CPU time"
    if sampled > SAMPLED[1] * moments.cpu_seconds:
        return f"threads ready to run got {used} in {sampled:.3g} s: they waited for a CPU"
    if sampled < SAMPLED[0] * moments.cpu_seconds:
        return f"threads of Python ran for {sampled:.3g} s of {used}: others took the rest"
    # Those of the load have the load generator's span as their parent.
    traced = sum(one.root.start >= moments.begun and bool(one.root.parent_id) for one in traces)
    if traced < FEWEST_TRACES * moments.requests:
        return f"{traced} of the {moments.requests} requests have a trace"
    return ""


def _cost(samples: int, of: int, seconds: float) -> CpuCost:
    """The share of some seconds of CPU time, with the exact interval of a proportion."""
    lower = certain_share(samples, of, _TAIL)
    upper = 1 - certain_share(of - samples, of, _TAIL)
    return CpuCost(seconds * samples / of, seconds * lower, seconds * upper, samples)

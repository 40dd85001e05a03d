"""A service with one event loop, simulated: its requests, its traces and two profiles of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random

from harness.diagnose.traces import Trace, traces_of
from harness.runs.recording.moments import CpuMoments, ProcessMoments
from harness.runs.recording.profile import Stack, StackFrame
from harness.runs.recording.spans import Span
from tests.unit.diagnose.spans import request

BEGUN = 1_700_000_000.0
RATE = 100
FRAMEWORK = 0.001  # CPU seconds of each request outside of its handler
LIB = "/srv/.venv/lib/python3.12/site-packages"
CALLER = f"run_endpoint_function ({LIB}/fastapi/routing.py:212)"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route with its handler.

    Attributes:
        handler: Name of the function.
        cpu: Seconds that it runs.
        wait: Seconds on average that it waits before, while others run.
        share: Of the requests.
    """

    handler: str
    cpu: float
    wait: float
    share: float


@dataclass(frozen=True, slots=True)
class Simulated:
    """What was recorded, and the truth.

    Attributes:
        requests: By route.
    """

    moments: CpuMoments
    cpu: list[Stack]
    spans: list[Span]
    requests: Mapping[str, int]

    @property
    def traces(self) -> list[Trace]:
        return traces_of(self.spans)


def simulated(
    endpoints: Mapping[str, Endpoint], *, rate: float, seconds: float, seed: int = 1
) -> Simulated:
    """Poisson arrivals at a service that runs one piece of code at a time, first come first served.

    A profile of each kind is taken at moments of its own, as py-spy does; the moments of the second
    one count from an unknown start.
    """
    rng = Random(seed)
    arrivals: list[tuple[float, float, str]] = []  # when it is ready to run
    at = BEGUN
    while (at := at + rng.expovariate(rate)) < BEGUN + seconds:
        (route,) = rng.choices(list(endpoints), [one.share for one in endpoints.values()])
        wait = endpoints[route].wait
        arrivals.append((at + (rng.expovariate(1 / wait) if wait else 0.0), at, route))
    busy: list[tuple[float, float, str]] = []
    spans: list[Span] = []
    free = BEGUN
    for number, (ready, began, route) in enumerate(sorted(arrivals)):
        begin = max(ready, free)
        ran = begin + endpoints[route].cpu
        free = ran + FRAMEWORK
        busy += ((begin, ran, endpoints[route].handler), (ran, free, ""))
        (root,) = request(f"{number:032x}", ran - began, [], route=route, start=began)
        spans.append(replace(root, parent_id="a" * 16))  # the load generator's
    end = max(free, BEGUN + seconds)
    cpu_seconds = sum(to - since for since, to, _ in busy)
    counted = Counter(name for _, name in _samples(busy, end, rng))
    offset = rng.uniform(0.05, 0.15)
    stacks: dict[str, list[float]] = {}
    for (_, before), (moment, name) in pairwise([(0.0, ""), *_samples(busy, end, rng)]):
        if name != before:  # the same stack twice is not told
            stacks.setdefault(_text(name), []).append(moment - BEGUN - offset + 0.0005)
    process = ProcessMoments(BEGUN, BEGUN + 0.2, {k: tuple(v) for k, v in stacks.items()})
    requests = Counter(f"GET {route}" for _, _, route in arrivals)
    return Simulated(
        CpuMoments(BEGUN, BEGUN, end, cpu_seconds, RATE, len(arrivals), (process,)),
        [_stack(name, count) for name, count in counted.items()],
        spans,
        requests,
    )


def _samples(
    busy: list[tuple[float, float, str]], end: float, rng: Random
) -> list[tuple[float, str]]:
    found = []
    at, number = BEGUN, 0
    while (at := at + rng.expovariate(RATE)) < end:
        while number < len(busy) and busy[number][1] < at:
            number += 1
        if number < len(busy) and busy[number][0] <= at:
            found.append((at, busy[number][2]))
    return found


def _text(handler: str) -> str:
    frames = f"thread (7): MainThread;{CALLER}"
    return f"{frames};{handler} (/srv/app/api.py:10)" if handler else frames


def _stack(handler: str, count: int) -> Stack:
    caller = StackFrame("run_endpoint_function", f"{LIB}/fastapi/routing.py", 212)
    own = (StackFrame(handler, "/srv/app/api.py", 10),) if handler else ()
    outer = (StackFrame("process 7"), StackFrame("thread (7): MainThread"))
    return Stack((*outer, caller, *own), count)

"""What a diagnosis takes and what it yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.diagnose.functions import HandlerTime

CauseKind = Literal[
    "statement",
    "call",
    "retry",
    "span",
    "function",
    "library",
    "failure",
    "cache",
    "log",
    "answer",
    "allocation",
    "resource",
    "wait",
    "pause",
    "machine",
]


@dataclass(frozen=True, slots=True)
class Cause:
    """One part of what a breach consists of.

    Attributes:
        what: The statement, the function, the kind of failure, on one line.
        share: Of `Explanation.about`, from 0 to 1.
        lower: Lower bound of the share, 95%; `upper` the upper one. They are the share itself where
            every event was counted.
        evidence: The numbers behind the share.
        place: "contacts.py:85" as the path in the service's own code; empty where it is unknown.
        advice: What to look at next.
        sign: Why it is a cause and not only a part, such as "12 times in a request, one after the
            other"; empty of a part that is only where the time goes.
        service: The name of the service that it is part of, if that is another one than the
            service under load.
    """

    kind: CauseKind
    what: str
    share: float
    lower: float
    upper: float
    evidence: str
    place: str = ""
    advice: str = ""
    sign: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class ServiceReading:
    """One line of what the service's own metrics and calls were over the same time.

    Attributes:
        what: Such as "garbage collection".
        value: Such as "2.1% of the time, 31 pauses of 14 ms".
    """

    what: str
    value: str


@dataclass(frozen=True, slots=True)
class SlowExemplar:
    """A slow request that the service's own histogram of latencies names.

    Attributes:
        what: Its method and route, as far as the histogram tells.
        seconds: Its latency by the histogram.
        trace_id: Of its trace.
        received: Whether the harness has spans of the trace.
    """

    what: str
    seconds: float
    trace_id: str
    received: bool


@dataclass(frozen=True, slots=True)
class CpuCost:
    """CPU time of one request, from the samples of a profile.

    Attributes:
        seconds: Of CPU time; `lower` and `upper` are its 95% interval, by the number of samples.
        samples: It rests on.
    """

    seconds: float
    lower: float
    upper: float
    samples: int


@dataclass(frozen=True, slots=True)
class RouteCost:
    """What one request of a route costs: means over its traces.

    Attributes:
        route: Method and route, as the service's spans name it.
        traces: Number of its traces.
        seconds: That the service takes for a request.
        queries: Statements of databases, by the service itself.
        database_seconds: Time of these statements; those that overlap count each.
        cache_commands: Commands of caches such as Redis.
        cpu: In the handlers that serve the route alone; None if it is not known.
    """

    route: str
    traces: int
    seconds: float
    queries: float
    database_seconds: float
    cache_commands: float
    cpu: CpuCost | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The causes of the breach of one budget.

    Attributes:
        budget: Its name.
        about: What the shares are shares of.
        causes: Those beyond noise with a sign of a mistake, the largest first.
        unexplained: The share that no cause has; None when nothing was analysed.
        note: Why there is no cause; empty when there is one.
        parts: The largest parts where there is no cause: where the time goes, for information.
    """

    budget: str
    about: str = ""
    causes: tuple[Cause, ...] = ()
    unexplained: float | None = None
    note: str = ""
    parts: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The explanations of all breaches of a run, with what they rest on.

    Attributes:
        requests: Number of traces that begin with the service's own span.
        spans: Number of spans.
        samples: Number of stacks in the profile.
        service: What the service's own metrics showed in the window, and its outgoing calls.
        exemplars: The slowest requests by the service's own metrics.
        routes: What one request of each route costs.
        handlers: Handlers by their part of the CPU time.
        outside_cpu: CPU time of a request of any route, outside of the handlers with a route.
        cpu_note: Why there is no CPU time of requests; empty where there is, or without a profile.
    """

    explanations: tuple[Explanation, ...]
    requests: int
    spans: int
    samples: int
    service: tuple[ServiceReading, ...] = ()
    exemplars: tuple[SlowExemplar, ...] = ()
    routes: tuple[RouteCost, ...] = ()
    handlers: tuple[HandlerTime, ...] = ()
    outside_cpu: CpuCost | None = None
    cpu_note: str = ""

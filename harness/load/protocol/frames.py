"""What the harness and its load generator say to each other, over a socket pair, in msgpack.

harness -> generator: `Setup`, then `Start`, then `Stop`; end-of-file means that the harness died.
generator -> harness: `Ready` or `Refused`; after `Start` a `Report` each second and now and then a
`UserError` or a `Notice`; at last `Bye`. End-of-file without a `Bye` means that it died.

Moments are seconds of the system-wide monotonic clock (`time.monotonic`), which both sides read.
Nothing in here knows Locust, and nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeAlias

import msgpack  # type: ignore[import-untyped]

from harness import names
from harness.budgets.model import (
    ClosedWorkload,
    OpenWorkload,
    ShapeWorkload,
    Stage,
    UserStage,
    Workload,
)
from harness.load.protocol.master import WorkerPool
from harness.load.protocol.workers import (
    Beat,
    Gathered,
    Hello,
    Join,
    Listening,
    Lost,
    Member,
    Ping,
    Pong,
    Share,
)
from harness.runs.cells import Cell


@dataclass(frozen=True, slots=True)
class Setup:
    """What to load: the first frame.

    Attributes:
        role: A master's rendezvous, a worker's master; None runs the load in one process.
    """

    locustfile: str
    url: str
    workload: Workload
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    trace_ratio: float = 0.0
    role: WorkerPool | Join | None = None


@dataclass(frozen=True, slots=True)
class Welcome:
    """To a worker: it is accepted, as number `index` from 0 on."""

    index: int


@dataclass(frozen=True, slots=True)
class Start:
    """Begin: the load's start and the start of the window, both moments in the future.

    A worker emits every `count`-th arrival of the schedule from number `index` on.
    """

    t0: float
    window_start: float
    index: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Stop:
    """No new arrivals; wait up to `drain` seconds for what runs, report, and say goodbye."""

    drain: float


@dataclass(frozen=True, slots=True)
class Ready:
    """The locustfile is loaded and, in the open model, its users wait for arrivals."""

    users: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The locustfile cannot be run."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Slow:
    """One of the slowest requests of its endpoint.

    Attributes:
        at: When it was meant to start.
        latency: Seconds from then; `service_time` from its real start.
        trace_id: 32 hexadecimal digits; empty when it had none.
        sampled: Whether its traceparent asked the service to record a trace.
    """

    at: float
    method: str
    name: str
    outcome: str
    latency: float
    service_time: float
    trace_id: str = ""
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What happened since the report before, and the account so far.

    Attributes:
        at: When it was made.
        cells: Times recorded since the report before.
        asked: Iterations whose intended start has passed (open model, else 0).
        sent: Iterations that a user has begun.
        dropped: Iterations that nobody had begun when the drain ended; 0 before.
        started: Requests that were sent.
        recorded: Requests that are in some cell.
        in_flight: Requests sent whose outcome is not known yet.
        lost: Requests that ended without an outcome.
        oldest: Age of the oldest unanswered request, seconds; 0 when there is none.
        users: Users alive.
        idle_users: Fewest users that were idle at one moment since the report before, in the user
            class that had the fewest; None in the closed model, and once told to stop.
        backlog: Iterations asked that wait for a user.
        cpu: CPU time over wall time since the report before, as a ratio of one core.
        memory: Resident bytes.
        late: Iterations that began more than `names.LATE` after their intended start.
        slowest: Requests of the window that are slower than what was told of their endpoint before.
        steal: Share of the time since the report before that the host took from this machine;
            None where it cannot be read.
        throttled: Seconds since the report before in which the kernel held back this process's
            control group; None where it cannot be read.
        cpu_wait: Seconds since the report before in which this process's threads were ready to run
            and had no CPU; None where it cannot be read.
        target_users: Users that should be alive by now; None while their number changes.
        fullest: Of each second's requests, those sent in its fullest twentieth, added up so far;
            about `started` when all users are in step.
        source: Which of several generators made it, e.g. "worker-1"; empty when there is one.
    """

    at: float
    cells: tuple[Cell, ...]
    asked: int
    sent: int
    dropped: int
    started: int
    recorded: int
    in_flight: int
    lost: int
    oldest: float
    users: int
    idle_users: int | None
    backlog: int
    cpu: float
    memory: int
    late: int = 0
    slowest: tuple[Slow, ...] = ()
    steal: float | None = None
    throttled: float | None = None
    cpu_wait: float | None = None
    target_users: int | None = None
    fullest: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class UserError:
    """An exception that the locustfile raised and that no request stands for."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the scenario that a person should know."""

    text: str


@dataclass(frozen=True, slots=True)
class Bye:
    """The last frame.

    Attributes:
        reason: Why the load ended by itself; empty when it was told to stop.
    """

    reason: str = ""


ToGenerator: TypeAlias = Setup | Start | Stop | Beat
ToHarness: TypeAlias = (
    Ready | Refused | Report | UserError | Notice | Bye | Listening | Member | Lost
)
ToWorker: TypeAlias = Welcome | Ping | Gathered | Share | Start | Stop | Refused
ToMaster: TypeAlias = Hello | Pong | Ready | Refused | Report | UserError | Notice | Bye
Frame: TypeAlias = ToGenerator | ToHarness | ToWorker | ToMaster

# The place in this tuple is the type code on the wire; both ends are always of one version.
_KINDS = (
    *(Setup, Start, Stop, Ready, Refused, Report, UserError, Notice, Bye),
    *(Beat, Listening, Member, Lost, WorkerPool, Join),
    *(Hello, Welcome, Ping, Pong, Gathered, Share),
    *(Cell, Slow, OpenWorkload, ClosedWorkload, ShapeWorkload, Stage, UserStage),
)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
_DEPTH = 4  # kinds within kinds; a stage within a workload within a setup is three


def encode(frame: Frame) -> bytes:
    """One frame as bytes."""
    return bytes(msgpack.packb(frame, default=_pack))


class Decoder:
    """Frames out of a stream of bytes that arrive in pieces of any size."""

    def __init__(self) -> None:
        self._unpacker = msgpack.Unpacker(
            ext_hook=_unpack, use_list=False, strict_map_key=False, max_buffer_size=2**30
        )

    def feed(self, data: bytes) -> list[Frame]:
        """Take some bytes; the frames that they complete."""
        self._unpacker.feed(data)
        return list(self._unpacker)


def readings(report: Report) -> dict[str, float]:
    """The numbers of a report under their metric names."""
    values: dict[str, float | None] = {
        names.GENERATOR_ASKED: report.asked,
        names.GENERATOR_STARTED_ITERATIONS: report.sent,
        names.GENERATOR_DROPPED: report.dropped,
        names.GENERATOR_STARTED: report.started,
        names.GENERATOR_RECORDED: report.recorded,
        names.GENERATOR_LOST: report.lost,
        names.GENERATOR_IN_FLIGHT: report.in_flight,
        names.GENERATOR_OLDEST: report.oldest,
        names.GENERATOR_BACKLOG: report.backlog,
        names.GENERATOR_USERS: report.users,
        names.GENERATOR_IDLE_USERS: report.idle_users,
        names.GENERATOR_CPU: report.cpu,
        names.GENERATOR_MEMORY: report.memory,
        names.GENERATOR_LATE: report.late,
        names.GENERATOR_FULLEST: report.fullest,
        names.GENERATOR_STEAL: report.steal,
        names.GENERATOR_THROTTLED: report.throttled,
        names.GENERATOR_CPU_WAIT: report.cpu_wait,
        names.GENERATOR_TARGET_USERS: report.target_users,
    }
    return {name: float(value) for name, value in values.items() if value is not None}


def _pack(value: object) -> msgpack.ExtType:
    kind = type(value)
    parts = [getattr(value, field.name) for field in fields(kind)]  # type: ignore[arg-type]
    return msgpack.ExtType(_CODES[kind], msgpack.packb(parts, default=_pack))


def _unpacker(depth: int) -> Callable[[int, bytes], object]:
    """Unpacks kinds with up to so many in each other.

    The port is open to everybody, and msgpack takes 40 KiB of the stack for each of them: some
    hundreds within each other would crash the process.
    """
    within = _unpacker(depth - 1) if depth > 1 else _too_deep

    def unpack(code: int, data: bytes) -> object:
        parts = msgpack.unpackb(data, ext_hook=within, use_list=False, strict_map_key=False)
        return _KINDS[code](*parts)

    return unpack


def _too_deep(_: int, __: bytes) -> object:
    raise ValueError(f"a frame has at most {_DEPTH} kinds within each other")


_unpack = _unpacker(_DEPTH)

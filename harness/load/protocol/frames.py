"""Frames between the harness and its load generator, sent over a socket pair in msgpack.

harness -> generator: `Setup`, then `Start`, then `Stop`; end-of-file means that the harness died.
generator -> harness: `Ready` or `Refused`; after `Start` a `Report` each second, and a `UserError`
or a `Notice` at any time; last a `Bye`. End-of-file without a `Bye` means that the generator died.

Times are seconds of the system-wide monotonic clock (`time.monotonic`), which both sides read.
This module does not depend on Locust and imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Generic, TypeAlias, TypeVar

import msgpack  # type: ignore[import-untyped]

from harness import names
from harness.budgets.workload import (
    ClosedWorkload,
    OpenWorkload,
    ShapeWorkload,
    Stage,
    UserStage,
    Workload,
)
from harness.load.protocol.master import WorkerPool
from harness.load.protocol.workers import (
    Heartbeat,
    Hello,
    Join,
    Listening,
    Lost,
    Ping,
    Pong,
    Share,
    UsersAssigned,
    WorkerInfo,
)
from harness.runs.cells import Cell
from harness.runs.recording.answer_shape import AnswerShape
from harness.runs.records.failed import FailedReply, Failures


@dataclass(frozen=True, slots=True)
class Setup:
    """The load to run: the first frame.

    Attributes:
        role: The pool of a master, the master of a worker; None runs the load in one process.
        arguments: For the locustfile's own parser.
        seconds: Planned length of the load.
        ca_file: Certificates in PEM that verify the target; empty for those of the machine.
        keep_answers: Whether reports have what some answers consist of.
    """

    locustfile: str
    url: str
    workload: Workload
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    trace_ratio: float = 0.0
    role: WorkerPool | Join | None = None
    arguments: tuple[str, ...] = ()
    seconds: float = 0.0
    ca_file: str = ""
    keep_answers: bool = False


@dataclass(frozen=True, slots=True)
class Welcome:
    """A worker has joined, as number `index` from 0 on."""

    index: int


@dataclass(frozen=True, slots=True)
class Start:
    """The start of the load and the start of the window, both in the future.

    A worker emits every `count`-th arrival of the schedule from number `index` on.
    """

    t0: float
    window_start: float
    index: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Stop:
    """No new arrivals; wait up to `drain` seconds for running iterations, then report and end."""

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
        at: Its intended start.
        latency: Seconds from the intended start to the response.
        service_time: Seconds from the real start to the response.
        trace_id: 32 hexadecimal digits; empty without a trace id.
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
    """The events since the previous report, and the counts since the start.

    Attributes:
        at: Time of the report.
        cells: Times recorded since the previous report.
        asked: Iterations whose intended start has passed (open model, else 0).
        sent: Iterations that a user has begun.
        dropped: Iterations that no user had begun at the end of the drain; 0 before.
        started: Requests that were sent.
        recorded: Requests that are in a cell.
        in_flight: Requests sent whose outcome is not known yet.
        lost: Requests that ended without an outcome.
        oldest: Age of the oldest unanswered request, seconds; 0 when there is none.
        users: Users alive.
        idle_users: Lowest number of idle users since the previous report, in the user class with
            the fewest; None in the closed model and after the stop.
        backlog: Iterations whose intended start has passed and that wait for a user.
        cpu: CPU time over wall time since the previous report, as a ratio of one core.
        memory: Resident bytes.
        late: Iterations that began more than `names.LATE` after their intended start.
        slowest: Requests of the window that are slower than those reported earlier for their
            endpoint.
        steal: Share of the time since the previous report that the host took from this machine;
            None if unreadable.
        throttled: Seconds since the previous report in which the kernel throttled the control
            group of this process; None if unreadable.
        cpu_wait: Seconds since the previous report in which threads of this process were ready to
            run and had no CPU; None if unreadable.
        target_users: Number of users that should be alive; None while it changes.
        burst_requests: Requests sent in the busiest twentieth of each second, summed over all
            seconds; about `started` when all users are in step.
        cut: Iterations that an exception cut short after a failed request.
        source: The generator that made it, e.g. "worker-1"; empty when there is only one.
        failures: The failed requests of `cells`, by kind.
        response_bytes: Bytes of the bodies of responses, as Locust counts them.
        answers: What some answers consist of, for a diagnosis.
        request_bytes: Bytes of recorded requests, heads and bodies, before TLS; None if they are
            not known of each request.
        elsewhere: Those of `started` that went to another place than the target, by scheme, host
            and port.
        redirected: Redirects that led to such a place.
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
    burst_requests: int = 0
    cut: int = 0
    source: str = ""
    failures: tuple[Failures, ...] = ()
    response_bytes: int = 0
    answers: tuple[AnswerShape, ...] = ()
    request_bytes: int | None = None
    elsewhere: dict[str, int] = field(default_factory=dict)
    redirected: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UserError:
    """An exception that the locustfile raised outside of a request.

    Attributes:
        consequence: Whether it followed a failed request of the same task, which `text` names.
    """

    text: str
    consequence: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about the scenario for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class Bye:
    """The last frame.

    Attributes:
        reason: Why the load ended by itself; empty after a `Stop`.
        exit_code: That the locustfile set, by `environment.process_exit_code` or `sys.exit`; None
            if it set none.
    """

    reason: str = ""
    exit_code: int | None = None


ToGenerator: TypeAlias = Setup | Start | Stop | Heartbeat
ToHarness: TypeAlias = (
    Ready | Refused | Report | UserError | Notice | Bye | Listening | WorkerInfo | Lost
)
ToWorker: TypeAlias = Welcome | Ping | UsersAssigned | Share | Start | Stop | Refused
ToMaster: TypeAlias = Hello | Pong | Ready | Refused | Report | UserError | Notice | Bye
Frame: TypeAlias = ToGenerator | ToHarness | ToWorker | ToMaster

FrameT = TypeVar("FrameT")

# The index in this tuple is the type code on the wire; both ends always have the same version.
_KINDS = (
    *(Setup, Start, Stop, Ready, Refused, Report, UserError, Notice, Bye),
    *(Heartbeat, Listening, WorkerInfo, Lost, WorkerPool, Join),
    *(Hello, Welcome, Ping, Pong, UsersAssigned, Share),
    *(Cell, Slow, OpenWorkload, ClosedWorkload, ShapeWorkload, Stage, UserStage),
    *(Failures, FailedReply, AnswerShape),
)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
MAX_ITEMS = 2**18  # of an array or a map; msgpack reserves memory for as many as a header announces
_DEPTH = 4  # nested kinds; a stage within a workload within a setup is three


def encode(frame: Frame) -> bytes:
    """One frame as bytes.

    A lone surrogate, which UTF-8 has no bytes for, becomes an escape sequence. JSON may have one,
    and so may an exception of a locustfile that quotes an answer.
    """
    return _packed(frame)


class Decoder(Generic[FrameT]):
    """Decodes frames from a stream of bytes that arrive in pieces of any size.

    The type parameter is what the caller accepts from the other side; it is not checked here.
    """

    def __init__(self) -> None:
        self._unpacker = msgpack.Unpacker(
            ext_hook=_unpack,
            use_list=False,
            strict_map_key=False,
            max_buffer_size=2**30,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
        )

    def feed(self, data: bytes) -> list[FrameT]:
        """Add bytes to the stream; returns the frames that they complete."""
        self._unpacker.feed(data)
        return list(self._unpacker)


def readings(report: Report) -> dict[str, float]:
    """The numbers of a report under their metric names."""
    values: dict[str, float | None] = {
        names.GENERATOR_ASKED: report.asked,
        names.GENERATOR_STARTED_ITERATIONS: report.sent,
        names.GENERATOR_DROPPED: report.dropped,
        names.GENERATOR_STARTED: report.started,
        names.GENERATOR_ELSEWHERE: sum(report.elsewhere.values()),
        names.GENERATOR_RECORDED: report.recorded,
        names.GENERATOR_LOST: report.lost,
        names.GENERATOR_REQUEST_BYTES: report.request_bytes,
        names.GENERATOR_RESPONSE_BYTES: report.response_bytes,
        names.GENERATOR_IN_FLIGHT: report.in_flight,
        names.GENERATOR_OLDEST: report.oldest,
        names.GENERATOR_BACKLOG: report.backlog,
        names.GENERATOR_USERS: report.users,
        names.GENERATOR_IDLE_USERS: report.idle_users,
        names.GENERATOR_CPU: report.cpu,
        names.GENERATOR_MEMORY: report.memory,
        names.GENERATOR_LATE: report.late,
        names.GENERATOR_FULLEST: report.burst_requests,
        names.GENERATOR_STEAL: report.steal,
        names.GENERATOR_THROTTLED: report.throttled,
        names.GENERATOR_CPU_WAIT: report.cpu_wait,
        names.GENERATOR_TARGET_USERS: report.target_users,
    }
    return {name: float(value) for name, value in values.items() if value is not None}


def _pack(value: object) -> msgpack.ExtType:
    kind = type(value)
    parts = [getattr(value, field.name) for field in fields(kind)]  # type: ignore[arg-type]
    return msgpack.ExtType(_CODES[kind], _packed(parts))


def _packed(value: object) -> bytes:
    return bytes(msgpack.packb(value, default=_pack, unicode_errors="backslashreplace"))


def _unpacker(depth: int) -> Callable[[int, bytes], object]:
    """A function that unpacks kinds nested up to `depth` deep.

    msgpack takes 40 KiB of the stack for each level: some hundreds of levels would crash the
    process.
    """
    within = _unpacker(depth - 1) if depth > 1 else _too_deep

    def unpack(code: int, data: bytes) -> object:
        parts = msgpack.unpackb(
            data,
            ext_hook=within,
            use_list=False,
            strict_map_key=False,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
        )
        return _KINDS[code](*parts)

    return unpack


def _too_deep(_: int, __: bytes) -> object:
    raise ValueError(f"the kinds of a frame are nested at most {_DEPTH} deep")


_unpack = _unpacker(_DEPTH)

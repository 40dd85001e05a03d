"""What the processes of a distributed load say to each other, beside the frames of any load.

harness -> master: `Beat` each second; its silence ends the load.
worker -> master: `Hello`; then `Pong` for each `Ping`, which come each second as long as the master
lives; after `Gathered` (open model) a `Ready`, and from the start on what any generator reports.
master -> worker: `Welcome` or `Refused`; at times a `Share`.
master -> harness: `Listening`, a `Member` for each worker that joins and again whenever its clock
has been measured, `Lost` for one that is gone, and the workers' reports, moments converted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Join:
    """What makes a process a worker: where its master listens, and the run that it belongs to."""

    host: str
    port: int
    run_id: str


@dataclass(frozen=True, slots=True)
class Listening:
    """The master's port."""

    port: int


@dataclass(frozen=True, slots=True)
class Beat:
    """The harness lives."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A worker introduces itself.

    Attributes:
        versions: Of locust, gevent and python.
    """

    run_id: str
    host: str
    pid: int
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ping:
    """What time is it? `at` is the master's."""

    at: float


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to the ping of `at`: the worker's own monotonic clock."""

    at: float
    here: float


@dataclass(frozen=True, slots=True)
class Gathered:
    """The master has handed out all users of the open model."""


@dataclass(frozen=True, slots=True)
class Share:
    """From the moment `since` on, another share of the schedule is yours."""

    index: int
    count: int
    since: float


@dataclass(frozen=True, slots=True)
class Member:
    """A worker that has been accepted.

    Attributes:
        offset: Its monotonic clock minus the master's, seconds; None before it was measured.
        round_trip: Of the message that measured it, seconds.
        drift: How much the offset has surely changed since the first measurement, seconds.
    """

    name: str
    host: str
    pid: int
    versions: Mapping[str, str]
    offset: float | None = None
    round_trip: float | None = None
    drift: float = 0.0


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker that does not take part any more."""

    name: str
    at: float
    reason: str

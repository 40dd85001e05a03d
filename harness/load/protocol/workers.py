"""Frames of a distributed load, in addition to the frames of any load (`frames`).

harness -> master: a `Heartbeat` each second; without it the load ends.
worker -> master: `Hello`; a `Pong` for each `Ping`, which the master sends each second; `Ready`,
after `UsersAssigned`; then the frames that any generator sends.
master -> worker: `Welcome` or `Refused`; a `Share` when another worker is lost.
master -> harness: `Listening`; a `WorkerInfo` when a worker joins and after each measurement of its
clock; `Lost` when a worker is lost; and the reports of the workers with converted times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Join:
    """The role of a worker: the address of its master, its run, and the shared secret."""

    host: str
    port: int
    run_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listening:
    """The master accepts connections on this port."""

    port: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The harness is alive."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A worker asks to join.

    Attributes:
        versions: Versions of locust, gevent and python.
    """

    run_id: str
    host: str
    pid: int
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ping:
    """A request for the time of a worker, sent at `at` by the master's clock."""

    at: float


@dataclass(frozen=True, slots=True)
class Pong:
    """The response to the ping of `at`: `here` is the time by the worker's monotonic clock."""

    at: float
    here: float


@dataclass(frozen=True, slots=True)
class UsersAssigned:
    """The master has prepared the load: in the open model, it has assigned all users."""


@dataclass(frozen=True, slots=True)
class Share:
    """From time `since` on, the worker serves every `count`-th arrival from number `index` on."""

    index: int
    count: int
    since: float


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker that has joined.

    Attributes:
        offset: Its monotonic clock minus the master's, seconds; None before the first measurement.
        round_trip: Round trip of the message that measured the offset, seconds.
        drift: Smallest change of the offset since the first measurement that the round trips do
            not explain, seconds.
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
    """A worker that has left the load."""

    name: str
    at: float
    reason: str

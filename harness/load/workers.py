"""Who takes part in a distributed load, as the harness knows from the master."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

from harness.load.protocol.master import RUN_ID, WorkerPool
from harness.load.protocol.workers import Listening, Lost, Member
from harness.runs.model import Worker


class WorkerRegistry:
    """The workers of a load.

    Attributes:
        where: What the master was told.
        port: Done once the master listens.
        complete: Done once all workers are there; from then on each of them is missed.
    """

    def __init__(self, where: WorkerPool, on_progress: Callable[[str], object]) -> None:
        """Start empty; `on_progress` is called with a line for whoever has to start workers."""
        self.where = where
        self.port: asyncio.Future[int] = asyncio.Future()
        self.complete: asyncio.Future[None] = asyncio.Future()
        self._on_progress = on_progress
        self._workers: dict[str, Worker] = {}

    @property
    def workers(self) -> tuple[Worker, ...]:
        """All that ever took part once they were complete, in the order of their numbers."""
        return tuple(self._workers[name] for name in sorted(self._workers, key=_number))

    @property
    def how_to_join(self) -> str:
        """The command that starts a worker."""
        host = self.where.host
        if host in {"*", "0.0.0.0"}:  # noqa: S104
            host = socket.gethostname()
        return (
            f"{RUN_ID}={self.where.run_id} locust --worker -f - "
            f"--master-host {host} --master-port {self.port.result()}"
        )

    def take(self, frame: Listening | Member | Lost) -> str:
        """What the master says; the reason why the load cannot go on, or an empty text."""
        if isinstance(frame, Listening):
            self.port.set_result(frame.port)
            self._tell_progress()
        elif isinstance(frame, Lost):
            return self._lose(frame)
        else:
            known = self._workers.get(frame.name)
            if known is None or not known.lost:  # else its clock was measured before it went
                self._workers[frame.name] = _worker(frame)
            if known is None:
                self._tell_progress()
            if len(self._workers) == self.where.workers and not self.complete.done():
                self.complete.set_result(None)
        return ""

    def with_pid(self, pid: int) -> str:
        """The name of the worker of this machine that is that process; empty if none is."""
        names = (worker.name for worker in self._workers.values() if worker.pid == pid)
        return next(names, "")

    def mark_lost(self, name: str, reason: str, at: float) -> None:
        """A worker has gone, at a moment of `time.monotonic`."""
        at += time.time() - time.monotonic()
        worker = self._workers[name]
        if not worker.lost:
            changes = {"lost": reason, "lost_at": at}
            self._workers[name] = worker.model_copy(update=changes)

    def _lose(self, lost: Lost) -> str:
        if not self.complete.done():  # another may come instead
            del self._workers[lost.name]
            self._tell_progress()
            return ""
        self.mark_lost(lost.name, lost.reason, lost.at)
        return f"{lost.name} {lost.reason}" if self.where.when_lost == "stop" else ""

    def _tell_progress(self) -> None:
        here, wanted = len(self._workers), self.where.workers
        text = f"{here} of {wanted} workers have joined"
        if here < wanted:
            text += f"; start others with: {self.how_to_join}"
        self._on_progress(text)


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _worker(member: Member) -> Worker:
    return Worker(
        name=member.name,
        host=member.host,
        pid=member.pid,
        versions=dict(member.versions),
        offset=member.offset,
        round_trip=member.round_trip,
        drift=member.drift,
    )

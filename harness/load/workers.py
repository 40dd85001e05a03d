"""The workers of a distributed load, as the master reports them to the harness."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import assert_never

from harness.load.protocol.master import RUN_ID, WorkerPool
from harness.load.protocol.workers import Listening, Lost, WorkerInfo
from harness.runs.model import Worker


class WorkerRegistry:
    """The workers of a load, with the times of their losses on the clock of `time.monotonic`.

    Attributes:
        pool: The pool of the master.
        port: The port of the master; done once the master listens.
        complete: Done once all workers have joined.
    """

    def __init__(self, pool: WorkerPool, on_progress: Callable[[str], object]) -> None:
        """Start empty; `on_progress` is called with a line about the workers that have joined."""
        self.pool = pool
        self.port: asyncio.Future[int] = asyncio.Future()
        self.complete: asyncio.Future[None] = asyncio.Future()
        self._on_progress = on_progress
        self._workers: dict[str, Worker] = {}

    @property
    def workers(self) -> tuple[Worker, ...]:
        """All workers by number, those that were lost after the pool was complete included."""
        return tuple(self._workers[name] for name in sorted(self._workers, key=_number))

    @property
    def join_command(self) -> str:
        """The command that starts a worker."""
        host = self.pool.host
        if host in {"*", "0.0.0.0"}:  # noqa: S104
            host = socket.gethostname()
        return (
            f"{RUN_ID}={self.pool.run_id} locust --worker -f - "
            f"--master-host {host} --master-port {self.port.result()}"
        )

    def take(self, frame: Listening | WorkerInfo | Lost) -> str:
        """Record a frame of the master; returns why the load must end, or an empty text."""
        match frame:
            case Listening():
                self.port.set_result(frame.port)
                self._report_progress()
                return ""
            case WorkerInfo():
                self._add(frame)
                return ""
            case Lost():
                return self._lose(frame)
            case _:
                assert_never(frame)

    def with_pid(self, pid: int) -> str:
        """The name of the worker on this machine with a process id; empty if there is none."""
        names = (worker.name for worker in self._workers.values() if worker.pid == pid)
        return next(names, "")

    def mark_lost(self, name: str, reason: str, at: float) -> None:
        """Record the loss of a worker, at a time of `time.monotonic`; only the first one counts."""
        worker = self._workers[name]
        if not worker.lost:
            changes = {"lost": reason, "lost_at": at}
            self._workers[name] = worker.model_copy(update=changes)

    def _add(self, info: WorkerInfo) -> None:
        known = self._workers.get(info.name)
        if known is None or not known.lost:  # else its clock was measured before the loss
            self._workers[info.name] = _worker(info)
        if known is None:
            self._report_progress()
        if len(self._workers) == self.pool.workers and not self.complete.done():
            self.complete.set_result(None)

    def _lose(self, lost: Lost) -> str:
        if not self.complete.done():  # another worker may join instead
            del self._workers[lost.name]
            self._report_progress()
            return ""
        self.mark_lost(lost.name, lost.reason, lost.at)
        return f"{lost.name} {lost.reason}" if self.pool.when_lost == "stop" else ""

    def _report_progress(self) -> None:
        joined, wanted = len(self._workers), self.pool.workers
        text = f"{joined} of {wanted} workers have joined"
        if joined < wanted:
            text += f"; start others with: {self.join_command}"
        self._on_progress(text)


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _worker(info: WorkerInfo) -> Worker:
    return Worker(
        name=info.name,
        host=info.host,
        pid=info.pid,
        versions=dict(info.versions),
        offset=info.offset,
        round_trip=info.round_trip,
        drift=info.drift,
    )

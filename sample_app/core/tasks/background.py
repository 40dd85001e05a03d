"""Background tasks: after the answer, a few at a time, retried, chained, and with a status.

A task is a chain of steps; each begins when the previous one has succeeded. Steps are retried
separately: put an action that must not happen twice (a mail) and one that may (a note in the
database) into two steps.

FastAPI's own background tasks hold the connection until they end, without limits and metrics. Here
they only start a task of this module: `tasks.add_task(background.start, task)`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from uuid import uuid4

from sample_app.core.clock import utc_now
from sample_app.core.errors import AppError, UnavailableError
from sample_app.core.resilience.retries import with_retries
from sample_app.settings import TasksSettings
from sample_app.telemetry.tasks import TaskMetrics

PASSING: Final = (UnavailableError, OSError)  # errors that a later attempt may not meet
_log = logging.getLogger("sample_app.background")


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of work; its name labels metrics and logs."""

    name: str
    work: Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Task:
    """A chain of steps and its status.

    Attributes:
        step: The name of the step that runs now, or ran last.
        attempts: Tries of that step.
        error: A stable code, when it failed; never an exception's text, which may be internal.
    """

    steps: tuple[Step, ...]
    id: str = field(default_factory=lambda: uuid4().hex)
    status: Literal["queued", "running", "succeeded", "failed"] = "queued"
    step: str = ""
    attempts: int = 0
    error: str | None = None
    created_at: datetime = field(default_factory=utc_now)
    finished_at: datetime | None = None

    def __post_init__(self) -> None:
        self.step = self.steps[0].name


class Background:
    """Runs tasks, at most `settings.concurrency` at once; the others wait in order."""

    def __init__(self, settings: TasksSettings, metrics: TaskMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._free = asyncio.Semaphore(settings.concurrency)
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._started: set[asyncio.Task[None]] = set()
        self._ending = False

    def plan(self, *steps: Step) -> Task:
        """Create a task with a number for the client; it waits for `start`."""
        task = Task(steps)
        self._tasks[task.id] = task
        if len(self._tasks) > self._settings.remembered:
            self._tasks.popitem(last=False)
        return task

    def status(self, identifier: str) -> Task | None:
        """A task that was planned in this process; None when unknown or long ago."""
        return self._tasks.get(identifier)

    def load(self) -> tuple[int, int]:
        """How many tasks of this process run, and how many wait."""
        running = min(len(self._started), self._settings.concurrency)
        return running, len(self._started) - running

    async def start(self, task: Task) -> None:
        """Run a planned task in the background; with a full queue it fails at once."""
        waiting = len(self._started) - self._settings.concurrency
        if self._ending or waiting >= self._settings.queue_size:
            self._metrics.failed(task.step)
            _log.error("background task refused: the queue is full", extra={"task": task.step})
            _finish(task, "overloaded")
            return
        running = asyncio.create_task(self._run(task))
        self._started.add(running)
        running.add_done_callback(self._started.discard)

    async def idle(self) -> None:
        """Wait until nothing is queued or running."""
        while self._started:
            await asyncio.wait(self._started)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """At shutdown, refuse new tasks and wait for the accepted ones."""
        try:
            yield
        finally:
            self._ending = True
            try:
                async with asyncio.timeout(self._settings.drain):
                    await self.idle()
            except TimeoutError:
                _log.error("background tasks cut off", extra={"number": len(self._started)})
                for running in self._started:
                    running.cancel()
                await self.idle()

    async def _run(self, task: Task) -> None:
        with _ended(task):
            with self._metrics.queued(task.step):
                await self._free.acquire()
            try:
                task.status = "running"
                for step in task.steps:
                    await self._do(step, task)
            finally:
                self._free.release()

    async def _do(self, step: Step, task: Task) -> None:
        task.step, task.attempts = step.name, 0

        async def attempt() -> None:
            task.attempts += 1
            await step.work()

        with self._metrics.measured(step.name):
            await with_retries(
                attempt,
                self._settings.attempts,
                self._settings.retry_wait,
                PASSING,
                lambda: self._metrics.retried(step.name),
            )


@contextmanager
def _ended(task: Task) -> Iterator[None]:
    """Note how the task ended; a failure is logged, not raised, because no caller waits."""
    try:
        yield
    except asyncio.CancelledError:
        _finish(task, "cut_off")
        raise
    except Exception as error:  # noqa: BLE001 - every failure must be logged
        _log.exception("background task failed", extra={"task": task.step})
        _finish(task, error.code if isinstance(error, AppError) else "internal_error")
    else:
        _finish(task, None)


def _finish(task: Task, error: str | None) -> None:
    task.status = "failed" if error else "succeeded"
    task.error = error
    task.finished_at = utc_now()

"""Background tasks: after the answer, a few at a time, retried, chained, and never lost.

A task is a chain of steps; each begins when the previous one has succeeded. A task is stored in the
transaction of the row that needs it, so both exist or neither. The process that planned it starts
it at once; there is no queue to poll. While a process works on a task it extends the task's lease.
When the lease ends, because the process was killed, any process starts the task again at the step
that was interrupted.

So a step runs at least once: give a step that must not repeat (a mail) a key that its receiver
recognises, or put it into a chain of its own. A task is started again at most once; a task that
takes its process down twice fails with the code `lost`.

Each store of progress is a transaction, so there are few. A task that can start at once is planned
as running. A step whose result is in the database, such as a note that a mail was sent, is
registered as `atomic`: one transaction stores its result and its end, so it takes effect once.

FastAPI's own background tasks hold the connection until they end, without limits and metrics. Here
they only start a task of this module: `tasks.add_task(background.start, task)`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from copy import copy
from datetime import timedelta
from functools import partial
from random import Random
from typing import Final
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.core.clock import utc_now
from sample_app.core.errors import AppError, UnavailableError
from sample_app.core.logs.correlation import request_id
from sample_app.core.resilience.retries import with_retries
from sample_app.core.tasks.store import TakenOverError, TaskStore
from sample_app.core.tasks.task import Step, Task
from sample_app.settings import TasksSettings
from sample_app.telemetry.tasks import TaskMetrics

PASSING: Final = (UnavailableError, OSError)  # errors that a later attempt may not meet
MOST_STARTS: Final = 2  # of one task: the first, and one more after a crash
PRUNE_EVERY: Final = 60.0  # seconds
PRUNE_BATCH: Final = 500  # rows of one DELETE, so that no transaction is long
_TAKEN_OVER: Final = "another process has taken it over"
_GIVE_BACK: Final = 2.0  # seconds to store that a task is free, while the service stops
_jitter: Final = Random()  # noqa: S311 - no secret; its own, since callers may seed the global one
_log = logging.getLogger("sample_app.background")

Work = Callable[..., Awaitable[object]]
# The transaction that ends an atomic step.
Ending = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class _LeftError(Exception):
    """This process stops working on a task without ending it."""


class Background:
    """Runs tasks, at most `settings.concurrency` at once; the others wait in order."""

    def __init__(self, settings: TasksSettings, metrics: TaskMetrics, store: TaskStore) -> None:
        self._settings = settings
        self._metrics = metrics
        self._store = store
        self._lease = timedelta(seconds=settings.lease)
        self._work: dict[str, Work] = {}
        self._atomic: set[str] = set()
        self._free = asyncio.Semaphore(settings.concurrency)
        self._started: dict[asyncio.Task[None], Task] = {}
        self._ending = False

    def register(self, work: Mapping[str, Work], atomic: Collection[str] = ()) -> None:
        """Make steps known by their names; a stored task has names, not functions.

        Args:
            work: The function of each step.
            atomic: Steps whose function takes an `Ending` before the arguments, and writes its
                result in that transaction. Their beginning is not stored: when the process is
                killed before the commit, the step before is the interrupted one.
        """
        self._work |= work
        self._atomic |= set(atomic)
        for name in work:
            self._metrics.expect(name)

    def plan(self, *steps: Step) -> Task:
        """Create a task that this process holds.

        Store it in the transaction of the row that needs it, and call `start` after the commit.
        A task that is stored and not started is started by any process when its lease has ended.
        With a free slot it is planned as running, so that its begin is not stored once more.

        Raises:
            KeyError: When a step is not registered.
        """
        for step in steps:
            self._work[step.name]
        until = utc_now() + self._lease
        task = Task(steps, uuid4().hex, until, request_id=request_id.get())
        if not (self._ending or self._free.locked()):
            task.begin()
        return task

    async def status(self, identifier: str) -> Task | None:
        """A task of any process; None when it is unknown or ended long ago."""
        return await self._store.get(identifier)

    def load(self) -> tuple[int, int]:
        """How many tasks of this process run, and how many wait."""
        running = min(len(self._started), self._settings.concurrency)
        return running, len(self._started) - running

    async def start(self, task: Task) -> None:
        """Run a stored task in the background; with a full queue it waits in the store."""
        if self._ending or self._room() <= 0:
            reason = "the service stops" if self._ending else "the queue is full"
            _log.warning(
                "background task waits in the store", extra={"task": task.step, "reason": reason}
            )
            task.wait()
            await self._give_back(task)
            return
        running = asyncio.create_task(self._run(task))
        self._started[running] = task
        running.add_done_callback(self._started.pop)

    async def idle(self) -> None:
        """Wait until nothing is queued or running in this process."""
        while self._started:
            await asyncio.wait(tuple(self._started))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Recover tasks while inside; at the end wait for the accepted ones, then give back.

        Tasks that are interrupted at the end are started again by another process, or by the next
        start of this one.
        """
        await self._maintain()
        # Two tasks: leases must not end while a million old rows are deleted.
        keepers = [asyncio.create_task(self._keep()), asyncio.create_task(self._tidy())]
        try:
            yield
        finally:
            self._ending = True
            try:
                async with asyncio.timeout(self._settings.drain):
                    await self.idle()
            except TimeoutError:
                _log.error("background tasks cut off", extra={"number": len(self._started)})
                for running in tuple(self._started):
                    running.cancel()
                await self.idle()
            finally:
                for keeper in keepers:
                    keeper.cancel()
                await asyncio.wait(keepers)

    async def recover(self) -> int:
        """Start tasks again whose process no longer extends their lease; return how many."""
        if self._ending or (room := self._room()) <= 0:
            return 0
        now = utc_now()
        found = await self._store.claim(uuid4().hex, self._work, now, now + self._lease, room)
        for task in found:
            extra = {"task": task.step, "task_id": task.id}
            token = request_id.set(task.request_id)
            if task.status == "running" and task.starts >= MOST_STARTS:
                _log.error("background task lost", extra=extra)
                self._metrics.failed(task.step)
                task.finish("lost")
                await self._store.save(task)
            else:
                _log.warning("background task recovered", extra=extra)
                self._metrics.recovered(task.step)
                await self.start(task)
            request_id.reset(token)
        return len(found)

    async def renew(self) -> None:
        """Extend the leases of the tasks that this process has accepted.

        A task that another process has taken over, because this one was stopped for longer than a
        lease, is cancelled here.
        """
        now = utc_now()
        held = {
            task.id: running
            for running, task in self._started.items()
            if task.lease_until is not None and task.lease_until - now < self._lease / 2
        }
        if not held:
            return
        tasks = [self._started[running] for running in held.values()]
        kept = await self._store.renew(tasks, now + self._lease)
        for task in tasks:
            if task.finished_at is not None:
                continue
            if task.id in kept:
                task.lease_until = now + self._lease
            else:
                _log.warning("background task taken over", extra={"task": task.step})
                held[task.id].cancel()

    async def prune(self) -> int:
        """Delete the tasks that ended long ago, in batches; return how many."""
        before = utc_now() - timedelta(seconds=self._settings.kept)
        deleted = batch = await self._store.prune(before, PRUNE_BATCH)
        while batch == PRUNE_BATCH:
            deleted += (batch := await self._store.prune(before, PRUNE_BATCH))
        return deleted

    def _room(self) -> int:
        settings = self._settings
        return settings.concurrency + settings.queue_size - len(self._started)

    async def _keep(self) -> None:
        while True:
            # Jitter, so that the processes do not ask at the same time.
            await asyncio.sleep(self._settings.poll * _jitter.uniform(0.5, 1.5))
            await self._maintain()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_EVERY)
            with _logged():
                await self.prune()

    async def _maintain(self) -> None:
        with _logged():
            await self.renew()
            await self.recover()

    async def _run(self, task: Task) -> None:
        try:
            with self._metrics.queued(task.step):
                if task.begun and (self._free.locked() or _ended(task)):
                    task.wait()
                    await self._save(task)
                await self._free.acquire()
            try:
                await self._chain(task)
            finally:
                self._free.release()
        except _LeftError as error:
            extra = {"task": task.step, "task_id": task.id, "reason": str(error)}
            _log.warning("background task left", extra=extra)
        except asyncio.CancelledError:
            if task.finished_at is None:
                await self._give_back(task)
            raise
        except Exception:  # noqa: BLE001 - nobody waits for this; the lease ends by itself
            _log.exception("background task left", extra={"task": task.step, "task_id": task.id})

    async def _chain(self, task: Task) -> None:
        if not task.begun:
            task.begin()
            await self._save(task)
        while task.finished_at is None:
            position = task.position
            error = await self._do(task)
            if error:
                task.finish(error)
            elif task.position == position and task.finished_at is None:
                task.advance()
            else:
                continue  # an atomic step has stored its end
            if task.finished_at is not None or task.step not in self._atomic:
                await self._save(task)

    async def _do(self, task: Task) -> str | None:
        """Carry out the current step.

        Returns:
            The code of its error; a failure is logged, not raised, because no caller waits.
        """
        step = task.steps[task.position]

        async def attempt() -> None:
            if task.attempts > 1:
                await self._save(task)
            before = (partial(self._end, task),) if step.name in self._atomic else ()
            await self._work[step.name](*before, **step.arguments)

        def again() -> None:
            task.attempts += 1
            self._metrics.retried(step.name)

        settings = self._settings
        try:
            with self._metrics.measured(step.name):
                await with_retries(attempt, settings.attempts, settings.retry_wait, PASSING, again)
        except _LeftError:
            raise
        except Exception as error:  # noqa: BLE001 - every failure must be logged
            _log.exception("background task failed", extra={"task": step.name})
            return error.code if isinstance(error, AppError) else "internal_error"
        return None

    @asynccontextmanager
    async def _end(self, task: Task) -> AsyncIterator[AsyncSession]:
        """The `Ending` of the current step."""
        after = copy(task)
        after.advance()
        try:
            async with self._store.saving(after) as session:
                yield session
        except TakenOverError as error:
            raise _LeftError(_TAKEN_OVER) from error
        task.advance()

    async def _save(self, task: Task) -> None:
        """Store the progress, and with it a new lease.

        Raises:
            _LeftError: When the store does not answer, or another process holds the task.
        """
        if task.finished_at is None:
            task.lease_until = utc_now() + self._lease
        save = partial(self._store.save, task)
        try:
            stored = await with_retries(
                save, self._settings.attempts, self._settings.retry_wait, PASSING
            )
        except PASSING as error:
            raise _LeftError("the store does not answer") from error
        if not stored:
            raise _LeftError(_TAKEN_OVER)

    async def _give_back(self, task: Task) -> None:
        """End the lease now, so that another process starts the task at once.

        When this fails the lease ends by itself.
        """
        if task.starts >= MOST_STARTS:
            task.finish("cut_off")
        else:
            task.status, task.lease_until = "queued", utc_now()
        with suppress(*PASSING, TimeoutError):
            async with asyncio.timeout(_GIVE_BACK):
                await self._store.save(task)


@contextmanager
def _logged() -> Iterator[None]:
    """Log an error of the maintenance: no caller waits, and the next round may succeed."""
    try:
        yield
    except PASSING as error:
        _log.warning("background tasks not maintained", extra={"error": str(error)})
    except Exception:  # noqa: BLE001 - the next round must take place
        _log.exception("background tasks not maintained")


def _ended(task: Task) -> bool:
    """Whether another process may have claimed the task."""
    return task.lease_until is not None and task.lease_until <= utc_now()

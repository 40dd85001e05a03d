"""Every query on background tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.core.database.database import Database
from sample_app.core.tasks.store import TakenOverError
from sample_app.core.tasks.task import Step, Task
from sample_app.models.task import BackgroundTask

_TABLE = cast("Table", BackgroundTask.__table__)
# Built once, and for the table: every new contact executes one of each.
_ADD = insert(_TABLE)
_SAVE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("task_id"), _TABLE.c.claim == bindparam("holder"))
    .returning(_TABLE.c.id)
)


class TaskRepository:
    """Tasks in one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, task: Task) -> None:
        """Store a new task, in the transaction of the row that needs it."""
        fixed = {
            "id": task.id,
            "steps": [[step.name, dict(step.arguments)] for step in task.steps],
            "claim": task.claim,
            "request_id": task.request_id,
            "created_at": task.created_at,
        }
        connection = await self._session.connection()
        await connection.execute(_ADD, fixed | _progress(task))

    async def get(self, identifier: str) -> Task | None:
        """One task."""
        row = await self._session.get(BackgroundTask, identifier)
        return _task(row) if row else None

    async def save(self, task: Task) -> bool:
        """Store the progress, if the task still has its claim."""
        holder = {"task_id": task.id, "holder": task.claim}
        connection = await self._session.connection()
        return await connection.scalar(_SAVE, holder | _progress(task)) is not None

    async def renew(self, tasks: Collection[Task], until: datetime) -> set[str]:
        """Extend the leases of the unfinished tasks that still have their claim."""
        query = (
            update(BackgroundTask)
            .where(
                BackgroundTask.id.in_([task.id for task in tasks]),
                BackgroundTask.claim.in_({task.claim for task in tasks}),
                BackgroundTask.finished_at.is_(None),
            )
            .values(lease_until=until)
            .returning(BackgroundTask.id)
        )
        return set(await self._session.scalars(query))

    async def waiting(self, now: datetime) -> bool:
        """Whether a lease has ended: one look into the index."""
        query = select(BackgroundTask.id).where(BackgroundTask.lease_until < now).limit(1)
        return await self._session.scalar(query) is not None

    async def claim(
        self, token: str, steps: Collection[str], now: datetime, until: datetime, most: int
    ) -> Sequence[Task]:
        """Take over tasks whose lease has ended.

        One statement: on PostgreSQL the others skip the locked rows, and SQLite has one writer.
        """
        due = (
            select(BackgroundTask.id)
            .where(BackgroundTask.lease_until < now, BackgroundTask.step.in_(steps))
            .order_by(BackgroundTask.lease_until)
            .limit(most)
            .with_for_update(skip_locked=True)
            .cte("due")  # executed once, whatever the plan of the update
        )
        query = (
            update(BackgroundTask)
            .where(BackgroundTask.id.in_(select(due.c.id)))
            .values(claim=token, lease_until=until)
            .returning(BackgroundTask)
            .execution_options(synchronize_session=False)  # nothing is loaded yet
        )
        found = [_task(row) for row in await self._session.scalars(query)]
        return sorted(found, key=lambda task: task.created_at)

    async def prune(self, before: datetime, most: int) -> int:
        """Delete some of the tasks that ended before this time; return how many."""
        old = (
            select(BackgroundTask.id)
            .where(BackgroundTask.finished_at < before)
            .order_by(BackgroundTask.finished_at)
            .limit(most)
        )
        query = delete(BackgroundTask).where(BackgroundTask.id.in_(old))
        gone = await self._session.scalars(query.returning(BackgroundTask.id))
        return len(gone.all())


class DatabaseTaskStore:
    """A `TaskStore`: each method is one short transaction.

    The status is read from the main database: a replica may not have the task yet.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, identifier: str) -> Task | None:
        """See `TaskStore`."""
        async with self._database.reading_current() as session:
            return await TaskRepository(session).get(identifier)

    async def save(self, task: Task) -> bool:
        """See `TaskStore`."""
        async with self._database.writing() as session:
            return await TaskRepository(session).save(task)

    @asynccontextmanager
    async def saving(self, task: Task) -> AsyncIterator[AsyncSession]:
        """See `TaskStore`."""
        async with self._database.writing() as session:
            if not await TaskRepository(session).save(task):
                raise TakenOverError
            yield session

    async def renew(self, tasks: Collection[Task], until: datetime) -> set[str]:
        """See `TaskStore`."""
        async with self._database.writing() as session:
            return await TaskRepository(session).renew(tasks, until)

    async def claim(
        self, token: str, steps: Collection[str], now: datetime, until: datetime, most: int
    ) -> Sequence[Task]:
        """See `TaskStore`; usually nothing waits, and nothing is locked."""
        async with self._database.reading_current() as session:
            if not await TaskRepository(session).waiting(now):
                return []
        async with self._database.writing() as session:
            return await TaskRepository(session).claim(token, steps, now, until, most)

    async def prune(self, before: datetime, most: int) -> int:
        """See `TaskStore`."""
        async with self._database.writing() as session:
            return await TaskRepository(session).prune(before, most)


def _progress(task: Task) -> dict[str, object]:
    """The columns that change."""
    return {
        "lease_until": task.lease_until,
        "status": task.status,
        "step": task.step,
        "position": task.position,
        "attempts": task.attempts,
        "starts": task.starts,
        "error": task.error,
        "finished_at": task.finished_at,
    }


def _task(row: BackgroundTask) -> Task:
    return Task(
        steps=tuple(
            Step(cast("str", name), cast("Mapping[str, object]", arguments))
            for name, arguments in row.steps
        ),
        claim=row.claim,
        lease_until=row.lease_until,
        id=row.id,
        status=cast('Literal["queued", "running", "succeeded", "failed"]', row.status),
        position=row.position,
        attempts=row.attempts,
        starts=row.starts,
        error=row.error,
        request_id=row.request_id,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )

"""Where tasks are kept, so that they survive the process that planned them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.core.tasks.task import Task


class TakenOverError(Exception):
    """Another process holds the task."""


class TaskStore(Protocol):
    """Tasks that every process sees.

    All methods may raise `UnavailableError`.
    """

    async def get(self, identifier: str) -> Task | None:
        """One task; None when there is none, or its status is no longer kept."""

    async def save(self, task: Task) -> bool:
        """Store the progress; False when another process holds the task."""

    def saving(self, task: Task) -> AbstractAsyncContextManager[AsyncSession]:
        """A transaction that stores the progress first; what is inside is committed with it.

        Raises:
            TakenOverError: When another process holds the task; nothing is stored.
        """

    async def renew(self, tasks: Collection[Task], until: datetime) -> set[str]:
        """Extend the leases of these tasks.

        Returns:
            The ids of the tasks that the caller still holds.
        """

    async def claim(
        self, token: str, steps: Collection[str], now: datetime, until: datetime, most: int
    ) -> Sequence[Task]:
        """Take over tasks whose lease has ended; each task goes to one process only.

        Args:
            token: The claim that the tasks get.
            steps: Only tasks whose next step has one of these names.
            now: Leases before this time have ended.
            until: The new end of the leases.
            most: How many tasks at most.

        Returns:
            The tasks, the oldest first.
        """

    async def prune(self, before: datetime, most: int) -> int:
        """Delete at most `most` tasks that ended before this time; return how many."""

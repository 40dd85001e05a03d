"""Background tasks of a test, with a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import replace
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry

from sample_app.core.tasks.background import Background, Work
from sample_app.core.tasks.store import TakenOverError
from sample_app.core.tasks.task import Step, Task
from sample_app.settings import TasksSettings
from sample_app.telemetry.tasks import TaskMetrics


class MemoryStore:
    """A `TaskStore` in memory; tests/integration/sample_app/test_task_store.py has the real one.

    Attributes:
        failures: The errors of the next calls of `save` and of the next transactions.
        stores: How often progress was stored, alone or with a result.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Task] = {}
        self.failures: list[Exception] = []
        self.stores = 0

    def held(self, task: Task) -> bool:
        return task.id in self.rows and self.rows[task.id].claim == task.claim

    async def get(self, identifier: str) -> Task | None:
        return self.rows.get(identifier)

    async def save(self, task: Task) -> bool:
        await asyncio.sleep(0)
        self.stores += 1
        if self.failures:
            raise self.failures.pop(0)
        assert (task.lease_until is None) == (task.finished_at is not None)
        if self.held(task):
            self.rows[task.id] = copy(task)
            return True
        return False

    @asynccontextmanager
    async def saving(self, task: Task) -> AsyncIterator[Any]:
        before = self.rows.get(task.id)
        if not await self.save(task):
            raise TakenOverError
        try:
            yield None
        except BaseException:
            assert before is not None
            self.rows[task.id] = before
            raise

    async def renew(self, tasks: Collection[Task], until: datetime) -> set[str]:
        kept = {task.id for task in tasks if self.held(task)}
        for identifier in kept:
            self.rows[identifier].lease_until = until
        return kept

    async def claim(
        self, token: str, steps: Collection[str], now: datetime, until: datetime, most: int
    ) -> Sequence[Task]:
        due = [t for t in self.rows.values() if t.lease_until and t.lease_until < now]
        found = [task for task in due if task.step in steps][:most]
        for task in found:
            task.claim, task.lease_until = token, until
        return [replace(task, begun=False) for task in found]

    async def prune(self, before: datetime, most: int) -> int:
        ended = [t.id for t in self.rows.values() if t.finished_at and t.finished_at < before]
        for identifier in ended[:most]:
            del self.rows[identifier]
        return len(ended[:most])


class Bench:
    """Background tasks with steps named mail and note, a store and a registry.

    A second bench on the same store is another process.
    """

    def __init__(self, store: MemoryStore | None = None, **settings: float) -> None:
        self.registry = CollectorRegistry()
        self.store = store or MemoryStore()
        quick = {"retry_wait": 0.001, **settings}
        self.background = Background(
            TasksSettings.model_validate(quick), TaskMetrics(self.registry), self.store
        )
        self.background.register({"mail": nothing, "note": nothing})

    def plan(self, *steps: Step) -> Task:
        """Plan a task and store it, as a service does."""
        task = self.background.plan(*(steps or (Step("mail"),)))
        self.store.rows[task.id] = copy(task)
        return task

    def does(self, work: Work, step: str = "mail", *, atomic: bool = False) -> None:
        self.background.register({step: work}, atomic=(step,) if atomic else ())

    async def run(self, *steps: Step) -> Task:
        """Plan and start a task; its last stored state."""
        task = self.plan(*steps)
        await self.background.start(task)
        await self.background.idle()
        return self.store.rows[task.id]

    def value(self, name: str, task: str = "mail") -> float:
        value = self.registry.get_sample_value(f"background_task_{name}", {"task": task})
        assert value is not None, name
        return value

    def counts(self, task: str = "mail") -> dict[str, float]:
        names = (
            *("failures_total", "retries_total", "recoveries_total"),
            *("queue_depth", "active"),
        )
        counted = {name.removesuffix("_total"): self.value(name, task) for name in names}
        return {"ended": self.value("duration_seconds_count", task)} | counted


async def turns() -> None:
    """Let every task go on as far as it can; none waits for a time or for another thread."""
    for _ in range(100):
        await asyncio.sleep(0)


async def nothing(**arguments: object) -> None:
    return None


def failing(
    times: int, error: Exception, calls: list[str], name: str = "mail"
) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        calls.append(name)
        if calls.count(name) <= times:
            raise error

    return work


NONE = {
    "ended": 0,
    "failures": 0,
    "retries": 0,
    "recoveries": 0,
    "queue_depth": 0,
    "active": 0,
}
MAIL, NOTE = Step("mail"), Step("note")

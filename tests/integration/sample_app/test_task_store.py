"""Tasks in the database: planned with their contact, claimed once, seen by every replica."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from sample_app.core.clock import utc_now
from sample_app.core.tasks.task import Step, Task
from sample_app.repositories.tasks import DatabaseTaskStore, TaskRepository
from sample_app.schemas.contacts import ContactIn
from sample_app.services.welcome import WelcomeService
from sample_app.settings import Settings
from tests.integration.sample_app.conftest import Service, running
from tests.integration.sample_app.test_companies_api import ended

API = "/api/v1/contacts"
NEW = {"first_name": "A", "last_name": "B", "email": "a@b.example", "company_id": 1}
NOW = utc_now()
STEPS = {"mail", "note"}


class Tasks:
    """The store of a service, and tasks in it."""

    def __init__(self, service: Service) -> None:
        self.database = service.app.state.services.contacts._database
        self.store = DatabaseTaskStore(self.database)

    async def add(self, age: float = 1.0, step: str = "mail", **state: object) -> Task:
        """Store a task whose lease ended `age` seconds ago."""
        until = NOW - timedelta(seconds=age)
        task = Task((Step("first"), Step(step, {"contact_id": 7})), "planner", until, position=1)
        task.created_at = until - timedelta(seconds=30)
        for name, value in state.items():
            setattr(task, name, value)
        async with self.database.writing() as session:
            await TaskRepository(session).add(task)
        return task

    async def claim(self, token: str, most: int = 100) -> list[str]:
        until = NOW + timedelta(seconds=30)
        return [task.id for task in await self.store.claim(token, STEPS, NOW, until, most)]


@pytest.fixture
def tasks(service: Service) -> Tasks:
    return Tasks(service)


async def test_task_is_read_as_it_was_stored(tasks: Tasks) -> None:
    task = await tasks.add(request_id="r-1", attempts=2, starts=1, status="running")
    assert await tasks.store.get(task.id) == task
    assert await tasks.store.get("0" * 32) is None


async def test_waiting_tasks_are_claimed_once_however_many_ask_at_once(tasks: Tasks) -> None:
    waiting = {(await tasks.add()).id for _ in range(20)}
    found = await asyncio.gather(*(tasks.claim(f"process {n}", most=7) for n in range(4)))
    while more := await tasks.claim("last"):  # rows that were locked meanwhile
        found.append(more)
    claimed = [identifier for batch in found for identifier in batch]
    assert (len(claimed), set(claimed)) == (20, waiting)
    assert max(len(batch) for batch in found[:4]) <= 7


async def test_claim_takes_the_oldest_and_neither_held_nor_ended_nor_unknown_ones(
    tasks: Tasks,
) -> None:
    newer, older = await tasks.add(age=1), await tasks.add(age=5)
    oldest = await tasks.add(age=9)
    await tasks.add(age=-10)
    await tasks.add(step="sign")
    ended = await tasks.add(lease_until=None, status="failed", error="lost", finished_at=NOW)
    assert await tasks.claim("other", most=2) == [oldest.id, older.id]
    assert await tasks.claim("other") == [newer.id]
    assert await tasks.claim("other") == []
    assert (await tasks.store.get(ended.id)) == ended


async def test_progress_is_stored_by_the_holder_only(tasks: Tasks) -> None:
    task = await tasks.add()
    task.status, task.starts = "running", 1
    assert await tasks.store.save(task)
    assert await tasks.claim("other") == [task.id]
    task.finish(None)
    assert not await tasks.store.save(task)
    stored = await tasks.store.get(task.id)
    assert stored is not None
    assert (stored.status, stored.claim, stored.starts) == ("running", "other", 1)


async def test_leases_are_extended_for_the_holder_only(tasks: Tasks) -> None:
    kept, taken = await tasks.add(), await tasks.add(age=5)
    assert await tasks.claim("other", most=1) == [taken.id]
    ended = await tasks.add(lease_until=None, status="succeeded", finished_at=NOW)
    until = NOW + timedelta(seconds=60)
    assert await tasks.store.renew([kept, taken, ended], until) == {kept.id}
    stored = await tasks.store.get(kept.id)
    assert stored is not None
    assert stored.lease_until == until


async def test_old_ended_tasks_are_deleted_the_oldest_first(tasks: Tasks) -> None:
    ended = [
        await tasks.add(lease_until=None, status="succeeded", finished_at=NOW - timedelta(hours=h))
        for h in (1, 5, 4)
    ]
    await tasks.add(age=90_000)
    before = NOW - timedelta(hours=2)
    assert [await tasks.store.prune(before, 1) for _ in range(3)] == [1, 1, 0]
    assert [await tasks.store.get(task.id) is None for task in ended] == [False, True, True]


async def test_contact_and_its_task_are_stored_together_or_not_at_all(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = service.app.state.services
    before = service.value("db_client_operation_duration_seconds_count")
    _, task = await services.contacts.create(ContactIn.model_validate(NEW))
    assert service.value("db_client_operation_duration_seconds_count") - before == 3
    assert (await services.background.status(task.id)).status == "running"
    # The next task has the same id, so the second statement of the transaction fails.
    monkeypatch.setattr(services.background, "plan", lambda *_: task)
    with pytest.raises(IntegrityError, match="tasks"):
        await services.contacts.create(ContactIn.model_validate(NEW | {"email": "b@b.example"}))
    found = await service.client.get(f"{API}/search?q=b@b.example")
    assert found.json()["total"] == 0


async def test_two_replicas_tell_the_same_about_a_task(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()

    async def send(self: WelcomeService) -> None:
        await gate.wait()

    monkeypatch.setattr(WelcomeService, "_send", send)
    async with running(settings) as one, running(settings) as other:
        answer = await one.client.post(API, json=NEW)
        path = f"/api/v1/tasks/{answer.headers['X-Task-Id']}"
        async with asyncio.timeout(30):
            while (seen := (await other.client.get(path)).json())["status"] == "queued":
                await asyncio.sleep(0.01)
        assert (seen["status"], seen["step"], seen["attempts"]) == ("running", "welcome", 1)
        gate.set()
        assert (await ended(other, path))["status"] == "succeeded"
        assert (await one.client.get(path)).json() == (await other.client.get(path)).json()
    async with running(settings) as restarted:
        assert (await restarted.client.get(path)).json()["status"] == "succeeded"

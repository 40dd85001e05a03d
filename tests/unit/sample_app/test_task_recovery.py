"""Tasks whose process died, was stopped for long, or lost its store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from sample_app.core.clock import utc_now
from sample_app.core.errors import UnavailableError
from sample_app.core.logs.correlation import request_id
from sample_app.core.tasks import background
from sample_app.core.tasks.background import MOST_STARTS
from sample_app.core.tasks.task import Step, Task
from tests.unit.sample_app.task_bench import MAIL, NONE, NOTE, Bench, failing, nothing, turns


def killed(bench: Bench, task: Task, **state: object) -> None:
    """Leave a task as a process does that was killed: its lease ends, and nobody extends it."""
    row = bench.store.rows[task.id]
    row.lease_until = utc_now() - timedelta(seconds=1)
    for name, value in state.items():
        setattr(row, name, value)


@pytest.mark.parametrize(
    ("state", "calls", "starts"),
    [
        pytest.param({"status": "queued", "starts": 0}, ["mail", "note"], 1, id="while it waited"),
        pytest.param({}, ["mail", "note"], 2, id="before it began"),
        pytest.param({"status": "running", "starts": 1}, ["mail", "note"], 2, id="in its step"),
        pytest.param(
            {"status": "running", "starts": 1, "position": 1}, ["note"], 2, id="in its second step"
        ),
        pytest.param({"starts": 1, "position": 1}, ["note"], 2, id="given back in its second step"),
    ],
)
async def test_task_of_a_killed_process_goes_on_in_another_one_at_its_step(
    state: dict[str, object], calls: list[str], starts: int
) -> None:
    dead = Bench()
    token = request_id.set("r-1")
    task = dead.plan(MAIL, NOTE)
    request_id.reset(token)
    killed(dead, task, **state)
    other = Bench(dead.store)
    called: list[str] = []
    seen: list[str] = []

    async def note() -> None:
        called.append("note")
        seen.append(request_id.get())

    other.does(failing(0, OSError(), called))
    other.does(note, "note")
    assert await other.background.recover() == 1
    assert await other.background.recover() == 0
    await other.background.idle()
    row = dead.store.rows[task.id]
    assert (called, row.status, row.starts) == (calls, "succeeded", starts)
    assert seen == ["r-1"]  # the correlation id of the request that planned it
    step = "note" if state.get("position") else "mail"
    assert other.counts(step)["recoveries"] == 1


async def test_task_that_was_interrupted_twice_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    called: list[str] = []
    bench.does(failing(0, OSError(), called))
    task = bench.plan()
    killed(bench, task, status="running", starts=MOST_STARTS)
    assert await bench.background.recover() == 1
    await bench.background.idle()
    row = bench.store.rows[task.id]
    assert (row.status, row.error, called) == ("failed", "lost", [])
    assert row.finished_at is not None
    assert bench.counts() == NONE | {"failures": 1}
    assert "background task lost" in caplog.text


async def test_task_whose_step_is_unknown_here_is_left_to_a_newer_version() -> None:
    newer = Bench()
    newer.does(nothing, "sign")
    task = newer.plan(Step("sign"))
    killed(newer, task)
    assert await Bench(newer.store).background.recover() == 0
    assert await newer.background.recover() == 1


async def test_task_that_another_process_took_over_does_not_begin_here() -> None:
    bench = Bench()
    called: list[str] = []
    bench.does(failing(0, OSError(), called))
    task = bench.plan()
    killed(bench, task, claim="other")
    task.lease_until = bench.store.rows[task.id].lease_until  # this process was stopped for long
    await bench.background.start(task)
    await bench.background.idle()
    assert called == []
    row = bench.store.rows[task.id]
    assert (row.status, row.starts, row.claim) == ("running", 1, "other")


async def test_leases_of_accepted_tasks_are_extended_and_a_task_taken_over_is_cancelled() -> None:
    bench = Bench(concurrency=1)
    gate = asyncio.Event()
    bench.does(gate.wait)
    tasks = [bench.plan() for _ in range(3)]
    for task in tasks:
        await bench.background.start(task)
    await turns()
    await bench.background.renew()  # nothing is due
    soon = utc_now() + timedelta(seconds=1)
    for task in tasks:
        task.lease_until = bench.store.rows[task.id].lease_until = soon
    bench.store.rows[tasks[0].id].claim = "other"
    await bench.background.renew()
    rows = [bench.store.rows[task.id] for task in tasks]
    assert [row.lease_until is not None and row.lease_until > soon for row in rows] == [
        *[False, True, True]
    ]
    gate.set()
    await bench.background.idle()
    rows = [bench.store.rows[task.id] for task in tasks]
    assert [row.status for row in rows] == ["running", "succeeded", "succeeded"]
    assert rows[0].claim == "other"


@pytest.mark.parametrize(
    ("failures", "calls", "status"),
    [
        pytest.param([UnavailableError("away")] * 2, 1, "succeeded", id="for a while"),
        pytest.param([UnavailableError("away")] * 3, 0, "queued", id="before it began"),
        pytest.param([LookupError("a mistake")], 0, "queued", id="a mistake of the store"),
    ],
)
async def test_store_that_fails_leaves_the_task_to_its_lease(
    failures: list[Exception], calls: int, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench()
    called: list[str] = []
    bench.does(failing(0, OSError(), called))
    task = bench.plan()
    killed(bench, task, status="queued", starts=0)
    bench.store.failures = list(failures)
    assert await bench.background.recover() == 1
    await bench.background.idle()
    assert (len(called), bench.store.rows[task.id].status) == (calls, status)
    assert ("background task left" in caplog.text) == (calls == 0)


async def test_maintenance_survives_a_store_that_does_not_answer(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(poll=0.001, lease=1)
    asked = 0

    async def claim(*arguments: object) -> Sequence[Task]:
        nonlocal asked
        asked += 1
        raise UnavailableError("away")

    monkeypatch.setattr(bench.store, "claim", claim)
    async with bench.background.running():
        async with asyncio.timeout(30):
            while asked < 3:
                await asyncio.sleep(0.001)
    assert "background tasks not maintained" in caplog.text


async def test_old_tasks_are_deleted_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PRUNE_BATCH", 2)
    bench = Bench(kept=60)
    for _ in range(7):
        await bench.run()
    recent, waiting = await bench.run(), bench.plan()
    for task in list(bench.store.rows.values())[:7]:
        task.finished_at = utc_now() - timedelta(seconds=61)
    assert await bench.background.prune() == 7
    assert set(bench.store.rows) == {recent.id, waiting.id}


async def test_tasks_are_recovered_while_old_ones_are_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "PRUNE_EVERY", 0.001)
    bench = Bench(poll=0.001, lease=60)
    deleting = asyncio.Event()

    async def delete_for_ever(*arguments: object) -> int:
        deleting.set()
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(bench.store, "prune", delete_for_ever)
    async with asyncio.timeout(30), bench.background.running():
        await deleting.wait()
        task = bench.plan()
        killed(bench, task)
        while bench.store.rows[task.id].finished_at is None:
            await asyncio.sleep(0.001)
    assert bench.store.rows[task.id].status == "succeeded"


async def test_deletion_that_fails_is_logged_and_repeated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "PRUNE_EVERY", 0.001)
    bench = Bench()
    asked = 0

    async def fail(*arguments: object) -> int:
        nonlocal asked
        asked += 1
        raise UnavailableError("away")

    monkeypatch.setattr(bench.store, "prune", fail)
    async with asyncio.timeout(30), bench.background.running():
        while asked < 3:
            await asyncio.sleep(0.001)
    assert "background tasks not maintained" in caplog.text

"""How often a task's progress is stored, and steps that store their end with their result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from sample_app.core.clock import utc_now
from sample_app.core.errors import UnavailableError
from sample_app.core.tasks.background import Ending
from sample_app.core.tasks.task import Step
from tests.unit.sample_app.task_bench import MAIL, NONE, NOTE, Bench, failing, turns


def noting(
    bench: Bench,
    calls: list[str],
    errors: tuple[Exception, ...] = (),
    before: Callable[[], None] = lambda: None,
) -> None:
    """Make `note` an atomic step; its first calls raise these errors inside their transaction."""
    left = list(errors)

    async def note(ending: Ending) -> None:
        before()
        async with ending():
            calls.append("note")
            if left:
                raise left.pop(0)

    bench.does(note, "note", atomic=True)


@pytest.mark.parametrize(
    ("steps", "atomic", "free", "stores"),
    [
        pytest.param((MAIL,), False, True, 1, id="one step"),
        pytest.param((MAIL, NOTE), False, True, 2, id="two steps"),
        pytest.param((MAIL, NOTE), True, True, 1, id="the second one is atomic"),
        pytest.param((NOTE,), True, True, 1, id="one atomic step"),
        pytest.param((MAIL, NOTE), True, False, 3, id="it must wait, and then begins"),
    ],
)
async def test_progress_is_stored_as_seldom_as_the_promise_allows(
    steps: tuple[Step, ...], atomic: bool, free: bool, stores: int
) -> None:
    bench = Bench(concurrency=1)
    gate = asyncio.Event()
    bench.does(gate.wait, "other")
    if atomic:
        noting(bench, [])
    task = bench.plan(*steps)
    if not free:
        other = bench.plan(Step("other"))
        await bench.background.start(other)
        await asyncio.sleep(0)
    await bench.background.start(task)
    await turns()
    waits = bench.store.rows[task.id]
    if not free:
        assert (waits.status, waits.starts) == ("queued", 0)
    gate.set()
    await bench.background.idle()
    ended = bench.store.rows[task.id]
    assert (ended.status, ended.starts) == ("succeeded", 1)
    assert bench.store.stores == stores + (0 if free else 1)  # the end of the other task


async def test_atomic_step_that_fails_in_its_transaction_is_repeated_alone() -> None:
    bench = Bench()
    calls: list[str] = []
    bench.does(failing(0, OSError(), calls))
    noting(bench, calls, (UnavailableError("away"), ConnectionResetError("reset")))
    task = await bench.run(MAIL, NOTE)
    assert calls == ["mail", "note", "note", "note"]
    assert (task.status, task.step, task.attempts) == ("succeeded", "note", 3)
    assert bench.counts("note") == NONE | {"ended": 1, "retries": 2}


async def test_atomic_step_that_fails_for_good_fails_the_task() -> None:
    bench = Bench()
    calls: list[str] = []
    noting(bench, calls, (LookupError("a mistake"),))
    task = await bench.run(MAIL, NOTE)
    assert (calls, task.status, task.step) == (["note"], "failed", "note")
    assert task.error == "internal_error"
    assert bench.counts("note") == NONE | {"ended": 1, "failures": 1}


async def test_atomic_step_in_the_middle_is_followed_by_the_next_one() -> None:
    bench = Bench()
    calls: list[str] = []
    bench.does(failing(0, OSError(), calls))
    noting(bench, calls)
    task = await bench.run(NOTE, MAIL, NOTE)
    assert calls == ["note", "mail", "note"]
    assert (task.status, task.position, bench.store.stores) == ("succeeded", 2, 2)


async def test_atomic_step_of_a_task_that_was_taken_over_has_no_effect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    calls: list[str] = []
    task = bench.plan(MAIL, NOTE)

    def taken() -> None:
        bench.store.rows[task.id].claim = "other"

    noting(bench, calls, before=taken)
    await bench.background.start(task)
    await bench.background.idle()
    row = bench.store.rows[task.id]
    assert (calls, row.status, row.claim) == ([], "running", "other")
    assert "another process has taken it over" in caplog.records[-1].__dict__["reason"]


async def test_process_that_is_killed_before_the_commit_repeats_the_step_before() -> None:
    dead = Bench()
    calls: list[str] = []
    for bench in (dead, other := Bench(dead.store)):
        bench.does(failing(0, OSError(), calls))
    never = asyncio.Event()

    async def hangs(ending: Ending) -> None:
        async with ending():
            await never.wait()

    dead.does(hangs, "note", atomic=True)
    noting(other, calls)
    task = dead.plan(MAIL, NOTE)
    before = dead.store.rows[task.id]
    await dead.background.start(task)
    await turns()
    assert calls == ["mail"]
    dead.store.rows[task.id] = before  # the transaction of a killed process is rolled back
    before.lease_until = utc_now() - timedelta(seconds=1)
    assert await other.background.recover() == 1
    await other.background.idle()
    row = dead.store.rows[task.id]
    assert (calls, row.status, row.starts) == (["mail", "mail", "note"], "succeeded", 2)
    never.set()
    await dead.background.idle()
    assert dead.store.rows[task.id].starts == 2

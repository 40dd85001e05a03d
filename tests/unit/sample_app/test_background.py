"""Background tasks: order, number at once, retries, status, metrics, and the end."""

from __future__ import annotations

import asyncio

import pytest

from sample_app.core.errors import NotFoundError, UnavailableError
from sample_app.core.logs.correlation import request_id
from sample_app.core.tasks.background import MOST_STARTS
from sample_app.core.tasks.task import Step
from tests.unit.sample_app.task_bench import MAIL, NONE, NOTE, Bench, failing, turns


async def test_task_that_succeeds_is_timed_and_has_a_status_all_the_way() -> None:
    bench = Bench()
    may_end = asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        await asyncio.sleep(0.02)

    bench.does(work)
    task = bench.plan()
    assert bench.counts() == NONE
    assert (task.status, task.starts, task.finished_at) == ("running", 1, None)
    await bench.background.start(task)
    await turns()
    assert bench.counts() == NONE | {"active": 1}
    stored = await bench.background.status(task.id)
    assert stored is not None
    assert (stored.status, stored.step, stored.attempts) == ("running", "mail", 1)
    may_end.set()
    await bench.background.idle()
    assert bench.counts() == NONE | {"ended": 1}
    stored = bench.store.rows[task.id]
    assert (stored.status, stored.error, stored.lease_until) == ("succeeded", None, None)
    assert stored.finished_at is not None
    assert stored.finished_at > stored.created_at
    assert bench.value("duration_seconds_sum") >= 0.02
    assert await bench.background.status("0" * 32) is None


@pytest.mark.parametrize(
    ("fails", "error", "status", "word", "calls", "counted"),
    [
        pytest.param(
            2, UnavailableError("away"), "succeeded", None, 3, {"retries": 2}, id="away for a while"
        ),
        pytest.param(
            9,
            UnavailableError("away"),
            "failed",
            "unavailable",
            3,
            {"retries": 2, "failures": 1},
            id="away for good",
        ),
        pytest.param(
            1, ConnectionResetError("reset"), "succeeded", None, 2, {"retries": 1}, id="a reset"
        ),
        pytest.param(
            9,
            NotFoundError("gone"),
            "failed",
            "not_found",
            1,
            {"failures": 1},
            id="a refusal is final",
        ),
        pytest.param(
            9,
            LookupError("mailbox 7 of host db1"),
            "failed",
            "internal_error",
            1,
            {"failures": 1},
            id="a mistake is final, and told without its text",
        ),
    ],
)
async def test_task_that_fails_is_tried_again_only_for_what_may_pass(
    fails: int,
    error: Exception,
    status: str,
    word: str | None,
    calls: int,
    counted: dict[str, float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    called: list[str] = []
    bench.does(failing(fails, error, called))
    task = await bench.run()
    assert (task.status, task.error, len(called)) == (status, word, calls)
    assert task.attempts == calls
    assert bench.counts() == NONE | {"ended": 1} | counted
    assert ("background task failed" in caplog.text) == (status == "failed")


async def test_chain_runs_in_order_and_a_retried_step_does_not_repeat_those_before_it() -> None:
    bench = Bench()
    calls: list[str] = []
    bench.does(failing(0, OSError(), calls))
    bench.does(failing(2, UnavailableError("locked"), calls, "note"), "note")
    task = await bench.run(MAIL, NOTE)
    assert calls == ["mail", "note", "note", "note"]
    assert (task.status, task.step, task.attempts) == ("succeeded", "note", 3)
    assert bench.counts("mail") == NONE | {"ended": 1}
    assert bench.counts("note") == NONE | {"ended": 1, "retries": 2}


async def test_chain_ends_at_the_step_that_fails() -> None:
    bench = Bench()
    calls: list[str] = []
    bench.does(failing(9, ValueError(), calls))
    task = await bench.run(MAIL, NOTE)
    assert (calls, task.status, task.step) == (["mail"], "failed", "mail")
    assert bench.counts("note") == NONE


async def test_step_gets_its_arguments() -> None:
    bench = Bench()
    seen: list[object] = []

    async def work(contact_id: int, name: str) -> None:
        seen.append((contact_id, name))

    bench.does(work)
    assert (await bench.run(Step("mail", {"contact_id": 7, "name": "x"}))).status == "succeeded"
    assert seen == [(7, "x")]
    with pytest.raises(KeyError):
        bench.background.plan(Step("unknown"))


async def test_tasks_run_a_few_at_a_time_in_the_order_of_their_start() -> None:
    bench = Bench(concurrency=3)
    gates = [asyncio.Event() for _ in range(8)]
    begun: list[int] = []

    async def work(number: int) -> None:
        begun.append(number)
        await gates[number].wait()

    bench.does(work)
    for number in range(8):
        await bench.background.start(bench.plan(Step("mail", {"number": number})))
    await turns()
    assert begun == [0, 1, 2]
    assert bench.counts() == NONE | {"active": 3, "queue_depth": 5}
    gates[1].set()
    await turns()
    assert begun == [0, 1, 2, 3]
    for gate in gates:
        gate.set()
    await bench.background.idle()
    assert begun == list(range(8))
    assert bench.counts() == NONE | {"ended": 8}


async def test_task_that_finds_the_queue_full_waits_in_the_store_until_there_is_room() -> None:
    bench = Bench(concurrency=1, queue_size=2)
    gate = asyncio.Event()
    bench.does(gate.wait)
    tasks = [bench.plan() for _ in range(5)]
    for task in tasks:
        await bench.background.start(task)
    assert await bench.background.recover() == 0  # still full
    gate.set()
    await bench.background.idle()
    rows = [bench.store.rows[task.id] for task in tasks]
    assert [row.status for row in rows] == ["succeeded"] * 3 + ["queued"] * 2
    assert await bench.background.recover() == 2
    await bench.background.idle()
    assert {row.status for row in bench.store.rows.values()} == {"succeeded"}
    assert bench.counts() == NONE | {"ended": 5, "recoveries": 2}


async def test_end_waits_for_what_was_accepted_and_leaves_what_comes_after() -> None:
    bench = Bench(concurrency=1)
    done: list[int] = []

    async def write(number: int) -> None:
        await asyncio.sleep(0.01)
        done.append(number)

    bench.does(write)
    async with bench.background.running():
        for number in range(4):
            await bench.background.start(bench.plan(Step("mail", {"number": number})))
        assert done == []
    assert done == [0, 1, 2, 3]
    late = bench.plan(Step("mail", {"number": 9}))
    await bench.background.start(late)
    assert await bench.background.recover() == 0
    other = Bench(bench.store)
    other.does(write)
    async with other.background.running():  # it looks for such tasks before it serves
        pass
    assert done == [0, 1, 2, 3, 9]


async def test_end_gives_back_what_takes_too_long(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(concurrency=1, drain=0.02)
    bench.does(asyncio.Event().wait)
    tasks = [bench.plan() for _ in range(2)]
    async with bench.background.running():
        for task in tasks:
            await bench.background.start(task)
        await turns()  # else a pause of the machine could end the drain before they began
    rows = [bench.store.rows[task.id] for task in tasks]
    assert [(row.status, row.starts) for row in rows] == [("queued", 1), ("queued", 0)]
    assert "background tasks cut off" in caplog.text
    assert bench.counts()["queue_depth"] == bench.counts()["active"] == 0
    other = Bench(bench.store, concurrency=1, drain=0.02)
    other.does(asyncio.Event().wait)
    async with other.background.running():
        await turns()
    first, second = (bench.store.rows[task.id] for task in tasks)
    assert (first.status, first.error, first.starts) == ("failed", "cut_off", MOST_STARTS)
    assert (second.status, second.starts) == ("queued", 0)


async def test_task_logs_with_the_correlation_id_of_the_request_that_left_it() -> None:
    bench = Bench()
    seen: list[str] = []

    async def work() -> None:
        seen.append(request_id.get())

    bench.does(work)
    for name in ("first", "second"):
        token = request_id.set(name)
        await bench.background.start(bench.plan())
        request_id.reset(token)
    await bench.background.idle()
    assert seen == ["first", "second"]

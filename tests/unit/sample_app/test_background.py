"""Background tasks: order, number at once, retries, status, metrics, and the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from sample_app.core.errors import NotFoundError, UnavailableError
from sample_app.core.logs.correlation import request_id
from sample_app.core.tasks.background import Background, Step
from sample_app.settings import TasksSettings
from sample_app.telemetry.tasks import TaskMetrics


class Bench:
    """Background tasks named mail and note, with a registry."""

    def __init__(self, **settings: float) -> None:
        self.registry = CollectorRegistry()
        metrics = TaskMetrics(self.registry)
        metrics.expect("mail")
        metrics.expect("note")
        quick = {"retry_wait": 0.001, **settings}
        self.background = Background(TasksSettings.model_validate(quick), metrics)

    def value(self, name: str, task: str = "mail") -> float:
        value = self.registry.get_sample_value(f"background_task_{name}", {"task": task})
        assert value is not None, name
        return value

    def counts(self, task: str = "mail") -> dict[str, float]:
        names = ("failures_total", "retries_total", "queue_depth", "active")
        counted = {name.removesuffix("_total"): self.value(name, task) for name in names}
        return {"ended": self.value("duration_seconds_count", task)} | counted


def failing(
    times: int, error: Exception, calls: list[str], name: str = "mail"
) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        calls.append(name)
        if calls.count(name) <= times:
            raise error

    return work


NONE = {"ended": 0, "failures": 0, "retries": 0, "queue_depth": 0, "active": 0}


async def test_task_that_succeeds_is_timed_and_has_a_status_all_the_way() -> None:
    bench = Bench()
    may_end = asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        await asyncio.sleep(0.02)

    task = bench.background.plan(Step("mail", work))
    assert bench.counts() == NONE
    assert (task.status, task.finished_at) == ("queued", None)
    await bench.background.start(task)
    await asyncio.sleep(0.001)
    assert bench.counts() == NONE | {"active": 1}
    assert (task.status, task.attempts) == ("running", 1)
    assert bench.background.status(task.id) is task
    may_end.set()
    await bench.background.idle()
    assert bench.counts() == NONE | {"ended": 1}
    assert (task.status, task.error) == ("succeeded", None)
    assert task.finished_at is not None
    assert task.finished_at > task.created_at
    assert bench.value("duration_seconds_sum") >= 0.02


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
    task = bench.background.plan(Step("mail", failing(fails, error, called)))
    await bench.background.start(task)
    await bench.background.idle()
    assert (task.status, task.error, len(called)) == (status, word, calls)
    assert task.attempts == calls
    assert bench.counts() == NONE | {"ended": 1} | counted
    assert ("background task failed" in caplog.text) == (status == "failed")


async def test_chain_runs_in_order_and_a_retried_step_does_not_repeat_those_before_it() -> None:
    bench = Bench()
    calls: list[str] = []
    mail = Step("mail", failing(0, OSError(), calls))
    note = Step("note", failing(2, UnavailableError("locked"), calls, "note"))
    task = bench.background.plan(mail, note)
    await bench.background.start(task)
    await bench.background.idle()
    assert calls == ["mail", "note", "note", "note"]
    assert (task.status, task.step, task.attempts) == ("succeeded", "note", 3)
    assert bench.counts("mail") == NONE | {"ended": 1}
    assert bench.counts("note") == NONE | {"ended": 1, "retries": 2}


async def test_chain_ends_at_the_step_that_fails() -> None:
    bench = Bench()
    calls: list[str] = []
    mail = Step("mail", failing(9, ValueError(), calls))
    task = bench.background.plan(mail, Step("note", failing(0, OSError(), calls, "note")))
    await bench.background.start(task)
    await bench.background.idle()
    assert (calls, task.status, task.step) == (["mail"], "failed", "mail")
    assert bench.counts("note") == NONE


async def test_tasks_run_a_few_at_a_time_in_the_order_of_their_start() -> None:
    bench = Bench(concurrency=3)
    gates = [asyncio.Event() for _ in range(8)]
    begun: list[int] = []

    def work(number: int) -> Callable[[], Awaitable[None]]:
        async def wait() -> None:
            begun.append(number)
            await gates[number].wait()

        return wait

    for number in range(8):
        await bench.background.start(bench.background.plan(Step("mail", work(number))))
    await asyncio.sleep(0.01)
    assert begun == [0, 1, 2]
    assert bench.counts() == NONE | {"active": 3, "queue_depth": 5}
    gates[1].set()
    await asyncio.sleep(0.01)
    assert begun == [0, 1, 2, 3]
    for gate in gates:
        gate.set()
    await bench.background.idle()
    assert begun == list(range(8))
    assert bench.counts() == NONE | {"ended": 8}


async def test_task_that_finds_the_queue_full_fails_at_once() -> None:
    bench = Bench(concurrency=1, queue_size=2)
    gate = asyncio.Event()

    async def work() -> None:
        await gate.wait()

    tasks = [bench.background.plan(Step("mail", work)) for _ in range(4)]
    for task in tasks:
        await bench.background.start(task)
    assert [(task.status, task.error) for task in tasks] == [
        *[("queued", None)] * 3,
        ("failed", "overloaded"),
    ]
    gate.set()
    await bench.background.idle()
    assert [task.status for task in tasks] == [*["succeeded"] * 3, "failed"]
    assert bench.counts() == NONE | {"ended": 3, "failures": 1}


async def test_end_waits_for_what_was_accepted_and_refuses_what_comes_after() -> None:
    bench = Bench(concurrency=1)
    done: list[int] = []

    def work(number: int) -> Callable[[], Awaitable[None]]:
        async def write() -> None:
            await asyncio.sleep(0.01)
            done.append(number)

        return write

    async with bench.background.running():
        for number in range(4):
            await bench.background.start(bench.background.plan(Step("mail", work(number))))
        assert done == []
    assert done == [0, 1, 2, 3]
    late = bench.background.plan(Step("mail", work(9)))
    await bench.background.start(late)
    assert (late.status, late.error) == ("failed", "overloaded")


async def test_end_cuts_off_what_takes_too_long(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(concurrency=1, drain=0.02)

    async def hang() -> None:
        await asyncio.Event().wait()

    tasks = [bench.background.plan(Step("mail", hang)) for _ in range(2)]
    async with bench.background.running():
        for task in tasks:
            await bench.background.start(task)
    assert [(task.status, task.error) for task in tasks] == [("failed", "cut_off")] * 2
    assert "background tasks cut off" in caplog.text
    assert bench.counts()["queue_depth"] == bench.counts()["active"] == 0


async def test_status_of_old_tasks_is_forgotten() -> None:
    bench = Bench(remembered=3)

    async def work() -> None:
        return None

    tasks = [bench.background.plan(Step("mail", work)) for _ in range(5)]
    known = [bench.background.status(task.id) for task in tasks]
    assert known == [None, None, *tasks[2:]]
    assert bench.background.status("0" * 32) is None


async def test_task_logs_with_the_correlation_id_of_the_request_that_left_it() -> None:
    bench = Bench()
    seen: list[str] = []

    async def work() -> None:
        seen.append(request_id.get())

    for name in ("first", "second"):
        token = request_id.set(name)
        await bench.background.start(bench.background.plan(Step("mail", work)))
        request_id.reset(token)
    await bench.background.idle()
    assert seen == ["first", "second"]

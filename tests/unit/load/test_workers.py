"""The registry of workers, from the frames of the master."""

import time

import pytest

from harness.load.protocol.master import WorkerPool
from harness.load.protocol.workers import Listening, Lost, WorkerInfo
from harness.load.workers import WorkerRegistry

JOIN = "HARNESS_RUN_ID=r1 locust --worker -f - --master-host 10.0.0.1 --master-port 5557"
ONE, TWO = WorkerInfo("worker-1", "a", 1, {}), WorkerInfo("worker-2", "b", 2, {"locust": "2.47.0"})


def registry(when_lost: str = "stop") -> tuple[WorkerRegistry, list[str]]:
    progress: list[str] = []
    pool = WorkerPool("10.0.0.1", 0, 2, "r1", when_lost)  # type: ignore[arg-type]
    return WorkerRegistry(pool, progress.append), progress


async def test_progress_has_the_number_of_workers_and_the_command_for_others() -> None:
    one, progress = registry()
    assert [one.take(frame) for frame in (Listening(5557), TWO, ONE, ONE)] == [""] * 4
    assert progress == [
        f"0 of 2 workers have joined; start others with: {JOIN}",
        f"1 of 2 workers have joined; start others with: {JOIN}",
        "2 of 2 workers have joined",
    ]
    assert [worker.name for worker in one.workers] == ["worker-1", "worker-2"]
    assert one.with_pid(2) == "worker-2"
    assert one.with_pid(3) == ""
    assert one.complete.done()


async def test_worker_that_leaves_before_the_pool_is_complete_is_removed() -> None:
    one, progress = registry()
    for frame in (Listening(5557), ONE, Lost("worker-1", 0.0, "left")):
        assert one.take(frame) == ""
    assert one.workers == ()
    assert [text[:1] for text in progress] == ["0", "1", "0"]
    assert not one.complete.done()


@pytest.mark.parametrize(("when_lost", "reason"), [("stop", "worker-2 left"), ("continue", "")])
async def test_worker_that_leaves_a_complete_pool_is_lost(when_lost: str, reason: str) -> None:
    one, _ = registry(when_lost)
    for frame in (Listening(5557), ONE, TWO):
        one.take(frame)
    now = time.monotonic()
    assert one.take(Lost("worker-2", now - 60.0, "left")) == reason
    one.mark_lost("worker-2", "was killed by SIGKILL", now)  # the first reason stays
    first, second = one.workers
    assert (first.lost, first.lost_at) == ("", None)
    assert second.lost == "left"
    assert second.lost_at == now - 60.0
    assert second.versions == {"locust": "2.47.0"}


async def test_measurement_of_a_clock_replaces_the_one_before() -> None:
    one, progress = registry()
    one.take(Listening(5557))
    one.take(ONE)
    one.take(WorkerInfo("worker-1", "a", 1, {}, 0.5, 0.002, 0.01))
    (worker,) = one.workers
    assert (worker.offset, worker.round_trip, worker.drift) == (0.5, 0.002, 0.01)
    assert len(progress) == 2


async def test_workers_are_listed_by_their_number() -> None:
    one = WorkerRegistry(WorkerPool("h", 0, 13, "r"), lambda _: None)
    one.take(Listening(5557))
    for number in range(12, 0, -1):
        one.take(WorkerInfo(f"worker-{number}", "a", number, {}))
    assert [worker.name for worker in one.workers] == [f"worker-{n}" for n in range(1, 13)]


async def test_measurement_that_comes_after_the_loss_does_not_undo_it() -> None:
    one, _ = registry()
    for frame in (Listening(5557), ONE, TWO):
        one.take(frame)
    one.mark_lost("worker-2", "was killed by SIGKILL", time.monotonic())
    one.take(WorkerInfo("worker-2", "b", 2, {}, 0.5, 0.002))
    assert [worker.lost for worker in one.workers] == ["", "was killed by SIGKILL"]

"""A load on several workers: the counts and times of one process; joining and loss of workers."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from math import inf

import pytest

from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.errors import GeneratorError, ScenarioError
from harness.load.arrivals import arrivals
from harness.load.child.distributed.clock import ROUND_TRIP
from harness.load.generator import generator
from harness.load.protocol.frames import Report
from harness.load.protocol.master import WorkerPool
from harness.names import SERVICE_TIME
from harness.runs.model import Distribution, Worker
from tests.integration.load.conftest import (
    LEAD,
    PATIENCE,
    Loads,
    Server,
    descendants,
    eventually,
)
from tests.integration.load.remote_workers import SECRET, RemoteWorkers

# Two classes of one weight, which Locust would give to one worker each.
MIXED = """
import atexit, json, os, tempfile
raw = []
class Fast(FastHttpUser):
    wait_time = constant(0.01)
    @task
    def fast(self): self.client.get("/fast")
class Slow(HttpUser):
    wait_time = constant(0.01)
    @task(3)
    def slow(self): self.get("/sleep/20")
    @task
    def error(self): self.get("/error")
    def get(self, path):
        with self.client.get(path, catch_response=True) as response:
            # A time that the locustfile changes counts instead of the kernel's.
            response.request_meta["response_time"] += 0.001
@events.request.add_listener
def keep(response_time, name, **_):
    if name != "/fast": raw.append(response_time)
@events.quitting.add_listener
def write(environment, **_):
    if raw:
        with open(f"{FOLDER}/raw-{os.getpid()}.json", "w") as file: json.dump(raw, file)
"""
FAST = """
class Fast(FastHttpUser):
    @task
    def fast(self): self.client.get("/fast")
"""
OPEN = OpenWorkload((Stage(150, 0.75), Stage(250, 0.75)), max_users=40, seed=3)
LONG = OpenWorkload((Stage(100, 60),), "even", max_users=4)
LONGER = replace(LONG, stages=(Stage(100, 300),))  # than patience with what is waited for
CLOSED = ClosedWorkload((UserStage(9, 60),))


@pytest.mark.traced
@pytest.mark.parametrize(
    "workload", [OPEN, pytest.param(CLOSED, marks=pytest.mark.slow)], ids=["open", "closed"]
)
async def test_counts_and_times_of_two_workers_match_the_server(
    loads: Loads, server: Server, workload: OpenWorkload | ClosedWorkload
) -> None:
    locustfile = MIXED.replace("{FOLDER}", str(loads.folder))
    outcome = await loads.run(
        replace(loads.scenario(locustfile, workload), workers=2),
        1.5,
        until=lambda _: loads.reported()["GET /error", "error"],
    )
    recorded = outcome.recorded()
    assert recorded[("GET /error", "error")] > 0
    served = Counter(server.log()["counts"])
    assert Counter({name: n for (name, _), n in recorded.items()}) == served
    assert outcome.requests.recorded == outcome.requests.started == served.total()

    by_process = [json.loads(p.read_text()) for p in loads.folder.glob("raw-*.json")]
    assert len(by_process) == 2
    pooled = sorted(ms / 1000 for times in by_process for ms in times)
    merged = Distribution.merge(
        times
        for key, times in outcome.window.items()
        if key.what == SERVICE_TIME and key.name != "/fast"
    )
    assert merged.count == len(pooled)
    for q in (0.1, 0.5, 0.9, 0.99, 1.0):
        rank = max(1, -(-int(q * 1000) * len(pooled) // 1000))
        # The folder's values are the middles of buckets that are 0.1% wide.
        assert merged.quantile(q) == pytest.approx(pooled[rank - 1], rel=0.001)

    last = {report.source: report for report in loads.reports}
    assert sorted(last) == ["worker-1", "worker-2"]
    if isinstance(workload, OpenWorkload):
        scheduled = len(list(arrivals(workload)))
        assert outcome.requests.asked == outcome.requests.sent == scheduled
        assert last["worker-1"].asked == -(-scheduled // 2)
        assert {report.users for report in loads.reports if report.target_users} == {20}
    assert_described(outcome.workers, 2)
    assert {worker.round_trip for worker in outcome.workers} == {0}  # they have one clock


def assert_described(workers: tuple[Worker, ...], count: int) -> None:
    """Check identity and clock of workers on this machine."""
    assert [worker.name for worker in workers] == [f"worker-{n + 1}" for n in range(count)]
    assert len({worker.pid for worker in workers}) == count
    for worker in workers:
        assert worker.host
        assert set(worker.versions) == {"locust", "gevent", "python"}
        assert worker.offset is not None
        assert worker.round_trip is not None
        assert abs(worker.offset) <= worker.round_trip / 2
        assert worker.drift == 0


async def test_killed_worker_is_named_and_no_process_is_left(loads: Loads) -> None:
    """Other processes and signals: tests/e2e/test_kill_matrix.py."""
    before = descendants()
    scenario = loads.scenario(FAST, LONG).loads[0]
    async with generator(scenario, loads.url, loads.log, ignore, workers=2) as load:
        await loads.start(load)
        os.kill(load.workers[1].pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.shield(load.died) == "worker-2 was killed by SIGKILL"
        with pytest.raises(GeneratorError, match=r"died: worker-2 was killed by SIGKILL"):
            await load.stop()
        assert [worker.lost for worker in load.workers] == ["", "was killed by SIGKILL"]
    assert descendants() == before


@pytest.mark.parametrize(
    ("locustfile", "workload", "message"),
    [
        (FAST + "    fixed_count = 1", LONG, "has a fixed_count of 1, so not each of 2 workers"),
        (
            FAST + "    def on_start(self): raise ValueError('no')",
            LONG,
            r"every user ended before the load began; Fast: ValueError: no",
        ),
    ],
    ids=["one user of a class", "on_start that fails"],
)
async def test_load_that_workers_cannot_share_is_refused(
    loads: Loads, locustfile: str, workload: OpenWorkload, message: str
) -> None:
    before = descendants()
    scenario = loads.scenario(locustfile, workload).loads[0]
    with pytest.raises(ScenarioError, match=message):
        async with generator(scenario, loads.url, loads.log, ignore, workers=2):
            pass
    assert descendants() == before


# --- workers that are started by hand ------------------------------------------------------------


def worker_pool(workers: int, **more: object) -> WorkerPool:
    pool = WorkerPool("127.0.0.1", 0, workers, "run-7", SECRET, timeout=2 * PATIENCE)
    return replace(pool, **more)  # type: ignore[arg-type]


async def test_workers_join_are_rejected_and_are_replaced_when_lost(
    loads: Loads, server: Server, remote_workers: RemoteWorkers
) -> None:
    """Four connect to a run of two: one for another run, one too late, and one is lost."""
    progress: list[str] = []

    def on_progress(text: str) -> None:
        progress.append(text)
        if text.startswith("0 of 2"):
            remote_workers.start(text, run_id="another")
            remote_workers.start(text)
            remote_workers.start(text)

    last: dict[str, Report] = {}
    later: list[Report] = []

    def on_report(report: Report) -> None:
        last[report.source] = report
        later.append(report)

    pool = worker_pool(2, when_lost="continue")
    async with generator(
        loads.scenario(FAST, LONGER).loads[0],
        loads.url,
        loads.log,
        on_report,
        pool=pool,
        on_progress=on_progress,
    ) as load:
        assert [text.split(";")[0] for text in progress] == [
            f"{n} of 2 workers have joined" for n in (0, 1, 2)
        ]
        assert_described(load.workers, 2)
        t0 = time.monotonic() + LEAD
        await load.start(t0, t0)
        latecomer = remote_workers.start(progress[0])
        await eventually(lambda: len(last) == 2)
        by_pid = {process.pid: process for process in remote_workers.processes}
        by_pid[load.workers[1].pid].terminate()
        await eventually(lambda: load.workers[1].lost)
        assert load.workers[1].lost == "left"
        lost_at = load.workers[1].lost_at
        assert lost_at is not None
        taken_over = lost_at + 1.0
        await eventually(lambda: remote_workers.processes[latecomer].poll() is not None)
        later.clear()
        await eventually(lambda: later and later[-1].at > taken_over + 7.0)
        requests = await load.stop()
    assert not load.died.done() or load.died.cancelled()
    # Every second arrival of the schedule until then, and all from then on; 100 come a second. A
    # worker that stood still may report before it has caught up. Without the other's share, 200 are
    # missing in all of these reports.
    missing = [
        100 * (taken_over - t0) / 2 + 100 * (one.at - taken_over) - one.asked
        for one in later
        if one.at > taken_over + 4.0
    ]
    assert -100 < min(missing) < 100
    assert requests.asked == last["worker-1"].asked + last["worker-2"].asked
    # Requests after its last report are not counted: what it had to do then, and 50 a second.
    left = last["worker-2"]
    uncounted = left.backlog + 50 * (lost_at - left.at) + 50
    assert 0 <= server.log()["counts"]["GET /fast"] - requests.started <= uncounted
    assert "it has the id of another run" in remote_workers.log(0)
    assert "all workers of the run have joined" in remote_workers.log(latecomer)
    assert sum("was rejected" in notice for notice in load.notices) == 2
    for process in remote_workers.processes:
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    assert list(remote_workers.temporary.glob("*.py")) == []


@pytest.mark.traced
async def test_class_that_workers_cannot_share_is_refused_before_they_join(loads: Loads) -> None:
    scenario = loads.scenario(FAST + "    fixed_count = 1", LONG).loads[0]
    with pytest.raises(ScenarioError, match="has a fixed_count of 1, so not each of 2 workers"):
        async with generator(scenario, loads.url, loads.log, ignore, pool=worker_pool(2)):
            pass


@pytest.mark.traced
async def test_port_that_is_taken_is_refused(loads: Loads) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ScenarioError, match=f"listen on 127.0.0.1:{port}: the port is taken"):
            async with generator(
                loads.scenario(FAST, LONG).loads[0],
                loads.url,
                loads.log,
                ignore,
                pool=worker_pool(1, port=port),
            ):
                pass


async def test_worker_with_another_clock_starts_and_reports_by_the_masters_clock(
    loads: Loads, server: Server, remote_workers: RemoteWorkers
) -> None:
    ahead = ("unshare", "--time", "--fork", "--kill-child", "--monotonic", "1000")
    if not can_run(*ahead, "true"):
        pytest.skip("this machine does not allow a separate clock")
    reports: list[Report] = []
    async with generator(
        loads.scenario(FAST, LONG).loads[0],
        loads.url,
        loads.log,
        reports.append,
        pool=worker_pool(1),
        on_progress=lambda text: text[0] == "0" and remote_workers.start(text, prefix=ahead),
    ) as load:
        (worker,) = load.workers
        assert worker.offset is not None
        assert worker.round_trip is not None
        assert worker.offset == pytest.approx(1000, abs=worker.round_trip / 2)
        t0 = time.monotonic() + LEAD
        await load.start(t0, t0)
        await eventually(lambda: reports)
        requests = await load.stop()
        now = time.monotonic()
        error = worker.round_trip / 2  # of the offset, at most
    truth = server.log()
    assert truth["counts"] == {"GET /fast": requests.recorded}
    assert t0 - 0.1 < min(truth["arrivals"]) < now
    assert all(t0 - error < report.at < now + error for report in reports)
    slowest = [slow.at for report in reports for slow in report.slowest]
    assert slowest
    assert all(t0 - 0.1 < at < now for at in slowest)
    cells = [cell for report in reports for cell in report.cells]
    assert all(0 <= cell.second <= now - t0 + error for cell in cells)


async def test_worker_of_another_locust_is_refused_with_both_versions(
    loads: Loads, remote_workers: RemoteWorkers
) -> None:
    with pytest.raises(ScenarioError, match=r"it runs Locust 1\.2\.3, the master 2\.") as refusal:
        async with generator(
            loads.scenario(FAST, LONG).loads[0],
            loads.url,
            loads.log,
            ignore,
            pool=worker_pool(1),
            on_progress=lambda text: text[0] == "0" and remote_workers.start(text, version="1.2.3"),
        ):
            pass
    assert "Install locust==2." in refusal.value.hint
    assert await asyncio.to_thread(remote_workers.processes[0].wait, PATIENCE) == 0


ELSEWHERE = "\nimport os\nelsewhere = 'ONLY_HERE' not in os.environ\n"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "if elsewhere: import nowhere",
            r"scenario\.py:5: ModuleNotFoundError: No module named 'nowhere'$",
            "Install the missing package on that machine",
        ),
        (
            "if elsewhere: open('ids.csv')",
            r"scenario\.py:5: FileNotFoundError: .* 'ids\.csv'$",
            "copy its other files to the folder of the worker",
        ),
        (
            "@events.init.add_listener\ndef check(**_):\n    if elsewhere: raise OSError('x')",
            r"scenario\.py:7: OSError: x, raised by a listener of events\.init$",
            "the output of its worker has the traceback",
        ),
    ],
)
async def test_locustfile_that_a_worker_cannot_load_ends_the_run_with_the_reason(
    loads: Loads,
    remote_workers: RemoteWorkers,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    message: str,
    hint: str,
) -> None:
    monkeypatch.setenv("ONLY_HERE", "1")
    host = re.escape(socket.gethostname())
    expected = rf"^the worker on {host} cannot load the locustfile: {message}"
    with pytest.raises(ScenarioError, match=expected) as refusal:
        async with generator(
            loads.scenario(f"{ELSEWHERE}{text}\n{FAST}", LONG).loads[0],
            loads.url,
            loads.log,
            ignore,
            pool=worker_pool(2),
            on_progress=lambda text: text[0] == "0" and remote_workers.start(text),
        ):
            pass
    assert hint in refusal.value.hint
    await asyncio.to_thread(remote_workers.processes[0].wait, PATIENCE)
    assert "Traceback" in remote_workers.log(0)
    assert list(remote_workers.temporary.glob("*.py")) == []


@asynccontextmanager
async def behind(
    remote_workers: RemoteWorkers, delay: Callable[[], float]
) -> AsyncIterator[Callable[[str], object]]:
    """Starts a worker whose messages take `delay()` seconds in each direction."""
    master: asyncio.Future[int] = asyncio.Future()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                while data := await reader.read(2**16):
                    await asyncio.sleep(delay())
                    writer.write(data)
        finally:  # also when the test ends sooner
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection("127.0.0.1", await master)
        except ConnectionError:
            writer.close()
        else:
            await asyncio.gather(forward(reader, upstream[1]), forward(upstream[0], writer))

    def start_behind(text: str) -> None:
        if text.startswith("0"):
            (port,) = re.findall(r"127\.0\.0\.1:(\d+)", text)
            master.set_result(int(port))
            remote_workers.start(text.replace(port, str(proxy.sockets[0].getsockname()[1])))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        yield start_behind


async def test_worker_that_answers_late_only_as_it_joins_is_measured_again(
    loads: Loads, remote_workers: RemoteWorkers
) -> None:
    ends = inf  # of the delay

    def on_progress(text: str) -> None:
        nonlocal ends
        if text.startswith("1 of 1"):
            ends = time.monotonic() + 0.5
        start(text)

    def delay() -> float:
        return 0.07 if time.monotonic() < ends else 0.0

    scenario = loads.scenario(FAST, LONG).loads[0]
    pool = worker_pool(1)
    async with (
        behind(remote_workers, delay) as start,
        generator(
            scenario, loads.url, loads.log, ignore, pool=pool, on_progress=on_progress
        ) as load,
    ):
        (worker,) = load.workers
    assert (worker.round_trip or 1.0) <= ROUND_TRIP


async def test_configuration_of_locust_beside_a_worker_has_no_effect(
    loads: Loads, remote_workers: RemoteWorkers
) -> None:
    (remote_workers.folder / "locust.conf").write_text(
        "master = true\nprocesses = 2\ncsv = table\n"
    )

    def start(text: str) -> None:
        if text.startswith("0 of 1"):
            remote_workers.start(text)

    scenario = loads.scenario(FAST, LONG).loads[0]
    pool = worker_pool(1, timeout=PATIENCE)
    async with generator(scenario, loads.url, loads.log, ignore, pool=pool, on_progress=start):
        pass
    assert await asyncio.to_thread(remote_workers.processes[0].wait, PATIENCE) == 0
    assert list(remote_workers.folder.glob("*.csv")) == []


async def test_worker_too_far_away_to_compare_clocks_is_refused(
    loads: Loads, remote_workers: RemoteWorkers
) -> None:
    scenario = loads.scenario(FAST, LONG).loads[0]
    pool = worker_pool(1)
    async with behind(remote_workers, lambda: 0.07) as start:
        with pytest.raises(GeneratorError, match=r"took \d{3,} ms, 100 ms are allowed"):
            async with generator(
                scenario, loads.url, loads.log, ignore, pool=pool, on_progress=start
            ):
                pass
        assert await asyncio.to_thread(remote_workers.processes[0].wait, PATIENCE) == 0


def can_run(*command: str) -> bool:
    return (
        shutil.which(command[0]) is not None
        and not subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode
    )


def ignore(_: object) -> None:
    pass

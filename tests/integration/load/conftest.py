"""A server that counts, and loads run against it."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.budgets.model import Load, Scenario
from harness.budgets.workload import Workload
from harness.load import generator as harness_side
from harness.load.generator import Generator, generator
from harness.load.protocol.frames import Report
from harness.names import LATENCY
from harness.runs.latency import LatencyLog, merged, read_intervals
from harness.runs.model import Distribution, LatencyKey, Requests, Worker
from tests.integration.load.remote_workers import RemoteWorkers
from tests.recorded import read_counts

SERVER = Path(__file__).parent / "server.py"
PATIENCE = 60.0  # s; only a hang takes that long
LEAD = 0.05  # s between `Generator.start` and the start of the load


@dataclass
class Server:
    url: str

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return bytes(answer.read())

    def log(self) -> dict[str, Any]:
        return dict(json.loads(self.get("/log")))


@dataclass
class Outcome:
    """The results of a load."""

    requests: Requests
    user_errors: tuple[str, ...]
    notices: tuple[str, ...]
    counts: dict[LatencyKey, int]
    window: dict[LatencyKey, Distribution]
    reports: list[Report]
    workers: tuple[Worker, ...] = ()
    consequences: tuple[str, ...] = ()
    exit_code: int | None = None
    t0: float = 0.0  # when the load began, on the monotonic clock

    def recorded(self, what: str = "latency") -> Counter[tuple[str, str]]:
        """(request, outcome) -> number of requests, over the whole run."""
        return Counter(
            {(k.request, k.outcome): n for k, n in self.counts.items() if k.what == what}
        )

    def all_of(self, what: str) -> Distribution:
        return Distribution.merge(d for k, d in self.window.items() if k.what == what)


@dataclass
class Loads:
    """Runs loads in a folder of their own."""

    folder: Path
    url: str
    reports: list[Report] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.folder / "generator.log"

    def scenario(
        self,
        locustfile: str,
        workload: Workload,
        *,
        warm_up: float = 0.0,
        drain: float = PATIENCE,
        **more: Any,
    ) -> Scenario:
        path = self.folder / "scenario.py"
        path.write_text("from locust import *\n" + locustfile)
        return Scenario("test", (Load(path, workload, **more),), warm_up, 1.0, drain)

    async def run(
        self,
        scenario: Scenario,
        seconds: float,
        during: Callable[[], object] | None = None,
        at: float = 0.0,
        until: Callable[[Generator], object] = lambda _: True,
    ) -> Outcome:
        """Load for some seconds, calling `during` in a thread after `at` seconds.

        On a busy machine little may happen in these seconds: the load goes on until `until` holds.
        """
        path = self.folder / "latency.hlog"
        with LatencyLog(path) as log:

            def keep(report: Report) -> None:
                self.reports.append(report)
                log.write(report.cells)

            (only,) = scenario.loads
            async with generator(
                only,
                self.url,
                self.log,
                keep,
                drain=scenario.drain,
                trace_ratio=scenario.trace_ratio,
                workers=scenario.workers or 1,
            ) as load:
                t0 = time.monotonic() + LEAD
                start = t0 + scenario.warm_up
                epoch = start + time.time() - time.monotonic()
                log.begin(epoch)
                await load.start(t0, start)
                await asyncio.sleep(LEAD + at)
                if during:
                    await asyncio.to_thread(during)
                await asyncio.sleep(max(0.0, t0 + seconds - time.monotonic()))
                await eventually(lambda: load.died.done() or until(load))
                requests = await load.stop()
            window = merged(read_intervals(path, epoch, 1, epoch + 3600))
            counts = read_counts(path)
        texts = load.user_errors, load.notices
        ends = load.consequences, load.exit_code
        return Outcome(requests, *texts, counts, window, self.reports, load.workers, *ends, t0=t0)

    def reported(self) -> Counter[tuple[str, str]]:
        """(request, outcome) -> number of requests, as reported so far."""
        counts: Counter[tuple[str, str]] = Counter()
        for cell in (cell for report in self.reports for cell in report.cells):
            if cell.what == LATENCY:
                counts[f"{cell.method} {cell.name}", cell.outcome] += sum(cell.counts.values())
        return counts

    async def start(self, load: Generator) -> None:
        now = time.monotonic()
        await load.start(now + LEAD, now + LEAD)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness waits for a generator that stands still: a busy machine is no fault of it."""
    for limit in ("SILENCE", "EXIT_GRACE", "_STOP_MARGIN"):
        monkeypatch.setattr(harness_side, limit, PATIENCE)


@contextmanager
def running() -> Iterator[Server]:
    """A server for the length of the context."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
    command = [sys.executable, str(SERVER)]
    process = subprocess.Popen(command, env=plain, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Server(f"http://127.0.0.1:{process.stdout.readline().strip()}")
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def running_server() -> Iterator[Server]:
    """The server that all tests of a worker share."""
    with running() as server:
        yield server


@pytest.fixture
def server(running_server: Server) -> Server:
    """A server that has counted nothing."""
    running_server.get("/reset")
    return running_server


@pytest.fixture
def loads(tmp_path: Path, server: Server) -> Loads:
    return Loads(tmp_path, server.url)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int, seconds: float = PATIENCE) -> None:
    """Return once the process does not run any more."""
    async with asyncio.timeout(seconds):
        while alive(pid):
            await asyncio.sleep(0.02)


def descendants() -> set[int]:
    """All processes that this process started, directly or not."""
    import psutil

    return {p.pid for p in psutil.Process(os.getpid()).children(recursive=True)}


async def eventually(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture
def remote_workers(tmp_path: Path) -> Iterator[RemoteWorkers]:
    folder = tmp_path / "remote"
    folder.mkdir()
    workers = RemoteWorkers(folder)
    yield workers
    for process in workers.processes:
        process.kill()
        process.wait()

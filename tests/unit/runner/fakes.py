"""Hand-written stand-ins for the parts of a run, which note each call in one list."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.budgets.model import Load, Plan, Scenario, Target
from harness.budgets.workload import OpenWorkload, Stage
from harness.load.early import EarlyProcesses
from harness.load.fleet import Fleet
from harness.observe.scraper import Scraper
from harness.observe.target import Service
from harness.runs.cells import Cell
from harness.runs.metrics import MetricsLog
from harness.runs.model import Manifest, Requests

SCENARIO = Scenario(
    "smoke",
    (Load(Path("locustfile.py"), OpenWorkload((Stage(50.0, 65.0),))),),
    warm_up=5.0,
    duration=60.0,
    drain=30.0,
)
ACCOUNT = Requests(asked=9, sent=9, started=9, recorded=8, in_flight=1)


def plan(url: str = "http://127.0.0.1:1", metrics: tuple[str, ...] = ()) -> Plan:
    target = Target(url=url, metrics=metrics, scrape_interval=30.0)
    document = {"version": "1"}
    return Plan(
        "shop", target, {"smoke": SCENARIO}, (), Path("budgets.yaml"), "", document=document
    )


class FakeStart:
    """A load that began `ago` seconds before it is asked for."""

    def __init__(self, calls: list[str], ago: float = 0.0) -> None:
        self.interrupted = asyncio.Event()
        self.ago = ago
        self.calls = calls

    def served(self) -> None:
        self.calls.append("served")

    async def begin(self) -> float:
        self.calls.append("begin")
        return time.monotonic() - self.ago


class FakeFleet(Fleet):
    """Generators that do what a test says; each second of the load is reported after 10 ms."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__(SCENARIO)
        self.calls = calls
        self.on_start: Callable[[], object] = lambda: None
        self.on_stop: Callable[[], object] = lambda: None
        self.hangs = False
        self.account = ACCOUNT
        self.account_at_the_end = ACCOUNT  # once the processes have ended

    @property
    def requests(self) -> Requests:
        return self.account

    @property
    def notices(self) -> tuple[str, ...]:
        return ("a notice",)

    async def start(self, t0: float, window_start: float) -> None:
        self.calls.append(f"start {window_start - t0:g}")
        self.on_start()

    async def stop(self, drain: float | None = None) -> Requests:
        self.calls.append(f"stop {drain}")
        self.on_stop()
        if self.hangs:
            await asyncio.Event().wait()
        return ACCOUNT

    async def wait_reported(self, moment: float) -> None:
        await asyncio.sleep(0.01)

    @asynccontextmanager
    async def open(self, *_: object, **__: object) -> AsyncIterator[Fleet]:
        """In place of `harness.load.fleet.fleet`."""
        self.calls.append("open")
        try:
            yield self
        finally:
            self.account = self.account_at_the_end
            self.calls.append("close")

    @asynccontextmanager
    async def early(self, numbers: Mapping[Path, int]) -> AsyncIterator[EarlyProcesses]:
        """In place of `harness.load.early.early_processes`; starts none."""
        self.calls.append("early")
        try:
            yield EarlyProcesses({})
        finally:
            self.calls.append("end early")


class FakeScraper(Scraper):
    """Scrapes nothing; raises `errors` one after the other."""

    def __init__(self, service: Service, log: MetricsLog, calls: list[str]) -> None:
        super().__init__(service, log)
        self.calls = calls
        self.errors: list[OSError] = []

    async def scrape(self, at: float | None = None) -> None:
        self.calls.append("scrape")
        if self.errors:
            raise self.errors.pop(0)


class FakeObserver:
    """Keeps the status of each manifest, and the reports."""

    def __init__(self) -> None:
        self.statuses: list[str] = []
        self.reports: list[tuple[tuple[Cell, ...], Mapping[str, float], str]] = []

    def set_manifest(self, run: str, manifest: Manifest) -> None:
        self.statuses.append(f"{run} {manifest.status}")

    def add_recorded(
        self, cells: Iterable[Cell], readings: Mapping[str, float], source: str
    ) -> None:
        self.reports.append((tuple(cells), readings, source))


@contextmanager
def http_service(calls: list[str]) -> Iterator[str]:
    """A service that answers everything, and notes each scrape; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                calls.append("scrape")
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"a 1\n")

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()

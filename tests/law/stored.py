"""Run folders for the law: one that passes, and others that each have something wrong.

Every run makes 40 requests per second for 12 s, of which the last 10 s are its window, and scrapes
two replicas twice a second. Each folder is written by the writers of a real run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from harness import names
from harness.budgets.dialects.recognise import assumed
from harness.runs.cells import Cell, bucket_of
from harness.runs.digests import digests, sealed
from harness.runs.folder import RunFolder
from harness.runs.latency import LatencyLog
from harness.runs.metrics import MetricsLog
from harness.runs.model import Clock, Manifest, Requests, Worker
from harness.runs.openmetrics import Sample, reading
from harness.runs.records.failed import Failures
from harness.runs.records.failures import FailureLog

START, SECONDS, WARM_UP, RATE = 1_800_000_000.0, 10, 2, 40
REPLICAS: Final = ("127.0.0.1:8000", "127.0.0.1:8001")
LIBRARY: Final = "spring"
Files = Mapping[str, bytes]

BUDGETS: Final = """\
version: 1
service: shop
scenarios: {smoke: {locustfile: smoke.py, rate: 40/s, duration: 10s, warm_up: 2s}}
budgets:
  p95: {indicator: {kind: latency, quantile: 0.95}, max: 200ms}
  errors: {indicator: error_ratio, max: 1%}
  throughput: {indicator: throughput, min: 36/s}
  queries: {indicator: {kind: ratio, of: queries_total, to: answers_total, unit: "1"}, max: 3}
  pool: {indicator: {kind: gauge, metric: pool_used, over: max, unit: "1"}, max: 16}
  db: {indicator: {kind: mean, metric: db_seconds}, max: 50ms}
  connections: {indicator: pool_utilization, max: 80%}
  timeouts:
    indicator:
      kind: ratio
      of: {metric: failures_total, where: {kind: "~time-?out"}}
      to: answers_total
      unit: "1"
    max: 0.01
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is special about a run; the defaults are those of a healthy one.

    Attributes:
        slow: Share of the requests that take 0.9 s.
        failed: Share of the requests that fail, in the last 6 s of the window.
        missing: Share of the requests that were due and never sent.
        queries: Queries per request.
        pool: Connections in use at a replica, at the peak in the middle of the window.
        db: Mean time of a query in seconds.
        connections: In use of the ten of a library's pool; another library's has one.
        timeouts: Time-outs per request, counted from the middle of the window on.
        cpu: CPU use of the generator in the last 5 s.
        hanging: Requests that were never answered.
        lost: Requests without an outcome.
        workers: Names of the generators.
        manifest: Fields of run.json.
    """

    slow: float = 0.0
    failed: float = 0.0
    missing: float = 0.0
    queries: float = 2.0
    pool: float = 5.0
    db: float = 0.01
    connections: float = 2.0
    timeouts: float = 0.0
    cpu: float = 0.2
    hanging: int = 0
    lost: int = 0
    workers: tuple[str, ...] = ("",)
    manifest: Mapping[str, Any] = field(default_factory=dict)


HEALTHY: Final = Shape()
NOT_GREEN: Final[Mapping[str, Shape]] = {
    "slow answers": Shape(slow=0.3),
    "failures": Shape(failed=0.2),
    "too little load": Shape(missing=0.3),
    "too many queries": Shape(queries=5.0),
    "full pool": Shape(pool=12.0),
    "slow database": Shape(db=0.2),
    "full pool of a library": Shape(connections=10.0),
    "time-outs": Shape(timeouts=0.2),
    "exit code of the locustfile": Shape(manifest={"locustfile_exit_code": 3}),
    "generator out of CPU": Shape(cpu=0.99),
    "requests without an answer": Shape(hanging=30),
    "requests without an outcome": Shape(lost=8),
    "user errors": Shape(manifest={"user_errors": ("KeyError: 'id'",)}),
    "slow answers of one of two workers": Shape(slow=0.3, workers=("worker-1", "worker-2")),
    "interrupted": Shape(manifest={"status": "interrupted", "reason": "Ctrl-C"}),
    "killed": Shape(slow=0.3, manifest={"status": "running"}),
}


@cache
def healthy() -> Files:
    """The files of a run that passes."""
    return _files(HEALTHY)


@cache
def not_green() -> Mapping[str, Files]:
    """The files of each run that does not pass, by what is wrong."""
    return {name: _files(shape) for name, shape in NOT_GREEN.items()}


def place(folder: Path, files: Files) -> None:
    """Write the files of a run into an existing folder, in the place of those that are there."""
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _files(shape: Shape) -> Files:
    with tempfile.TemporaryDirectory() as path:
        folder = RunFolder(Path(path))
        cells = list(_cells(shape))
        recorded = sum(sum(c.counts.values()) for c in cells if c.what == names.LATENCY)
        with LatencyLog(folder.file(names.LATENCY_FILE)) as latency:
            latency.begin(START)
            latency.write(cells)
        with MetricsLog(folder.file(names.METRICS_FILE)) as metrics:
            for second in range(-WARM_UP, SECONDS + 2):
                for part in (0.0, 0.5):
                    metrics.add(_scraped(shape, second + part), START + second + part)
                for worker in shape.workers:
                    own = {names.SOURCE: worker} if worker else {}
                    values = _readings(shape, second, recorded)
                    metrics.add_readings(values, START + second + 0.3, own)
        with FailureLog(folder.file(names.FAILURES_FILE)) as failures:
            failures.begin(START)
            failures.write(_failures(cells))
        folder.write(names.BUDGETS_FILE, BUDGETS)
        folder.file(names.SLOWEST_FILE).touch()
        for log in (names.GENERATOR_LOG, names.TARGET_LOG):
            folder.write(log, "started\n")
        manifest = _manifest(shape, recorded)
        manifest = manifest.model_copy(update={"files": digests(folder.path)})
        folder.write_manifest(sealed(manifest))
        return {file.name: file.read_bytes() for file in sorted(Path(path).iterdir())}


def _failures(cells: list[Cell]) -> Iterator[Failures]:
    """All failed requests, as answers with the status 500."""
    for cell in cells:
        if cell.what == names.LATENCY and cell.outcome == names.ERROR:
            at = START + cell.second
            kind = (cell.method, cell.name, names.FAILED_STATUS, 500, "500 Oops", "")
            yield Failures(*kind, {cell.second: sum(cell.counts.values())}, at, at)


def _cells(shape: Shape) -> Iterator[Cell]:
    for second in range(-WARM_UP, SECONDS):
        late = second >= SECONDS - 6
        count = RATE - round(RATE * shape.missing)
        slow, failed = round(count * shape.slow), round(count * shape.failed * late)
        fast = count - slow - failed - (shape.hanging + shape.lost) * (second == SECONDS - 1)
        times = {bucket_of(0.010): max(fast, 0), bucket_of(0.9): slow}
        counts = {bucket: n for bucket, n in times.items() if n}
        for what in (names.LATENCY, names.SERVICE_TIME):
            if counts:
                yield Cell(what, names.OK, "GET", "/items", second, counts)
            if failed:
                bad = {bucket_of(0.010): failed}
                yield Cell(what, names.ERROR, "GET", "/items", second, bad)
        lags = {
            names.GENERATOR_LOOP_LAG: 20,
            names.GENERATOR_CANARY: 20,
            names.SCHEDULER_LAG: RATE // len(shape.workers),
            names.START_LAG: count // len(shape.workers),
        }
        for what, number in lags.items():
            for worker in shape.workers:
                yield Cell(what, "", "", worker, second, {bucket_of(0.001): number})


def _scraped(shape: Shape, second: float) -> Iterator[Sample]:
    done = 100.0 + RATE * max(0, min(second, SECONDS))
    for instance in REPLICAS:
        own = {names.INSTANCE: instance}
        values = {
            "answers_total": done,
            "queries_total": done * shape.queries,
            "pool_used": shape.pool if 3 <= second <= 5 else 4.0,
            names.START_TIME: START - 50,
            names.UP: 1.0,
            "process_open_fds": 20.0,
            "hikaricp_connections_active": shape.connections,
            "hikaricp_connections_max": 10.0,
            "db_client_connection_max": 10.0,
        }
        yield from (reading(name, value, own) for name, value in values.items())
        yield reading(
            "db_client_connection_count", 1.0, {**own, "db_client_connection_state": "used"}
        )
        if shape.timeouts and second >= SECONDS / 2:
            timeouts = RATE * shape.timeouts * (min(second, SECONDS) - SECONDS / 2)
            yield reading("failures_total", timeouts, {**own, "kind": "timeout"})
        else:
            yield reading(names.DECLARED, 1.0, {**own, names.DECLARED_METRIC: "failures_total"})
        for part, value in {"_sum": done * shape.db, "_count": done}.items():
            yield Sample(f"db_seconds{part}", own, value, "summary", "db_seconds")


def _readings(shape: Shape, second: int, recorded: int) -> dict[str, float]:
    """What a generator reports of itself at the end of a second."""
    share = (second + WARM_UP + 1) / (SECONDS + WARM_UP)
    due = min(1.0, share) * RATE * (SECONDS + WARM_UP) / len(shape.workers)
    sent = due * (1 - shape.missing)
    return {
        names.GENERATOR_ASKED: due,
        names.GENERATOR_STARTED_ITERATIONS: sent,
        names.GENERATOR_STARTED: sent,
        names.GENERATOR_RECORDED: min(1.0, share) * recorded / len(shape.workers),
        names.GENERATOR_IDLE_USERS: 5.0,
        names.GENERATOR_CPU: shape.cpu if second >= SECONDS - 5 else 0.2,
        names.GENERATOR_USERS: 10.0,
        names.GENERATOR_TARGET_USERS: 10.0,
        names.GENERATOR_STEAL: 0.0,
    }


def _manifest(shape: Shape, recorded: int) -> Manifest:
    asked = RATE * (SECONDS + WARM_UP)
    sent = asked - round(asked * shape.missing)
    load = {
        "name": "",
        "locustfile": "smoke.py",
        "workload": {
            "model": "open",
            "stages": [{"rate": float(RATE), "seconds": 12.0, "start_rate": None}],
        },
        "start": 0.0,
    }
    whole = Manifest(
        harness_version="0.1.0",
        status="complete",
        service="shop",
        scenario={
            "name": "smoke",
            "loads": [load],
            "warm_up": float(WARM_UP),
            "duration": float(SECONDS),
            "settles": False,
            "drain": 30.0,
        },
        target={
            "url": f"http://{REPLICAS[0]}",
            "command": "serve",
            "metrics": [f"http://{replica}/metrics" for replica in REPLICAS],
            "ours": True,
            "exit_code": None,
            "scrape_interval": 0.5,
            names.ROLES: assumed([LIBRARY]).as_json(),
        },
        clock=Clock(
            created=START - 10,
            started=START - WARM_UP,
            window_start=START,
            window_end=START + SECONDS,
            drained=START + SECONDS + (30.0 if shape.hanging else 0.2),
        ),
        requests=Requests(
            asked=asked,
            sent=sent,
            started=recorded + shape.hanging + shape.lost,
            recorded=recorded,
            in_flight=shape.hanging,
            lost=shape.lost,
        ),
        workers=tuple(Worker(name=name) for name in shape.workers if name),
    )
    return whole.model_copy(update=dict(shape.manifest))


def shifted(files: Files, seconds: int) -> Files:
    """The files of a run as if it had been made so many seconds later."""
    own = int(START) // 1000
    return {
        name: content.replace(str(own).encode(), str(own + seconds // 1000).encode())
        for name, content in files.items()
    }

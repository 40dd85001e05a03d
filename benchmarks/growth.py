"""How the cost grows with the work: `python -m benchmarks.growth [judging] [workers]`.

**Judging**: a synthetic run is written by the logs of `harness run`, read and judged. One number at
a time is raised: budgets, endpoints, series, seconds. Half of the budgets are on a latency, half on
a counter of the service. A slope is the exponent between a row and the one before it: 1 is in
proportion.

**Workers**: the frames of simulated workers, one report a second of 200 endpoints each, are decoded
and handled as in `harness run`: stored, watched, shown. The CPU time of a second's frames is the
share of one core. The verdict is read and judged from the folder that this leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import machine, table
from harness import names
from harness.budgets.model import Plan
from harness.budgets.parse.parse import parse_plan
from harness.judge.judge import judge
from harness.load.protocol.frames import Decoder, Report, encode
from harness.runner.listeners import listener, open_logs
from harness.runner.manifest import RunState
from harness.runner.options import RunOptions
from harness.runs.cells import Cell, bucket_of
from harness.runs.folder import RunFolder, read_evidence
from harness.runs.latency import LatencyLog
from harness.runs.metrics import MetricsLog
from harness.runs.model import Clock, Manifest, Requests
from harness.runs.openmetrics import Sample

START = 1_790_000_000.0
INTERVAL = 3  # s between scrapes
INSTANCE = "127.0.0.1:8000"
WORKERS = (10, 50, 200)
ENDPOINTS_OF_A_WORKER = 200
REPLAYED = 6  # s
MIB = 2**20


class Size(NamedTuple):
    """What a run has."""

    budgets: int = 10
    endpoints: int = 10
    series: int = 1_000
    seconds: int = 60


GROWTH: dict[str, tuple[int, ...]] = {
    "budgets": (10, 100, 1_000),
    "endpoints": (10, 200, 1_000),
    "series": (1_000, 20_000),
    "seconds": (60, 600, 3_600),
}


class Cost(NamedTuple):
    """CPU seconds."""

    read: float
    judged: float


def plan_of(size: Size) -> Plan:
    """A plan with so many budgets, which all hold."""
    lines = []
    for number in range(size.budgets):
        each, of = number // 2 % size.endpoints, number // 2 % size.series
        indicator = (
            f'kind: latency, quantile: 0.95, request: "GET /{each}"}}, max: 10s'
            if number % 2
            else f'kind: rate, metric: events_total, where: {{n: "{of}"}}}}, max: 9/s'
        )
        lines.append(f"  b{number}: {{indicator: {{{indicator}}}")
    text = (
        'version: 1\nservice: growth\ntarget: {url: "http://127.0.0.1:1", metrics: /metrics}\n'
        "scenarios: {s: {locustfile: s.py, rate: 100/s, warm_up: 1s,"
        f" duration: {size.seconds}s}}}}\nbudgets:\n"
    )
    return parse_plan(text + "\n".join(lines), Path("budgets.yaml"), {}, None)


def manifest_of(size: Size, recorded: int) -> Manifest:
    """The manifest of a complete run."""
    end = START + size.seconds
    return Manifest(
        harness_version="0",
        status="complete",
        service="growth",
        scenario={"name": "s", "warm_up": 0, "duration": size.seconds},
        target={"metrics": [f"http://{INSTANCE}/metrics"], "scrape_interval": float(INTERVAL)},
        clock=Clock(
            created=START - 1, started=START, window_start=START, window_end=end, drained=end
        ),
        requests=Requests(started=recorded, recorded=recorded),
    )


def cells(endpoints: int, second: int, chance: random.Random) -> Iterator[Cell]:
    """The cells of one second: two requests of each endpoint."""
    for number in range(endpoints):
        counts = {bucket_of(chance.lognormvariate(-3, 0.5)): 1 for _ in range(2)}
        for what in (names.LATENCY, names.SERVICE_TIME):
            yield Cell(what, names.OK, "GET", f"/{number}", second, counts)


def write(size: Size, folder: RunFolder) -> None:
    """Write the evidence of a run."""
    chance = random.Random(1)
    recorded = 0
    with LatencyLog(folder.file(names.LATENCY_FILE)) as latency:
        latency.begin(START)
        for second in range(size.seconds):
            found = list(cells(size.endpoints, second, chance))
            recorded += sum(sum(c.counts.values()) for c in found if c.what == names.LATENCY)
            latency.write(found)
    with MetricsLog(folder.file(names.METRICS_FILE)) as metrics:
        for second in range(0, size.seconds + 1, INTERVAL):
            labels = {names.INSTANCE: INSTANCE}
            up = Sample(names.UP, labels, 1.0, "gauge", names.UP)
            events = (  # one of ten moves
                Sample(
                    "events_total", {**labels, "n": str(n)}, second * (n % 10 == 0), "counter", "e"
                )
                for n in range(size.series)
            )
            metrics.add([up, *events], START + second, INSTANCE)
    folder.write_manifest(manifest_of(size, recorded))


def cost(size: Size) -> Cost:
    """The cost of reading and judging a run."""
    plan = plan_of(size)
    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        folder = RunFolder(Path(name))
        write(size, folder)
        return verdict(folder, plan)


def verdict(folder: RunFolder, plan: Plan) -> Cost:
    """Read and judge a run."""
    before = time.process_time()
    evidence = read_evidence(folder)
    read = time.process_time()
    judge(plan.budgets_of("s"), evidence)
    return Cost(read - before, time.process_time() - read)


def slope(before: tuple[float, float] | None, now: tuple[float, float]) -> str:
    """The exponent of a cost between two sizes."""
    if before is None or min(before[1], now[1]) <= 0:
        return ""
    return f"{math.log(now[1] / before[1]) / math.log(now[0] / before[0]):.2f}"


def judging() -> str:
    """The table of the cost of judging."""
    cost(Size(seconds=10))  # imports
    rows = []
    for what, numbers in GROWTH.items():
        last: tuple[tuple[float, float], tuple[float, float]] | None = None
        for number in numbers:
            found = cost(Size(**{what: number}))
            now = (number, found.read), (number, found.judged)
            slopes = [slope(last[i] if last else None, now[i]) for i in range(2)]
            of_reading = (f"{number:,} {what}", f"{found.read:.2f}", slopes[0])
            rows.append((*of_reading, f"{found.judged:.2f}", slopes[1]))
            last = now
    return table(("size", "read, CPU s", "slope", "judge, CPU s", "slope"), rows)


def reports(workers: int, second: int, chance: random.Random) -> list[bytes]:
    """The frames of one second."""
    frames = []
    found = tuple(cells(ENDPOINTS_OF_A_WORKER, second, chance))
    for worker in range(workers):
        recorded = (second + 1) * 2 * ENDPOINTS_OF_A_WORKER
        frames.append(
            encode(
                Report(
                    *(time.monotonic(), found, 0, 0, 0, recorded, recorded, 0, 0, 0.0),
                    *(1, None, 0, 0.5, 2**26),
                    source=f"worker-{worker + 1}",
                )
            )
        )
    return frames


class Handled(NamedTuple):
    """What the harness used for the reports of workers.

    Attributes:
        share: CPU seconds for the frames of a second.
        growth: Bytes by which its memory grew, at most.
        size: Bytes of the run folder for each second.
        verdict: CPU seconds from the last report to the verdict.
    """

    share: float
    growth: int
    size: float
    verdict: float


async def handled(workers: int) -> Handled:
    """Handle the frames of some workers."""
    size = Size(endpoints=ENDPOINTS_OF_A_WORKER, seconds=REPLAYED)
    plan, chance = plan_of(size), random.Random(1)
    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        folder = RunFolder(Path(name))
        state = RunState(folder, manifest_of(size, 0), None)
        used = 0.0
        before = _memory()
        with open_logs(folder, state.clock) as logs:
            logs.begin(START)
            on_report = listener(plan.scenarios["s"], state, logs, RunOptions())
            decoder = Decoder[Report]()
            for second in range(REPLAYED):
                frames = reports(workers, second, chance)
                began = time.process_time()
                for frame in frames:
                    for report in decoder.feed(frame):
                        on_report(report)
                used += time.process_time() - began
        growth = _memory() - before
        written = sum(one.stat().st_size for one in folder.path.iterdir()) / REPLAYED
        folder.write_manifest(manifest_of(size, workers * REPLAYED * 2 * ENDPOINTS_OF_A_WORKER))
        return Handled(used / REPLAYED, growth, written, sum(verdict(folder, plan)))


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def with_workers() -> str:
    """The table of the cost of workers."""
    rows = []
    last: tuple[tuple[float, float], tuple[float, float]] | None = None
    for workers in WORKERS:
        found = asyncio.run(handled(workers))
        now = (workers, found.share), (workers, found.verdict)
        slopes = [slope(last[i] if last else None, now[i]) for i in range(2)]
        memory, written = (f"{size / MIB:.1f} MB" for size in (found.growth, found.size))
        of_reports = (f"{workers} workers", f"{found.share:.0%}", slopes[0], memory, written)
        rows.append((*of_reports, f"{found.verdict:.2f}", slopes[1]))
        last = now
    header = ("size", "of one core", "slope", "memory", "folder, for each second")
    return table((*header, f"verdict on {REPLAYED} s, CPU s", "slope"), rows)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("what", nargs="*", choices=("judging", "workers", []), default=[])
    what = options.parse_args().what or ["judging", "workers"]
    print(machine())
    for each in what:
        print(f"\n{judging() if each == 'judging' else with_workers()}")


if __name__ == "__main__":
    main()

"""Rate error of the open model, and the guards that trip when it cannot keep the rate.

The first table has rates that the model should keep: the number of scheduled requests that reach
the service before the end of the load, in all and in the worst fifth of it, and the lateness of the
schedule. The second table has `harness run` at rising rates until it saturates: the guards that
trip, and the error of its p95 relative to users on schedule, which is known because the service
always takes the same time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from benchmarks.fidelity.report import times_of
from benchmarks.fidelity.services import Service, quantile
from benchmarks.fidelity.tools import LOCUSTFILE
from benchmarks.fidelity.truth import served
from benchmarks.figures import environment, machine, table
from harness import names
from harness.budgets.model import Load
from harness.budgets.workload import OpenWorkload, Stage
from harness.load.arrivals import arrivals
from harness.load.generator import generator
from harness.load.protocol.frames import Report
from harness.runs.cells import middle_of
from harness.runs.folder import open_folder, read_evidence
from harness.runs.model import Distribution, Evidence

RATES = (500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 5000, 6000, 8000, 11000, 15000, 20000)
USERS = 500
WARM_UP = 1.0  # s
HOPELESS = 0.5  # error of the p95 beyond which no higher rate is tried
PARTS = 5  # of a load: too few requests in one part must not be compensated by too many in another
BUDGETS = """\
version: 1
service: truth
target: {{url: "http://127.0.0.1:1"}}
scenarios:
  rate:
    locustfile: {locustfile}
    workload: {{stages: [{{rate: {rate}/s, for: {seconds}s}}], max_users: {users}}}
    warm_up: {warm_up}s
budgets: {{p95: {{indicator: {{kind: latency, quantile: 0.95}}, max: {bound}ms}}}}
"""


# --- kept rates ---------------------------------------------------------------------------------


class Kept(NamedTuple):
    """The generator's readings in the reports of a load: lag in seconds, CPU in cores."""

    lag: Distribution
    cpu: float


def kept(title: str, stage: Stage, service: Service) -> tuple[str, ...]:
    """One load: a row of the first table."""
    asked = OpenWorkload((stage,), max_users=USERS)
    with served(service) as truth:
        found, t0 = asyncio.run(_load(asked, truth.url))
        records = truth.end()
    schedule = list(arrivals(asked))
    times_of(records, [t0 + offset for offset in schedule])  # each arrival has its one request
    seen = sorted(record.arrival - t0 for record in records)
    edges = [stage.seconds * part / PARTS for part in range(PARTS + 1)]
    errors = [_error(schedule, seen, *edge) for edge in pairwise(edges)]
    return (
        title,
        str(len(schedule)),
        str(bisect_left(seen, stage.seconds)),
        f"{100 * _error(schedule, seen, 0.0, stage.seconds):+.2f}%",
        f"{100 * max(errors, key=abs):+.2f}%",
        *(_milliseconds(found.lag.quantile(q)) for q in (0.5, 0.99)),
        f"{100 * found.cpu:.0f}%",
    )


def _error(schedule: Sequence[float], seen: Sequence[float], begin: float, end: float) -> float:
    asked, sent = (
        bisect_left(moments, end) - bisect_left(moments, begin) for moments in (schedule, seen)
    )
    return sent / asked - 1


async def _load(asked: OpenWorkload, url: str) -> tuple[Kept, float]:
    reports: list[Report] = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / names.GENERATOR_LOG
        async with generator(Load(LOCUSTFILE, asked), url, log, reports.append) as load:
            t0 = time.monotonic() + 0.2
            await load.start(t0, t0)
            await asyncio.sleep(t0 + asked.seconds - time.monotonic())
            await load.stop()
    lag = Distribution.merge(
        Distribution((middle_of(bucket),), (count,))
        for report in reports
        for cell in report.cells
        if cell.what == names.SCHEDULER_LAG
        for bucket, count in cell.counts.items()
    )
    return Kept(lag, statistics.median(report.cpu for report in reports[1:-1])), t0


# --- saturation ---------------------------------------------------------------------------------


def saturation(seconds: int, service: Service) -> Iterator[tuple[str, ...]]:
    """Rows of the second table, at rising rates."""
    for rate in RATES:
        print(f"{rate}/s", file=sys.stderr)
        with served(service) as truth, tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            evidence, tripped = _harness_run(rate, seconds, service, truth.url, folder)
            # Only requests of the load: the harness itself also sends some to check the service.
            records = [record for record in truth.end() if record.at]
        begin = min(record.at for record in records) + WARM_UP
        true = quantile((r.done - r.at for r in records if r.done and r.at >= begin), 0.95)
        told = _p95(evidence)
        load = OpenWorkload((Stage(float(rate), seconds + WARM_UP),))
        asked = sum(1 for _ in arrivals(load))
        yield (
            f"{rate}/s",
            f"{100 * len(records) / asked:.1f}%",
            f"{100 * _cpu(evidence):.0f}%",
            _milliseconds(_distribution(evidence, names.SCHEDULER_LAG).quantile(0.99)),
            f"{1e3 * told:.1f}",
            f"{100 * (told / service.mean - 1):+.1f}%",
            f"{100 * (told / true - 1):+.1f}%",
            ", ".join(tripped) or "none",
        )
        if told > (1 + HOPELESS) * service.mean:
            return


def _harness_run(
    rate: int, seconds: int, service: Service, url: str, folder: Path
) -> tuple[Evidence, list[str]]:
    """A whole `harness run`: its evidence, and the guards that tripped."""
    (folder / "budgets.yaml").write_text(
        BUDGETS.format(
            locustfile=LOCUSTFILE,
            rate=rate,
            seconds=seconds + int(WARM_UP),
            users=USERS,
            warm_up=int(WARM_UP),
            bound=1500 * service.mean,
        )
    )
    run = folder / "run"
    command = [sys.executable, "-m", "harness", "run", "--quiet", "--url", url, "--out", str(run)]
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode not in {0, 3, 4}:  # passed, breached, inconclusive
        raise SystemExit(f"harness run ended with {done.returncode}\n{done.stdout}{done.stderr}")
    results = json.loads((run / names.RESULTS_FILE).read_text())
    tripped = [guard["name"] for guard in results["guards"] if guard["outcome"] == "tripped"]
    return read_evidence(open_folder(run)), tripped


def _p95(evidence: Evidence) -> float:
    value = _distribution(evidence, names.LATENCY).quantile(0.95)
    assert value is not None, "no request was recorded"
    return value


def _distribution(evidence: Evidence, what: str) -> Distribution:
    return Distribution.merge(d for key, d in evidence.latency.items() if key.what == what)


def _cpu(evidence: Evidence) -> float:
    values = [v for s in evidence.series if s.name == names.GENERATOR_CPU for v in s.values]
    return statistics.median(values)


def _milliseconds(seconds: float | None) -> str:
    return "none" if seconds is None else f"{1e3 * seconds:.2f}"


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=10, help="of each load at a kept rate")
    options.add_argument("--saturation-seconds", type=int, default=5, help="0: leave it out")
    options.add_argument("--takes", type=float, default=50, help="of the service, milliseconds")
    options.add_argument("--user", choices=("FastHttpUser", "FastUser"), default="FastHttpUser")
    given = options.parse_args()
    os.environ["FIDELITY_USER"] = given.user
    service = Service("constant", lambda _: given.takes / 1e3, given.takes / 1e3)
    print(f"{given.user}, a service that takes {given.takes:g} ms; {machine()}\n")
    length = float(given.seconds)
    loads = {f"{rate}/s": Stage(float(rate), length) for rate in (50, 500, 2000)}
    loads["50/s to 1000/s"] = Stage(1000.0, length, start_rate=50.0)
    header = ["load", "asked", "seen in time", "error", f"worst of {PARTS} parts"]
    header += ["scheduler lag p50, ms", "p99, ms", "generator CPU"]
    print(table(header, [kept(title, stage, service) for title, stage in loads.items()]) + "\n")
    if given.saturation_seconds:
        header = ["asked", "sent", "generator CPU", "scheduler lag p99, ms", "p95, ms"]
        header += ["against users on schedule", "against the answers", "guards that trip"]
        print(table(header, list(saturation(given.saturation_seconds, service))))


if __name__ == "__main__":
    main()

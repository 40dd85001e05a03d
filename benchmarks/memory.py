"""Resident memory of a long `harness run`, its own and its generator's: does it grow?

200 requests per second against a service that does nothing, scraped each second. After the first
minute straight lines are laid through both halves of the readings: what still settles grows in the
first half alone, what leaks grows in both.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.figures import environment, machine, table
from benchmarks.server import served

MIB = 2**20
SETTLED = 60.0  # s until buffers, pools and caches have their size
BUDGETS = """\
version: 1
service: nothing
target: {url: "http://127.0.0.1:1", metrics: /metrics}
scenarios: {long: {locustfile: scenario.py, rate: 200/s, warm_up: 5s, duration: 290s}}
budgets: {p95: {indicator: {kind: latency, quantile: 0.95}, max: 1s}}
"""
LOCUSTFILE = """\
from locust import FastHttpUser, task

class Visitor(FastHttpUser):
    @task(3)
    def list(self):
        self.client.get("/items")

    @task
    def one(self):
        self.client.get("/items/1", name="/items/{id}")
"""
Readings = dict[str, list[tuple[float, int]]]  # process -> (seconds, bytes)


def readings(process: subprocess.Popen[bytes]) -> Readings:
    """Read both processes each second until the harness ends."""
    found: Readings = {"harness": [], "generator": []}
    parent, start = psutil.Process(process.pid), time.monotonic()
    while process.poll() is None:
        with suppress(psutil.Error):
            now = time.monotonic() - start
            found["harness"].append((now, parent.memory_info().rss))
            for child in parent.children(recursive=True):
                if child.cmdline()[1:4] == ["-P", "-m", "harness.load.child"]:
                    found["generator"].append((now, child.memory_info().rss))
        time.sleep(1.0)
    return found


def row(name: str, values: list[tuple[float, int]], until: float) -> tuple[str, ...]:
    """One process: at the end of the first minute, of the load, and the slope between, halved."""
    settled = [(at, size) for at, size in values if SETTLED <= at <= until]
    middle = len(settled) // 2
    first, last = (
        statistics.median(size for _, size in part) / MIB for part in (settled[:10], settled[-10:])
    )
    halves = (f"{_slope(part):+.2f}" for part in (settled[:middle], settled[middle:]))
    return name, f"{first:.1f}", f"{last:.1f}", *halves


def _slope(values: list[tuple[float, int]]) -> float:
    times, sizes = zip(*values, strict=True)
    return statistics.linear_regression(times, sizes).slope * 60 / MIB


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=290, help="of the window")
    seconds = options.parse_args().seconds
    print(f"200/s for {seconds} s; {machine()}\n")
    with served() as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "budgets.yaml").write_text(BUDGETS)
        (folder / "scenario.py").write_text(LOCUSTFILE)
        command = [str(Path(sys.executable).with_name("harness")), "run", "--quiet", "--url", url]
        with subprocess.Popen(
            [*command, "--duration", f"{seconds}s", "--out", f"{name}/run"],
            cwd=folder,
            env=environment(),
        ) as process:
            found = readings(process)
        if process.returncode:
            sys.exit(f"harness run ended with exit code {process.returncode}")
    rows = [row(name, values, float(seconds)) for name, values in found.items()]
    header = ("process", "after 1 min, MiB", "at the end", "MiB per minute, first half", "second")
    print(table(header, rows))


if __name__ == "__main__":
    main()

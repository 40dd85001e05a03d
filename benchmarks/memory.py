"""Growth of the resident memory of a long `harness run` and its generator.

The load is 200 requests per second on a service that does nothing, scraped each second. The table
has the median reading of some minutes, and Theil and Sen's slope of the medians of the last 15
minutes (or of all after the first minute). The memory is "flat" when the 95% interval of the slope
lies within 0.05 MiB per minute of zero, "growing" when it lies above, and else undecided.
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
from scipy.stats import theilslopes

from benchmarks.figures import environment, machine, table
from benchmarks.server import served

MIB = 2**20
SETTLED = 1  # minutes until buffers, pools and caches have their size
JUDGED = 15  # minutes, the last ones
FEWEST = 6  # minutes; with five values Kendall's tau can hardly be significant
FLAT = 0.05  # MiB per minute either way
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


def by_minute(values: list[tuple[float, int]], until: float) -> list[float]:
    """The median of each full minute up to a moment, MiB."""
    return [
        statistics.median(size for at, size in values if minute <= at / 60 < minute + 1) / MIB
        for minute in range(int(until / 60))
    ]


def verdict(minutes: list[float]) -> tuple[str, str]:
    """The slope with its interval, MiB per minute, and whether the memory grows.

    Theil's slope is the median of the slopes of all pairs; the interval is Sen's (1968, "Estimates
    of the regression coefficient based on Kendall's tau"). One value per minute is used, because
    readings of neighbouring seconds are not independent.
    """
    judged = minutes[SETTLED:][-JUDGED:]
    if len(judged) < FEWEST:
        return "unknown", "undecided: too short"
    slope, _, low, high = theilslopes(judged, alpha=0.95)
    text = f"{slope:+.3f} [{low:+.3f} .. {high:+.3f}]"
    if low >= -FLAT and high <= FLAT:
        return text, "flat"
    return text, "growing" if low > FLAT else "undecided"


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
    minutes = {name: by_minute(values, seconds) for name, values in found.items()}
    rows = [
        (str(minute), *(f"{size:.1f}" for size in sizes))
        for minute, sizes in enumerate(zip(*minutes.values(), strict=True), 1)
    ]
    print(table(["minute", *(f"{name}, MiB" for name in minutes)], rows) + "\n")
    header = ("process", "MiB per minute [95%]", f"within {FLAT:g}?")
    print(table(header, [(name, *verdict(sizes)) for name, sizes in minutes.items()]))


if __name__ == "__main__":
    main()

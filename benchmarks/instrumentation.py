"""What metrics and traces cost the sample service: requests per second and p95 against bare.

Each variant is a process of its own on the first core, wrk with 8 connections on the second; only
one is loaded at a time, in turn, so that whatever else the machine does meets all alike. `bare`
is the same service, log lines and request ids included, with nothing that measures or traces.

    uv run python -m benchmarks.instrumentation [--repetitions 10] [--seconds 2]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import change, environment, in_turn, machine, spread, table

VARIANTS = {
    "bare": "no metrics, no traces",
    "metrics": "metrics alone",
    "shipped": "metrics, 5% of the traces",
    "all traces": "metrics, every trace",
    "stock": "metrics, 5% of the traces, stock instrumentations",
}
PATHS = {"without a database": "/api/v1/contacts/1", "with a database": "/api/v1/contacts?size=20"}
CONNECTIONS = 8
REPORT = """\
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("\\nFIGURES %f %f %d\\n", summary.requests / summary.duration * 1e6,
    latency:percentile(95) / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


class Reading(NamedTuple):
    """Requests per second and the 95th percentile, ms."""

    rate: float
    p95: float


def pinned(core: int) -> list[str]:
    """What comes before a command that shall stay on one core."""
    return ["taskset", "--cpu-list", str(core % (os.cpu_count() or 1))]


@contextmanager
def served(variant: str, folder: Path) -> Iterator[str]:
    """The sample service as this variant; its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [*pinned(0), sys.executable, "-m", "benchmarks.instrumented", variant, str(port)]
    database = f"sqlite+aiosqlite:///{folder}/{variant.replace(' ', '-')}.db"
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=environment() | {"SAMPLE_APP_DATABASE_URL": database},
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + 60
        while not answers(f"{url}/health/ready"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((folder / "log").read_text()[-2000:])
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    """Whether a GET succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def load(url: str, seconds: int, script: Path) -> Reading:
    """One load by wrk; an answer that is no success ends the benchmark."""
    options = [f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    command = [*pinned(1), "wrk", "-t1", *options, url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"FIGURES (\S+) (\S+) (\d+)", done.stdout)
    if not found or found[3] != "0":
        raise SystemExit(f"wrk: {done.stdout}{done.stderr}")
    return Reading(float(found[1]), float(found[2]))


def rows(results: Mapping[str, list[Reading]]) -> Iterator[tuple[str, ...]]:
    """A row for each variant: absolute figures, and the ratio of neighbouring runs."""
    bare = results["bare"]
    for variant, readings in results.items():
        ratio = statistics.median(a.rate / b.rate for a, b in zip(readings, bare, strict=True))
        yield (
            VARIANTS[variant],
            spread([reading.rate for reading in readings], 0),
            f"{ratio:.2f}",
            spread([reading.p95 for reading in readings]),
            change([b.p95 for b in bare], [reading.p95 for reading in readings]),
        )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=10)
    options.add_argument("--seconds", type=int, default=2, help="of each reading")
    given = options.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed: apt-get install wrk")
    header = ("variant", "requests/s", "ratio to bare", "p95, ms", "p95 more [95% bounds]")
    print(f"{given.repetitions} runs of {given.seconds} s each, in turn; {machine()}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        script = folder / "report.lua"
        script.write_text(REPORT)
        urls = {variant: stack.enter_context(served(variant, folder)) for variant in VARIANTS}
        for title, path in PATHS.items():

            def reading(url: str, path: str = path) -> Callable[[], Reading]:
                return lambda: load(f"{url}{path}", given.seconds, script)

            runs = {variant: reading(url) for variant, url in urls.items()}
            in_turn(runs, 1)  # caches, connections, specialised byte code
            results = in_turn(runs, given.repetitions)
            print(f"\n{title}: GET {path}\n\n{table(header, list(rows(results)))}")


if __name__ == "__main__":
    main()

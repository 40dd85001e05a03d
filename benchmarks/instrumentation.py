"""Cost of metrics and traces in the sample service: requests per second and p95 relative to bare.

Each variant is a process on the first core; wrk with 8 connections runs on the second. The variants
are loaded one at a time, in alternation, so other work on the machine affects all alike. Such work
still changes the requests per second, but hardly the CPU time of a request; a saturated process
answers as many requests as its core allows. `bare` is the same service without metrics and traces,
but with log lines and request ids.

    uv run python -m benchmarks.instrumentation [--repetitions 10] [--seconds 2] [--before FOLDER]
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

import psutil

from benchmarks.figures import change, environment, in_turn, machine, spread, table

VARIANTS = {
    "bare": "no metrics, no traces",
    "metrics": "metrics alone",
    "shipped": "metrics, 5% of the traces",
    "all traces": "metrics, every trace",
    "late": "metrics, 5% of the traces, decided by the instrumentations",
}
BEFORE = "shipped by the checkout of --before"
PATHS = {"without a database": "/api/v1/contacts/1", "with a database": "/api/v1/contacts?size=20"}
CONNECTIONS = 8
REPORT = """\
done = function(summary, latency, requests)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("\\nFIGURES %f %f %d %d\\n", summary.requests / summary.duration * 1e6,
    latency:percentile(95) / 1e3, summary.requests, failed))
end
"""


class Served(NamedTuple):
    """A variant that runs."""

    url: str
    process: psutil.Process


class Reading(NamedTuple):
    """Requests per second, the 95th percentile in ms, the service's CPU time in us per request."""

    rate: float
    p95: float
    cpu: float


def pinned(core: int) -> list[str]:
    """The prefix of a command that must stay on one core."""
    return ["taskset", "--cpu-list", str(core % (os.cpu_count() or 1))]


@contextmanager
def served(variant: str, folder: Path, before: Path | None) -> Iterator[Served]:
    """The sample service as this variant; that of another checkout when it is BEFORE."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    name = "shipped" if variant == BEFORE else variant
    command = [*pinned(0), sys.executable, "-m", "benchmarks.instrumented", name, str(port)]
    database = f"sqlite+aiosqlite:///{folder}/{variant.replace(' ', '-')}.db"
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=before if variant == BEFORE else None,
            env=environment()
            | {"SAMPLE_APP_DATABASE_URL": database, "SAMPLE_APP_RATE_ADDRESS": "600000/minute"},
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + 60
        while not answers(f"{url}/health/ready"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((folder / "log").read_text()[-2000:])
            time.sleep(0.1)
        yield Served(url, psutil.Process(process.pid))
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


def load(service: Served, path: str, seconds: int, script: Path) -> Reading:
    """One load by wrk; an answer that is no success ends the benchmark."""
    options = [f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    command = [*pinned(1), "wrk", "-t1", *options, f"{service.url}{path}"]
    before = sum(service.process.cpu_times()[:2])
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cpu = sum(service.process.cpu_times()[:2]) - before
    found = re.search(r"FIGURES (\S+) (\S+) (\d+) (\d+)", done.stdout)
    if not found or found[4] != "0":
        raise SystemExit(f"wrk: {done.stdout}{done.stderr}")
    return Reading(float(found[1]), float(found[2]), 1e6 * cpu / int(found[3]))


def rows(results: Mapping[str, list[Reading]]) -> Iterator[tuple[str, ...]]:
    """A row for each variant: absolute figures, and the ratio of neighbouring runs."""
    bare = results["bare"]
    for variant, readings in results.items():
        pairs = list(zip(readings, bare, strict=True))
        rate = statistics.median(a.rate / b.rate for a, b in pairs)
        cpu = statistics.median(b.cpu / a.cpu for a, b in pairs)
        yield (
            VARIANTS.get(variant, variant),
            spread([reading.rate for reading in readings], 0),
            f"{rate:.2f}",
            spread([reading.cpu for reading in readings], 0),
            f"{cpu:.2f}",
            spread([reading.p95 for reading in readings]),
            change([b.p95 for b in bare], [reading.p95 for reading in readings]),
        )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=10)
    options.add_argument("--seconds", type=int, default=2, help="of each reading")
    options.add_argument("--before", type=Path, help="a checkout whose service is measured too")
    given = options.parse_args()
    variants = [*VARIANTS, *([BEFORE] if given.before else [])]
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed: apt-get install wrk")
    header = (
        "variant",
        "requests/s",
        "to bare",
        "CPU us/request",
        "to bare",
        "p95, ms",
        "p95 more",
    )
    print(f"{given.repetitions} runs of {given.seconds} s each, in turn; {machine()}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        script = folder / "report.lua"
        script.write_text(REPORT)
        services = {
            variant: stack.enter_context(served(variant, folder, given.before))
            for variant in variants
        }
        for title, path in PATHS.items():

            def reading(service: Served, path: str = path) -> Callable[[], Reading]:
                return lambda: load(service, path, given.seconds, script)

            runs = {variant: reading(service) for variant, service in services.items()}
            in_turn(runs, 1)  # caches, connections, specialised byte code
            results = in_turn(runs, given.repetitions)
            print(f"\n{title}: GET {path}\n\n{table(header, list(rows(results)))}")


if __name__ == "__main__":
    main()

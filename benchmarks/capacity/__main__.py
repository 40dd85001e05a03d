"""`harness capacity` on two services, beside a sweep of 15 rates: `python -m benchmarks.capacity`.

The services are Express, which computes on one core, and Django with four threads, which wait. Each
request is GET /items three times of four, else GET /items/1; arrivals are random (Poisson). The
budget is a p95 of 100 ms.

The sweep is by a client of its own: asyncio streams, the time from the intended start, numpy's
quantile. The service is started anew for each rate; 3 s are left out, 8 s count. One sweep takes 3
minutes, the searches up to 6 minutes each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.figures import machine, table

ROOT = Path(__file__).parents[2]
HERE = "benchmarks/capacity"
BOUND = 0.1  # s
WARM_UP, SECONDS = 3.0, 8.0
RATES = 15
LOST = 9.0  # s, in place of the time of a request without an answer
LOCUSTFILE = """\
from locust import task
from harness import FastUser


class Visitor(FastUser):
    @task(3)
    def list(self):
        self.client.get("/items")

    @task
    def one(self):
        self.client.get("/items/1", name="/items/{id}")
"""
BUDGETS = """\
version: 1
service: NAME
target:
  command: sh -c 'cd ROOT && exec COMMAND'
  url: http://127.0.0.1:{port}
  ready: /items/1
  environment: ENVIRONMENT
scenarios:
  quick: {locustfile: locustfile.py, rate: RATE/s, warm_up: 3s, duration: 8s, max_duration: 16s}
budgets:
  p95: {indicator: {kind: latency, quantile: 0.95}, max: 100ms}
  errors: {indicator: error_ratio, max: 1%}
"""


class Served(NamedTuple):
    """A service.

    Attributes:
        command: Starts it in the repository; `{port}` is its port.
        environment: Beside that of this process.
        first: The first rate of the search, per second.
        rates: The lowest and the highest rate of the sweep, per second.
    """

    command: str
    environment: Mapping[str, str]
    first: int
    rates: tuple[float, float]


SERVICES = {
    "express": Served(f"env PORT={{port}} node {HERE}/express_sorting.mjs", {}, 100, (400, 850)),
    "django": Served(
        "gunicorn --workers 1 --threads 4 --bind 127.0.0.1:{port}"
        " tests.services.django_items:application",
        {"SLEEP_MS": "20"},
        50,
        (120, 320),
    ),
}


class Connection(NamedTuple):
    """A connection that is kept."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Client:
    """Sends each request at its time, however many are unanswered.

    Attributes:
        times: Of each request: its intended start by `time.monotonic`, and its latency in seconds.
    """

    def __init__(self, port: int) -> None:
        self.times: list[tuple[float, float]] = []
        self._port = port
        self._idle: list[Connection] = []

    async def load(self, rate: float) -> float:
        """Send the requests of one step; returns the start of what counts."""
        chance = np.random.default_rng(round(rate))
        gaps = chance.exponential(1 / rate, round(rate * (WARM_UP + SECONDS)))
        start = time.monotonic() + 0.2
        await asyncio.gather(*(self._send(due) for due in start + np.cumsum(gaps)))
        return start + WARM_UP

    async def _send(self, due: float) -> None:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        path = "/items" if random.random() < 0.75 else "/items/1"
        for attempt in range(3):  # the service may have closed a connection that is kept
            if self._idle and not attempt:
                connection = self._idle.pop()
            else:
                connection = Connection(*await asyncio.open_connection("127.0.0.1", self._port))
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                keep = await _exchange(connection, path)
                self.times.append((due, time.monotonic() - due))
                if keep:
                    self._idle.append(connection)
                return
        self.times.append((due, LOST))


async def _exchange(connection: Connection, path: str) -> bool:
    """One request and its answer; whether the connection is kept."""
    connection.writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = (await connection.reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200"), head
    await connection.reader.readexactly(int(head.split(b"content-length:")[1].split()[0]))
    if b"connection: close" not in head:
        return True
    connection.writer.close()
    return False


@contextmanager
def running(served: Served, port: int, metrics: str) -> Iterator[None]:
    """The service, which answers; it ends with the context."""
    process = subprocess.Popen(
        served.command.format(port=port).split(),
        cwd=ROOT,
        env={**os.environ, **served.environment, "PROMETHEUS_MULTIPROC_DIR": metrics},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(100):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/items/1"):
                break
            time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def sweep(served: Served, port: int) -> list[tuple[str, str, str]]:
    """The rows of the sweep: rate, p95, verdict."""
    rows = []
    for rate in np.geomspace(*served.rates, RATES):
        client = Client(port)
        with tempfile.TemporaryDirectory() as metrics, running(served, port, metrics):
            start = asyncio.run(client.load(float(rate)))
        p95 = float(np.quantile([late for due, late in client.times if due >= start], 0.95))
        rows.append((f"{rate:.0f}/s", f"{1000 * p95:.1f}", "holds" if p95 < BOUND else "breaks"))
    return rows


def searched(name: str, served: Served, searches: int) -> list[tuple[str, str, str]]:
    """The rows of the searches: interval, steps, the reason of the end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "locustfile.py").write_text(LOCUSTFILE)
        environment = {**served.environment, "PROMETHEUS_MULTIPROC_DIR": folder}
        values = {"NAME": name, "ROOT": str(ROOT), "COMMAND": served.command}
        values |= {"ENVIRONMENT": json.dumps(environment), "RATE": str(served.first)}
        text = re.sub("|".join(values), lambda found: values[found[0]], BUDGETS)
        (path / "budgets.yaml").write_text(text)
        command = [sys.executable, "-m", "harness", "capacity", "--within", "10%", "--for", "6m"]
        command += ["--repeat", str(searches), "--out", "found"]
        subprocess.run(command, cwd=path, check=False, stderr=subprocess.DEVNULL)
        found = json.loads((path / "found" / "capacity.json").read_text())
    return [
        (f"{_rate(one['lower'])} to {_rate(one['upper'])}", str(len(one["steps"])), one["end"])
        for one in found["searches"]
    ]


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}/s"


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("services", nargs="*", choices=[*SERVICES, []], default=[])
    options.add_argument("--searches", type=int, default=3)
    options.add_argument("--port", type=int, default=18333)
    chosen = options.parse_args()
    print(machine())
    for name in chosen.services or SERVICES:
        served = SERVICES[name]
        print(f"\n{name}\n\n{table(('sweep', 'p95, ms', ''), sweep(served, chosen.port))}")
        rows = searched(name, served, chosen.searches)
        print(f"\n{table(('search', 'steps', 'ended by'), rows)}", flush=True)


if __name__ == "__main__":
    main()

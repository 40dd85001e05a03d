"""CPU time of a request of FastUser, compared with FastHttpUser and a bare gevent socket.

Each user class runs in the harness's generator on one core, in the closed model, with recording and
trace ids, against a server written in C on another core (this needs a C compiler). The result is
the CPU time (user and system) of the generator's process divided by the requests that the server
answered in the same time. The variants alternate, so other work on the machine affects all alike.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import change, in_turn, machine, spread, table
from benchmarks.server import count
from harness.budgets.model import Load
from harness.budgets.workload import ClosedWorkload, UserStage
from harness.load.generator import generator

USERS = 10
SETTLE = 0.7  # s from the first requests to the first reading
USER = """\
from locust import FastHttpUser, HttpUser, task
from harness import FastUser

class Visitor({base}):
    @task
    def call(self):
        {call}
"""
BARE = """\
import gevent
from locust import User, task

class Visitor(User):
    def on_start(self):
        address, port = self.host.removeprefix("http://").split(":")
        self.socket = gevent.socket.create_connection((address, int(port)))
        self.request = f"GET /items HTTP/1.1\\r\\nHost: {address}:{port}\\r\\n\\r\\n".encode()

    @task
    def call(self):
        self.socket.sendall(self.request)
        self.socket.recv(4096)
"""
GET = 'self.client.get("/items")'
CALLS = {
    "GET": GET,
    "GET, no two heads of answers alike": 'self.client.get("/unique")',
    "GET and its JSON": GET + ".json()",
    "POST of JSON": 'self.client.post("/items", json={"name": "x", "size": 3})',
    "GET in a with-block": f"with {GET[:-1]}, catch_response=True) as it: it.success()",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """The costs of one round of one variant."""

    microseconds: float  # CPU time of a request
    rate: float  # requests per second


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of the C server, compiled and started, on the last core."""
    program = folder / "fast_server"
    source = Path(__file__).with_name("fast_server.c")
    subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)
    with subprocess.Popen([str(program)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


async def load(path: Path, url: str, seconds: float) -> Reading:
    """One round: users that call as fast as they can, in a generator on the first core."""
    workload = ClosedWorkload((UserStage(USERS, 3600.0),))
    async with generator(
        Load(path, workload), url, path.with_suffix(".log"), lambda _: None
    ) as running:
        os.sched_setaffinity(running.pid, {min(os.sched_getaffinity(0))})
        now = time.monotonic()
        await running.start(now, now)
        async with asyncio.timeout(30):
            start = count(url)
            while count(url) == start:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLE)
        clock = ~running.pid << 3 | 2  # of another process: clock_getcpuclockid(3)
        before = count(url), time.monotonic(), time.clock_gettime(clock)
        await asyncio.sleep(seconds)
        cpu = time.clock_gettime(clock) - before[2]
        elapsed, requests = time.monotonic() - before[1], count(url) - before[0]
        await running.stop()
    return Reading(1e6 * cpu / requests, requests / elapsed)


def one(text: str, path: Path, url: str, seconds: float) -> Reading:
    """A round of the locustfile with this text."""
    path.write_text(text)
    return asyncio.run(load(path, url, seconds))


def row(title: str, readings: list[Reading], base: list[Reading]) -> tuple[str, ...]:
    """Rows of the table: each variant with its difference to FastHttpUser for the same call."""
    cost = [reading.microseconds for reading in readings]
    rate = statistics.median(reading.rate for reading in readings)
    best = max(reading.rate for reading in readings)
    less = change([reading.microseconds for reading in base], cost)
    return title, spread(cost), less, f"{rate:,.0f}", f"{best:,.0f}"


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=7)
    options.add_argument("--seconds", type=float, default=2.0, help="of each round")
    options.add_argument("--only", default="", help="part of a call's title")
    given = options.parse_args()
    print(f"{given.repetitions} rounds of {given.seconds:g} s; {machine()}\n")
    calls = {title: call for title, call in CALLS.items() if given.only in title}
    texts = {"bare gevent socket": BARE} | {
        f"{base}: {title}": USER.format(base=base, call=call)
        for title, call in calls.items()
        for base in ("FastHttpUser", "FastUser")
    }
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as url:
        path = Path(name, "scenario.py")
        variants = {
            title: functools.partial(one, text, path, url, given.seconds)
            for title, text in texts.items()
        }
        results = in_turn(variants, given.repetitions)
    bases = {title: title.replace("FastUser:", "FastHttpUser:") for title in results}
    bases["bare gevent socket"] = "FastHttpUser: GET"
    rows = [
        row(title, readings, results.get(bases[title], readings))
        for title, readings in results.items()
    ]
    header = ("user: call", "us/request", "beside FastHttpUser", "requests/s", "best")
    print(table(header, rows))


if __name__ == "__main__":
    main()

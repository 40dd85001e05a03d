"""The gaps between evenly spaced arrivals, measured by the kernel of the service.

Each variant sends 1,000 requests per second to a server that keeps the kernel's receive times, on
another core. For comparison: hey, which is in Debian; wrk2, which is not in Debian, when `--wrk2`
names its program; and a bare loop that waits busily all the time, which shows what the machine
allows. CPU is that of the generator, user and system, as a share of one core.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import in_turn, machine, spread, table
from harness.budgets.model import Load
from harness.budgets.workload import OpenWorkload, Stage
from harness.load.generator import generator

RATE = 1000
CONNECTIONS = 10  # of hey, wrk2 and the bare loop
SETTLE = 1.0  # s of each load that are left out
QUANTILES = (0.1, 0.5, 0.9, 0.99, 0.999)
USER = """\
from locust import FastHttpUser, task
from harness import FastUser

class Visitor({base}):
    @task
    def call(self):
        self.client.get("/x")
"""
BARE = """\
import socket, sys, time
port, rate, seconds, connections = map(int, sys.argv[1:])
sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
for one in sockets:
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
begin = time.monotonic() + 0.1
for number in range(rate * seconds):
    one = sockets[number % connections]
    if number >= connections:
        one.recv(4096)
    due = begin + number / rate
    while time.monotonic() < due:
        pass
    one.send(b"GET /x HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
"""


class Round(NamedTuple):
    """Gaps at `QUANTILES` in microseconds, and the generator's CPU as a share of a core."""

    gaps: tuple[float, ...]
    cpu: float


@contextmanager
def served() -> Iterator[int]:
    """The port of the server, on the last core."""
    command = [sys.executable, str(Path(__file__).with_name("gap_server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
            yield int(process.stdout.readline())
        finally:
            process.kill()


def gaps(port: int) -> tuple[float, ...]:
    """The quantiles of the gaps since the last call, without the first `SETTLE` seconds."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/gaps", timeout=30) as answer:
        stamps = sorted(json.load(answer))
    kept = [stamp for stamp in stamps if stamp >= stamps[0] + SETTLE]
    found = sorted(1e6 * (later - earlier) for earlier, later in pairwise(kept))
    return tuple(found[int(quantile * len(found))] for quantile in QUANTILES)


def harness(text: str, folder: Path, port: int, seconds: int) -> Round:
    """One load of the harness."""
    path = folder / "scenario.py"
    path.write_text(text)
    return asyncio.run(_load(path, port, seconds))


async def _load(path: Path, port: int, seconds: int) -> Round:
    workload = OpenWorkload((Stage(RATE, seconds),), arrivals="even")
    load = Load(path, workload)
    log = path.with_suffix(".log")
    async with generator(load, f"http://127.0.0.1:{port}", log, lambda _: None) as running:
        os.sched_setaffinity(running.pid, {min(os.sched_getaffinity(0))})
        clock = ~running.pid << 3 | 2  # of another process: clock_getcpuclockid(3)
        now = time.monotonic() + 0.2
        await running.start(now, now)
        await asyncio.sleep(0.2 + SETTLE)
        before = time.monotonic(), time.clock_gettime(clock)
        await asyncio.sleep(seconds - SETTLE)
        cpu = (time.clock_gettime(clock) - before[1]) / (time.monotonic() - before[0])
        await running.stop()
    return Round(gaps(port), cpu)


def command(arguments: Sequence[str], port: int, seconds: int) -> Round:
    """One load of another program, on the first core."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pinned = ["taskset", "-c", str(min(os.sched_getaffinity(0))), *arguments]
    subprocess.run(pinned, check=True, stdout=subprocess.DEVNULL, timeout=60 + seconds)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Round(gaps(port), cpu / seconds)


def variants(folder: Path, port: int, given: argparse.Namespace) -> dict[str, Callable[[], Round]]:
    """A function for each row of the table that makes one round of it."""
    seconds, url = given.seconds, f"http://127.0.0.1:{port}/x"
    found: dict[str, Callable[[], Round]] = {
        f"harness, {base}": partial(harness, USER.format(base=base), folder, port, seconds)
        for base in ("FastUser", "FastHttpUser")
    }
    number, every = str(CONNECTIONS), str(RATE // CONNECTIONS)
    length = f"{seconds}s"
    if program := shutil.which(given.hey):
        hey = [program, "-z", length, "-c", number, "-q", every, url]
        found["hey"] = partial(command, hey, port, seconds)
    if program := shutil.which(given.wrk2):
        wrk2 = [program, "-t1", f"-c{number}", f"-d{length}", f"-R{RATE}", url]
        found["wrk2"] = partial(command, wrk2, port, seconds)
    bare = [sys.executable, "-c", BARE, str(port), str(RATE), str(seconds), number]
    found["a bare busy loop"] = partial(command, bare, port, seconds)
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=5)
    options.add_argument("--seconds", type=int, default=6, help="of each load")
    options.add_argument("--hey", default="hey", help="program; left out when it is not found")
    options.add_argument("--wrk2", default="wrk2", help="program; left out when it is not found")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name, served() as port:
        results = in_turn(variants(Path(name), port, given), given.repetitions)
    print(f"{given.repetitions} loads of {given.seconds} s each, in turn; {machine()}\n")
    rows = [
        (
            title,
            *(spread([one.gaps[index] for one in rounds], 0) for index in range(len(QUANTILES))),
            spread([100 * one.cpu for one in rounds], 0),
        )
        for title, rounds in results.items()
    ]
    header = [f"p{100 * quantile:g}, us" for quantile in QUANTILES]
    print(table((f"{RATE:,}/s, evenly spaced", *header, "CPU, %"), rows))


if __name__ == "__main__":
    main()

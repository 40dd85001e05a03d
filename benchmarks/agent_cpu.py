"""CPU time of the generator per request, compared with stock Locust and the same locustfile.

The CPU time (user and system) of the process that runs Locust is divided by the requests that the
service answered in the same time, in the middle of the load, without start-up and end. Both
generators run at the same time, so other work on the machine affects both alike.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from benchmarks.figures import change, environment, machine, spread, table
from benchmarks.server import count, served
from harness.budgets.model import Load
from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.load.generator import generator
from harness.load.protocol.frames import Report
from harness.runs.latency import LatencyLog

SETTLE = 1.0  # s from the first requests to the first reading
TRACES = 0.05  # of the requests ask for a trace, as budgets.yaml has it by default
LOCUSTFILE = """\
from locust import {base}, poisson, task

class Visitor({base}):
    @task
    def get(self):
        self.client.get("/items")
"""
# Random and independent arrivals; the open model has a schedule of its own. Stock Locust's
# `constant_throughput` is not comparable: users that start together stay synchronized, and a burst
# costs less than single requests (measured once: 130 us per request instead of 230).
AT_A_RATE = "    wait_time = poisson({rate})\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One load, for stock Locust and for the harness."""

    title: str
    base: str
    users: int
    rate: float | None = None  # requests per second; None: as fast as the users can
    model: type[OpenWorkload | ClosedWorkload] = ClosedWorkload  # stock Locust: always closed

    @property
    def locustfile(self) -> str:
        """The text of the locustfile, the same for both."""
        text = LOCUSTFILE.format(base=self.base)
        return text + AT_A_RATE.format(rate=self.rate / self.users) if self.rate else text


CASES = (
    Case("FastHttpUser, closed, saturated", "FastHttpUser", 10),
    Case("HttpUser, closed, saturated", "HttpUser", 10),
    # Both wait as in the locustfile: they differ in recording, in-flight tracking and trace ids.
    Case("FastHttpUser, 500/s, closed", "FastHttpUser", 50, 500.0),
    Case("HttpUser, 500/s, closed", "HttpUser", 50, 500.0),
    Case("FastHttpUser, 500/s, open", "FastHttpUser", 50, 500.0, OpenWorkload),
    Case("HttpUser, 500/s, open", "HttpUser", 50, 500.0, OpenWorkload),
)


class Reading:
    """CPU time of a generator per request that its service answers, from now on."""

    def __init__(self, pid: int, url: str) -> None:
        # The CPU clock of another process: Linux, clock_getcpuclockid(3). In nanoseconds, where
        # /proc counts in hundredths of a second.
        self._clock, self._url = ~pid << 3 | 2, url
        self._cpu, self._requests = time.clock_gettime(self._clock), count(url)

    def microseconds(self) -> float:
        """For each request so far."""
        cpu = time.clock_gettime(self._clock) - self._cpu
        return 1e6 * cpu / (count(self._url) - self._requests)


@contextmanager
def stock(case: Case, folder: Path, url: str) -> Iterator[int]:
    """The process id of a running `locust`."""
    options = f"--headless --only-summary -u {case.users} -r {case.users} -H {url}".split()
    command = [str(Path(sys.executable).with_name("locust")), "-f", f"{folder}/scenario.py"]
    with subprocess.Popen(
        [*command, *options],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # like the harness's generator: Linux divides the cores by session
    ) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


@asynccontextmanager
async def harness(case: Case, folder: Path, url: str) -> AsyncIterator[int]:
    """The process id of the harness's generator, its reports written as in `harness run`."""
    workload: OpenWorkload | ClosedWorkload = ClosedWorkload(
        (UserStage(case.users, 1.0, 0), UserStage(case.users, 3600.0))
    )
    if case.rate and case.model is OpenWorkload:
        workload = OpenWorkload((Stage(case.rate, 3600.0),), max_users=case.users)
    one = Load(folder / "scenario.py", workload)
    with LatencyLog(folder / "latency.hlog") as log:

        def record(report: Report) -> None:
            log.write(report.cells)

        async with generator(
            one, url, folder / "generator.log", record, trace_ratio=TRACES
        ) as load:
            t0 = time.monotonic() + 0.1
            log.begin(t0 + time.time() - time.monotonic())
            await load.start(t0, t0)
            yield load.pid
            await load.stop()


async def side_by_side(
    case: Case, folder: Path, urls: tuple[str, str], seconds: float
) -> tuple[float, float]:
    """Run both at the same time, each against its own service: us per request of both."""
    before = count(urls[0])
    with stock(case, folder, urls[0]) as theirs:
        async with harness(case, folder, urls[1]) as ours:
            async with asyncio.timeout(60):
                while count(urls[0]) == before:  # noqa: ASYNC110 - of another process
                    await asyncio.sleep(0.1)
            await asyncio.sleep(SETTLE)
            both = Reading(theirs, urls[0]), Reading(ours, urls[1])
            await asyncio.sleep(seconds)
            return both[0].microseconds(), both[1].microseconds()


def measured(case: Case, repetitions: int, seconds: float) -> tuple[str, ...]:
    """A row of the table."""
    with served() as one, served() as other, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scenario.py").write_text(case.locustfile)
        pairs = [
            # Which of the two services serves whom changes from round to round.
            asyncio.run(side_by_side(case, folder, urls, seconds))
            for _, urls in zip(
                range(repetitions), cycle([(one, other), (other, one)]), strict=False
            )
        ]
    stocks, ours = zip(*pairs, strict=True)
    return case.title, spread(stocks), spread(ours), change(stocks, ours)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=12)
    options.add_argument("--seconds", type=float, default=8.0, help="of each round")
    options.add_argument("--only", default="", help="part of a case's title")
    given = options.parse_args()
    cases = [case for case in CASES if given.only in case.title]
    print(f"{given.repetitions} rounds of {given.seconds:g} s; {machine()}\n")
    rows = [measured(case, given.repetitions, given.seconds) for case in cases]
    header = ("load", "stock Locust, us/request", "harness, us/request", "more [95% bounds]")
    print(table(header, rows))


if __name__ == "__main__":
    main()

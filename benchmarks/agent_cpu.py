"""CPU time of the generator for each request, beside stock Locust with the same locustfile.

The CPU time (user and system) of the process that runs Locust, over the requests that the service
has answered meanwhile, within the middle of the load: start-up and end are in neither.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.figures import change, environment, in_turn, machine, spread, table
from benchmarks.server import count, served
from harness.budgets.model import ClosedWorkload, OpenWorkload, Scenario, Stage
from harness.load.frames import Report
from harness.load.generator import generator
from harness.runs.latency import LatencyLog

SETTLE = 1.5  # s from the first request to the first reading
LOCUSTFILE = """\
from locust import {base}, poisson, task

class Visitor({base}):
    @task
    def get(self):
        self.client.get("/items")
"""
# The arrivals of both are random and independent. Stock Locust's `constant_throughput` is no match:
# users that started at once stay in step, and a burst is cheaper than its requests one by one
# (measured: 130 us a request instead of 230).
AT_A_RATE = "    wait_time = poisson({rate})\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One load, as stock Locust and as the harness know it."""

    title: str
    base: str
    users: int
    rate: float | None = None  # arrivals per second; None: as fast as the users can

    @property
    def locustfile(self) -> str:
        """The text of the locustfile, the same for both."""
        text = LOCUSTFILE.format(base=self.base)
        return text + AT_A_RATE.format(rate=self.rate / self.users) if self.rate else text


CASES = (
    Case("FastHttpUser, closed, saturated", "FastHttpUser", 10),
    Case("HttpUser, closed, saturated", "HttpUser", 10),
    Case("FastHttpUser, 500/s, open", "FastHttpUser", 50, 500.0),
    Case("HttpUser, 500/s, open", "HttpUser", 50, 500.0),
)


def microseconds(pid: int, url: str, seconds: float) -> float:
    """CPU time of a process per request over the next seconds."""
    process = psutil.Process(pid)
    requests, cpu = count(url), sum(process.cpu_times()[:2])
    time.sleep(seconds)
    answered = count(url) - requests
    return 1e6 * (sum(process.cpu_times()[:2]) - cpu) / answered


def stock(case: Case, folder: Path, url: str, seconds: float) -> float:
    """One run of `locust`."""
    options = f"--headless --only-summary -u {case.users} -r {case.users} -H {url}".split()
    command = [str(Path(sys.executable).with_name("locust")), "-f", f"{folder}/scenario.py"]
    before = count(url)
    with subprocess.Popen(
        [*command, *options],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            deadline = time.monotonic() + 30
            while count(url) == before and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(SETTLE)
            return microseconds(process.pid, url, seconds)
        finally:
            process.terminate()


async def harness(case: Case, folder: Path, url: str, seconds: float) -> float:
    """One run of the harness's generator, its reports written as in `harness run`."""
    workload: OpenWorkload | ClosedWorkload = ClosedWorkload(case.users, float(case.users))
    if case.rate:
        stage = Stage(case.rate, 3600.0)
        workload = OpenWorkload((stage,), max_users=case.users)
    scenario = Scenario("benchmark", folder / "scenario.py", workload, 0.0, 3600.0)
    with LatencyLog(folder / "latency.hlog") as log:

        def record(report: Report) -> None:
            log.write(report.cells)

        async with generator(scenario, url, folder / "generator.log", record) as load:
            t0 = time.monotonic() + 0.1
            log.begin(t0 + time.time() - time.monotonic())
            await load.start(t0, t0)
            await asyncio.sleep(0.1 + SETTLE)
            result = await asyncio.to_thread(microseconds, load.pid, url, seconds)
            await load.stop()
    return result


def measured(case: Case, repetitions: int, seconds: float) -> tuple[str, ...]:
    """A row of the table."""
    with served() as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scenario.py").write_text(case.locustfile)
        variants: dict[str, Callable[[], float]] = {
            "stock": lambda: stock(case, folder, url, seconds),
            "harness": lambda: asyncio.run(harness(case, folder, url, seconds)),
        }
        results = in_turn(variants, repetitions)
    stocks, ours = results["stock"], results["harness"]
    return case.title, spread(stocks), spread(ours), change(stocks, ours)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=12)
    options.add_argument("--seconds", type=float, default=5.0, help="of each reading")
    options.add_argument("--only", default="", help="part of a case's title")
    given = options.parse_args()
    cases = [case for case in CASES if given.only in case.title]
    print(f"{given.repetitions} runs of {given.seconds:g} s each, in turn; {machine()}\n")
    rows = [measured(case, given.repetitions, given.seconds) for case in cases]
    header = ("load", "stock Locust, us/request", "harness, us/request", "more [95% bounds]")
    print(table(header, rows))


if __name__ == "__main__":
    main()

"""The load generators, each with its own figures as it reports them."""

from __future__ import annotations

import asyncio
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.fidelity.services import QUANTILES, Service
from benchmarks.figures import environment
from harness import names
from harness.budgets.model import Load
from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage, Workload
from harness.load.arrivals import arrivals
from harness.load.generator import generator
from harness.load.protocol.frames import Report
from harness.runs.latency import LatencyLog, merged, read_intervals
from harness.runs.model import Distribution, LatencyKey

RATE = 100.0  # requests per second that are asked for; in the closed model, about
PACE = 2 / 3  # s between the requests of a user of stock Locust, so that few miss their turn
WRK_PERIOD = 1.0  # s, the mean interval of a connection that pauses
SETTLE = 1  # s, the mean time until such a user begins: see locustfile.py
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
SUCCESS = 200
WRK_SCRIPT = """\
done = function(summary, latency, requests)
  local told = {}
  for i, q in ipairs({50, 95, 99, 99.9}) do
    told[i] = string.format('"%g": %g', q / 100, latency:percentile(q) / 1e6)
  end
  print(string.format('FIGURES {"count": %d, %s}', summary.requests, table.concat(told, ", ")))
end
"""


class Told(NamedTuple):
    """What a tool says of its run.

    Attributes:
        quantiles: Quantile -> seconds; without those that it does not tell.
        counted: Requests.
        schedule: When it meant to send them, of an open model: moments of `time.monotonic`.
    """

    quantiles: Mapping[float, float]
    counted: int
    schedule: list[float] | None = None


Run = Callable[[Service, str, int, Path], Told]  # service, its URL, seconds, a folder of its own


def users_for(service: Service) -> int:
    """Users that wait for their answers and make about `RATE` requests per second together."""
    return math.ceil(RATE * service.mean)


# --- harness ------------------------------------------------------------------------------------


def workload(service: Service, seconds: int, rate: float = RATE) -> OpenWorkload:
    """What the open model is asked for; enough users for all that a stall holds."""
    stages = (Stage(rate, float(seconds)),)
    return OpenWorkload(stages, max_users=round(2 * rate) if service.stall else 100)


def harness_open(service: Service, url: str, seconds: int, folder: Path) -> Told:
    """The open model, latency from the intended start."""
    asked = workload(service, seconds)
    ran = asyncio.run(run_harness(asked, url, seconds, folder))
    return _told(ran.all_of(names.LATENCY), [ran.t0 + offset for offset in arrivals(asked)])


def harness_closed(service: Service, url: str, seconds: int, folder: Path) -> Told:
    """The closed model, service time."""
    asked = ClosedWorkload((UserStage(users_for(service), float(seconds)),))
    ran = asyncio.run(run_harness(asked, url, seconds, folder))
    return _told(ran.all_of(names.SERVICE_TIME), None)


def _told(found: Distribution, schedule: list[float] | None) -> Told:
    values = {q: found.quantile(q) for q in QUANTILES}
    return Told({q: v for q, v in values.items() if v is not None}, found.count, schedule)


class Ran(NamedTuple):
    """A load of the harness.

    Attributes:
        times: What latency.hlog holds, read as judging reads it.
        t0: The load's start, of `time.monotonic`.
        reports: Of the generator.
    """

    times: Mapping[LatencyKey, Distribution]
    t0: float
    reports: list[Report]

    def all_of(self, what: str) -> Distribution:
        """The times of one kind."""
        return Distribution.merge(d for key, d in self.times.items() if key.what == what)


async def run_harness(asked: Workload, url: str, seconds: int, folder: Path) -> Ran:
    """Make a load."""
    path = folder / names.LATENCY_FILE
    reports: list[Report] = []
    with LatencyLog(path) as log:

        def record(report: Report) -> None:
            reports.append(report)
            log.write(report.cells)

        one = Load(LOCUSTFILE, asked)
        async with generator(one, url, folder / names.GENERATOR_LOG, record) as load:
            t0 = time.monotonic() + 0.2
            start = t0 + time.time() - time.monotonic()
            log.begin(start)
            await load.start(t0, t0)
            await asyncio.sleep(t0 + seconds - time.monotonic())
            await load.stop()
    read = merged(read_intervals(path, start, 1, start + 3600))  # to the end: nothing is left out
    return Ran(read, t0, reports)


# --- the others ---------------------------------------------------------------------------------


def locust_paced(
    service: Service, url: str, seconds: int, folder: Path, rate: float = RATE
) -> Told:
    """Stock Locust with `constant_throughput`, its users evenly out of step."""
    del service
    return _locust(round(rate * PACE), PACE, url, seconds + SETTLE, folder)


def locust_closed(service: Service, url: str, seconds: int, folder: Path) -> Told:
    """Stock Locust, each user without a pause."""
    return _locust(users_for(service), 0.0, url, seconds, folder)


def _locust(users: int, pace: float, url: str, seconds: int, folder: Path) -> Told:
    del folder
    options = f"--headless --only-summary -u {users} -r {users} -H {url} -t {seconds}s -s 10"
    command = [str(Path(sys.executable).with_name("locust")), "-f", str(LOCUSTFILE)]
    variables = {"FIDELITY_PACE": f"{pace:.6f}", "FIDELITY_USER": ""}
    return read_locust(_output([*command, *options.split()], variables))


def wrk(service: Service, url: str, seconds: int, folder: Path) -> Told:
    """Two threads whose connections send again as soon as they are answered."""
    return _wrk(max(2, users_for(service)), WRK_SCRIPT, url, seconds, folder)


def wrk_paced(service: Service, url: str, seconds: int, folder: Path, rate: float = RATE) -> Told:
    """Make wrk keep a rate: its connections pause at random, most for longer than an answer takes.

    wrk adds requests that it never sent where an answer took longer than the mean interval of a
    connection; with the pauses, hardly any does.
    """
    pause = round(2e3 * (WRK_PERIOD - service.mean))  # ms, at most
    script = f"{WRK_SCRIPT}\ndelay = function() return math.random(0, {pause}) end\n"
    return _wrk(round(rate * WRK_PERIOD), script, url, seconds, folder)


def _wrk(connections: int, script: str, url: str, seconds: int, folder: Path) -> Told:
    """Run wrk with two threads, between which it divides its connections."""
    path = folder / "report.lua"
    path.write_text(script)
    options = f"-t2 -c{connections} -d{seconds}s --latency -s {path} {url}/"
    return read_wrk(_output(["wrk", *options.split()]))


def hey_paced(service: Service, url: str, seconds: int, folder: Path, rate: float = RATE) -> Told:
    """Twice the workers that are needed on average, each at its share of the rate."""
    del folder
    workers = 2 * math.ceil(rate * service.mean)
    options = f"-z {seconds}s -c {workers} -q {rate / workers:.6f} {url}/"
    return read_hey(_output(["hey", *options.split()]))


def _output(command: list[str], variables: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        env=environment() | dict(variables or {}),
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout + done.stderr  # Locust prints its summary as a log


# --- what they print ----------------------------------------------------------------------------


def read_locust(text: str) -> Told:
    """The summary of Locust, of all requests; its CSV files lack the last second.

    Its percentile table has milliseconds.
    """
    _, _, percentiles = text.partition("Response time percentiles")
    lines = [line.split() for line in percentiles.splitlines()]
    heads = next(line for line in lines if line[:2] == ["Type", "Name"])[2:]
    values = next((line for line in lines if line[:1] == ["Aggregated"]), [])[1:]
    if not values:  # it counted no request
        return Told({}, 0)
    cells = dict(zip(heads, values, strict=False))  # the last head, "# reqs", is two words
    return Told({q: float(cells[f"{100 * q:g}%"]) / 1e3 for q in QUANTILES}, int(values[-1]))


def read_wrk(text: str) -> Told:
    """The line that our script has wrk print."""
    found = re.search(r"^FIGURES (.*)$", text, re.MULTILINE)
    if not found:
        raise SystemExit(f"wrk told no figures:\n{text}")
    figures = json.loads(found[1])
    return Told({q: figures[f"{q:g}"] for q in QUANTILES}, figures["count"])


def read_hey(text: str) -> Told:
    """The summary of hey: its latency distribution ends at 99%."""
    times = re.findall(r"^\s+(\d+)%+ in ([\d.]+) secs", text, re.MULTILINE)
    quantiles = {int(percent) / 100: float(seconds) for percent, seconds in times}
    answers = re.search(rf"\[{SUCCESS}\]\s+(\d+) responses", text)
    count = int(answers[1]) if answers else 0
    return Told({q: quantiles[q] for q in QUANTILES if q in quantiles}, count)

"""Compares the times that load generators report with the log of the service.

Each tool in turn loads its own service, whose answers take known times. The reported times are
compared with the service's log, and, where the service stalls, with the latency of users that
arrive on schedule. The benchmark has a time limit and uses only 127.0.0.1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.fidelity import tools
from benchmarks.fidelity.report import Result, tables, times_of
from benchmarks.fidelity.services import EXTREMES, SERVICES, Service, open_latencies
from benchmarks.fidelity.truth import served
from benchmarks.figures import machine
from harness.load.arrivals import arrivals


class Tool(NamedTuple):
    """A load generator in one of its modes.

    Attributes:
        program: The program that must be installed.
    """

    name: str
    run: tools.Run
    at_a_rate: bool = False
    program: str = ""


MODELS = {
    "open": (
        Tool("**harness**", tools.harness_open, at_a_rate=True),
        Tool("Locust, paced", tools.locust_paced, at_a_rate=True),
        Tool("hey, paced", tools.hey_paced, at_a_rate=True, program="hey"),
    ),
    "closed": (
        Tool("**harness**", tools.harness_closed),
        Tool("Locust", tools.locust_closed),
        Tool("wrk", tools.wrk, program="wrk"),
    ),
}


def measure(service: Service, model: str, tool: Tool, seconds: int) -> Result:
    """Run a tool against a service of its own."""
    with served(service) as truth, tempfile.TemporaryDirectory() as folder:
        told = tool.run(service, truth.url, seconds, Path(folder))
        records = truth.end()
    schedule = list(arrivals(tools.workload(service, seconds)))
    times, late = times_of(records, told.schedule)
    asked = len(told.schedule) if told.schedule else round(tools.RATE * seconds)
    return Result(
        case=f"{service.name}, {model}",
        tool=tool.name,
        asked=asked if tool.at_a_rate else None,
        sent=len(records),
        told=told,
        truth=times,
        late=late,
        on_schedule=open_latencies(service, schedule) if service.stall else (),
    )


def missing(programs: set[str]) -> set[str]:
    """Return the tools that are not installed, and print a notice for each."""
    absent = {program for program in programs if program and shutil.which(program) is None}
    for program in sorted(absent):
        print(f"{program} is not installed, so it is left out: apt-get install {program}\n")
    return absent


def main() -> None:
    """Measure and print."""
    names = [service.name for service in SERVICES + EXTREMES]
    options = argparse.ArgumentParser(prog="python -m benchmarks.fidelity", description=__doc__)
    options.add_argument("--seconds", type=int, default=10, help="of each run (default: 10)")
    options.add_argument("--cases", nargs="+", choices=names, default=names)
    options.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    options.add_argument("--tools", default="", help="part of a tool's name")
    options.add_argument("--user", choices=("FastHttpUser", "FastUser"), default="FastHttpUser")
    given = options.parse_args()
    os.environ["FIDELITY_USER"] = given.user
    wanted = [
        (service, model, tool)
        for service in SERVICES + EXTREMES
        if service.name in given.cases
        for model in (given.models if service in SERVICES else ["open"])
        for tool in MODELS[model][: None if service in SERVICES else 1]
        if given.tools.lower() in tool.name.lower()
    ]
    print(f"{tools.RATE:g}/s, {given.seconds} s for each run, {given.user}; {machine()}\n")
    absent = missing({tool.program for _, _, tool in wanted})
    results = []
    for service, model, tool in wanted:
        if tool.program not in absent:
            print(f"{service.name}, {model}: {tool.name}", file=sys.stderr)
            results.append(measure(service, model, tool, given.seconds))
    print(tables(results))


if __name__ == "__main__":
    main()

"""Readings and outcomes of the guards on the load generator: `python -m benchmarks.guards`.

The first table has loads that are healthy or have one fault. For the second, the rate is raised
until the generator saturates, and its p95 is compared with that of the service's own log: each step
judges a budget of 5% over the true p95, so any breach would be caused by the generator.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.fidelity.services import Service, quantile
from benchmarks.fidelity.truth import Record, served
from benchmarks.figures import machine, table
from harness import names
from harness.budgets.model import Budget, Latency, Load, Plan, Scenario
from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage, Workload
from harness.judge.guards.all import guards
from harness.judge.guards.readings import read_generator
from harness.judge.judge import judge
from harness.judge.measure.measure import measure_budgets
from harness.judge.model import Guard, Verdict
from harness.runner.options import RunOptions
from harness.runner.run import gather
from harness.runs.folder import create_folder, read_evidence
from harness.runs.model import Evidence
from harness.units import Unit

WARM_UP = 2.0
OVER = 1.05  # of the truth: the bound of the budget that is judged
PLAIN = """\
from locust import FastHttpUser, task

class Visitor(FastHttpUser):
    @task
    def get(self):
        self.client.get("/items")
"""
# One in ten requests is followed by 30 ms of Python code that does not yield.
BLOCKING = """\
import random, time
from locust import FastHttpUser, task

class Visitor(FastHttpUser):
    @task
    def get(self):
        self.client.get("/items")
        end = time.perf_counter() + 0.03 * (random.random() < 0.1)
        while time.perf_counter() < end:
            pass
"""
# Each user sends one request per second: at its own offset, or all at the same moment.
EVEN = """\
from locust import FastHttpUser, constant_throughput, task

class Visitor(FastHttpUser):
    wait_time = constant_throughput(1)
    @task
    def get(self):
        self.client.get("/items")
"""
IN_STEP = """\
import time
from locust import FastHttpUser, task

class Visitor(FastHttpUser):
    def wait_time(self):
        return 1 - time.time() % 1
    @task
    def get(self):
        self.client.get("/items")
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A load, and the service that it is put on."""

    title: str
    workload: Workload
    seconds: float = 0.005  # that each answer takes
    locustfile: str = PLAIN
    neighbours: bool = False


def at(rate: float, users: int = 300) -> OpenWorkload:
    """An open workload for longer than any case lasts."""
    return OpenWorkload((Stage(rate, 3600.0),), max_users=users)


ONE_A_SECOND = ClosedWorkload((UserStage(300, 1.0, 0), UserStage(300, 3600.0)))
CASES = (
    Case("healthy, 500/s", at(500)),
    Case("generator overdriven, 20,000/s", at(20_000)),
    Case("service slow, 500/s, 20 users", at(500, 20), 0.1),
    Case("a busy process on each core, 500/s", at(500), neighbours=True),
    Case("blocking user code, 200/s", at(200), locustfile=BLOCKING),
    Case("300 users in step", ONE_A_SECOND, locustfile=IN_STEP),
    Case("300 users spread evenly", ONE_A_SECOND, locustfile=EVEN),
)
RATES = (100, 250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 8000)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a case: the run, and the service's log of its window."""

    evidence: Evidence
    truth: float  # p95 of the service, seconds

    @property
    def measured(self) -> float | None:
        """The p95 of the latency; None when no request that was due in the window was sent."""
        (verdict,) = self.verdicts(1.0)
        return verdict.value

    @property
    def rate(self) -> float:
        """Requests sent per second of the window."""
        account, clock = self.evidence.manifest.requests, self.evidence.manifest.clock
        return account.recorded / ((clock.window_end or 0.0) - (clock.started or 0.0))

    def verdicts(self, bound: float) -> tuple[Verdict, ...]:
        """On a p95 of so much at most."""
        return judge((_budget(bound),), self.evidence).verdicts

    def guards(self) -> tuple[Guard, ...]:
        """With a budget just over the truth."""
        return guards(self.evidence, measure_budgets((_budget(OVER * self.truth),), self.evidence))

    def tripped(self) -> str:
        """The names of those that tripped."""
        return ", ".join(g.name for g in self.guards() if g.outcome == "tripped") or "none"


def _budget(bound: float) -> Budget:
    return Budget("p95", Latency(0.95), Unit.SECONDS, bound, "max")


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Run that many CPU-bound processes while the context is active."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run(case: Case, seconds: float) -> Outcome:
    """Put the load on the service for some seconds after the warm-up."""
    service = Service(case.title, lambda _: case.seconds, case.seconds)
    with tempfile.TemporaryDirectory() as name, served(service) as running:
        path = Path(name) / "scenario.py"
        path.write_text(case.locustfile)
        scenario = Scenario("case", (Load(path, case.workload),), WARM_UP, seconds, drain=3.0)
        plan = Plan("service", None, {"case": scenario}, (), Path(name) / "budgets.yaml", "")
        folder = create_folder(Path(name) / "run", "case", datetime.now(UTC))
        with busy(os.cpu_count() or 1) if case.neighbours else nullcontext():
            asyncio.run(gather(plan, scenario, folder, RunOptions(url=running.url)))
        records = running.end()
        evidence = read_evidence(folder)
        return Outcome(evidence, _truth(records, evidence))


def _truth(records: Sequence[Record], evidence: Evidence) -> float:
    """The p95 of what arrived within the window."""
    clock, monotonic = evidence.manifest.clock, time.time() - time.monotonic()
    begin, end = ((edge or 0.0) - monotonic for edge in (clock.window_start, clock.window_end))
    return quantile(
        (r.done - r.arrival for r in records if r.done and begin <= r.arrival < end), 0.95
    )


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:.1f}"


def _lags(evidence: Evidence) -> list[str]:
    whats = names.GENERATOR_LOOP_LAG, names.GENERATOR_CANARY, names.SCHEDULER_LAG
    generator = read_generator(evidence)
    return [_milliseconds(generator.lag(what)) for what in whats]


def _reading(found: dict[str, Guard], name: str) -> str:
    value = found[name].value if name in found else None
    return "-" if value is None else f"{value:.0%}"


def case_row(case: Case, outcome: Outcome) -> tuple[str, ...]:
    """A row of the first table."""
    found = {guard.name: guard for guard in outcome.guards()}
    shares = "generator-cpu", "load-delivered", "host-steal", "cgroup-throttled", "phase-locked"
    return (
        case.title,
        f"{outcome.rate:.0f}",
        *(_milliseconds(value) for value in (outcome.truth, outcome.measured)),
        *_lags(outcome.evidence),
        *(_reading(found, name) for name in shares),
        outcome.tripped(),
    )


def step_row(rate: float, outcome: Outcome) -> tuple[str, ...]:
    """A row of the second table."""
    found = {guard.name: guard for guard in outcome.guards()}
    (verdict,) = outcome.verdicts(OVER * outcome.truth)
    measured = outcome.measured
    return (
        f"{rate:g}/s",
        f"{outcome.rate:.0f}",
        f"{outcome.truth * 1e3:.2f}",
        "-" if measured is None else f"{measured * 1e3:.2f}",
        "-" if measured is None else f"{measured / outcome.truth - 1:+.1%}",
        _reading(found, "generator-cpu"),
        *_lags(outcome.evidence),
        outcome.tripped(),
        verdict.outcome,
    )


CASE_HEADER = (
    *("load", "sent/s", "p95 of the service, ms", "p95 measured", "loop lag p99", "canary p99"),
    *("scheduler lag p99", "CPU", "delivered", "steal", "throttled", "in busiest 50 ms", "tripped"),
)
STEP_HEADER = (
    *("rate", "sent/s", "p95 of the service, ms", "p95 measured", "error", "CPU"),
    *(
        "loop lag p99",
        "canary p99",
        "scheduler lag p99",
        "tripped",
        "verdict on p95 of the service + 5%",
    ),
)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.guards", description=__doc__)
    options.add_argument("--seconds", type=float, default=6.0, help="of each window")
    options.add_argument("--answer", type=float, default=0.005, help="s of each answer, ramp only")
    options.add_argument("--only", choices=("cases", "ramp"))
    given = options.parse_args()
    print(f"windows of {given.seconds:g} s; {machine()}\n")
    if given.only != "ramp":
        cases = [case_row(case, run(case, given.seconds)) for case in CASES]
        print(table(CASE_HEADER, cases), "\n")
    if given.only != "cases":
        steps = [
            step_row(rate, run(Case(f"{rate}/s", at(rate), given.answer), given.seconds))
            for rate in RATES
        ]
        print(table(STEP_HEADER, steps), "\n")
    print(machine())


if __name__ == "__main__":
    main()

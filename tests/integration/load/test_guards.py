"""Guards on real loads: only facts that a busy machine cannot change are asserted.

Other work on the machine can delay a generator, so no test asserts the absence of a lag.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import pytest

from harness import names
from harness.budgets.model import Budget, Latency
from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage, Workload
from harness.judge.guards.all import guards
from harness.judge.judge import judge
from harness.judge.measure.measure import measure_budgets
from harness.judge.model import Guard
from harness.load.protocol.frames import Report, readings
from harness.runs.model import Clock, Evidence, Manifest, Series
from harness.units import Unit
from tests.integration.load.conftest import Loads, Outcome

PERIOD = 0.05  # s between two readings of a probe
P95 = Budget("p95", Latency(0.95), Unit.SECONDS, 0.02, "max")
FAST = """
class Fast(FastHttpUser):
    @task
    def fast(self): self.client.get("/fast")
"""


def evidence(outcome: Outcome, workload: Workload) -> Evidence:
    """The evidence of a load, with a window from its first report to its last but one."""
    within = outcome.reports[:-1]
    clock = Clock(
        created=0.0,
        started=within[0].at - 1,
        window_start=within[0].at,
        window_end=within[-1].at,
        drained=outcome.reports[-1].at,
    )
    model = "open" if isinstance(workload, OpenWorkload) else "closed"
    manifest = Manifest(
        schema_version=1,
        harness_version="0",
        status="complete",
        service="test",
        scenario={
            "name": "smoke",
            "loads": [{"name": "", "start": 0.0, "workload": {"model": model}}],
        },
        target={},
        clock=clock,
        requests=outcome.requests,
        user_errors=outcome.user_errors,
    )
    return Evidence(manifest, outcome.window, tuple(series(outcome.reports)))


def series(reports: list[Report]) -> list[Series]:
    every = [(report.at, readings(report)) for report in reports]
    found = {name for _, values in every for name in values}
    pairs = {name: [(at, values[name]) for at, values in every if name in values] for name in found}
    return [Series(name, {}, *zip(*pairs[name], strict=True)) for name in sorted(found)]


class Case(NamedTuple):
    """A load, which goes on until its last report satisfies `until`."""

    locustfile: str
    workload: Workload
    drain: float = 1.0
    until: Callable[[list[Report]], object] = lambda _: True


class Guarded(NamedTuple):
    guards: Mapping[str, Guard]
    run: Evidence

    @property
    def verdict(self) -> str:
        (verdict,) = judge((P95,), self.run).verdicts
        return verdict.outcome


async def guarded(loads: Loads, seconds: float, *cases: Case) -> list[Guarded]:
    """Run several loads concurrently: faster, but none of them is on time.

    After a moment in which the machine stood still, reports follow each other at once: each load
    goes on until they are as far apart as without it.
    """
    span = seconds - 1.4  # s, between the report of the first second and that of the last

    async def one(number: int, case: Case) -> Guarded:
        folder = loads.folder / str(number)
        folder.mkdir()
        own = Loads(folder, loads.url)
        scenario = own.scenario(case.locustfile, case.workload, drain=case.drain)

        def lasts_long_enough(_: object) -> object:
            first, last = own.reports[:1], own.reports[-1:]
            return first and last[0].at - first[0].at > span and case.until(own.reports)

        outcome = await own.run(scenario, seconds, until=lasts_long_enough)
        run = evidence(outcome, case.workload)
        return Guarded(
            {guard.name: guard for guard in guards(run, measure_budgets((P95,), run))}, run
        )

    return await asyncio.gather(*(one(number, case) for number, case in enumerate(cases)))


def users(count: int) -> ClosedWorkload:
    return ClosedWorkload((UserStage(count, 0.9, 0), UserStage(count, 60)))


@pytest.mark.alone
async def test_overdriven_generator_and_blocking_code_trip_guards(loads: Loads) -> None:
    blocking = """
import time
class Blocking(FastHttpUser):
    @task
    def fast(self):
        self.client.get("/fast")
        end = time.perf_counter() + 0.03
        while time.perf_counter() < end: pass
"""
    overdriven, blocked = await guarded(
        loads,
        2.3,
        Case(FAST, OpenWorkload((Stage(20_000, 60),), max_users=100), drain=0.0),
        Case(blocking, users(5)),
    )
    assert overdriven.guards["load-delivered"].outcome == "tripped"
    assert overdriven.guards["load-delivered"].budgets is None
    assert overdriven.verdict == "inconclusive"
    assert blocked.guards["generator-loop-lag"].outcome == "tripped"
    assert (blocked.guards["generator-loop-lag"].value or 0) > 0.025
    assert blocked.verdict == "inconclusive"


async def test_slow_service_and_hanging_requests_trip_only_their_guards(
    loads: Loads,
) -> None:
    hanging = """
class Some(FastHttpUser):
    @task(9)
    def fast(self): self.client.get("/fast")
    @task(1)
    def hang(self): self.client.get("/hang")
"""
    slow, slow_open, hung = await guarded(
        loads,
        2.3,
        Case(FAST.replace("/fast", "/sleep/900"), users(5)),
        Case(FAST.replace("/fast", "/sleep/900"), OpenWorkload((Stage(50, 60),), max_users=5)),
        Case(
            hanging,
            OpenWorkload((Stage(100, 60),), "even", max_users=300),
            drain=0.2,
            until=lambda reports: reports[-1].in_flight > 10,
        ),
    )
    # A breach by 880 ms is no matter of lags, unless a busy machine's are as long.
    for one in (slow, slow_open):
        lags = [one.guards[name] for name in ("generator-loop-lag", "generator-canary")]
        late = sum(guard.value or 0 for guard in lags)
        assert {guard.outcome for guard in lags} == {"ok"} or late > 0.8
    assert (slow_open.guards["load-delivered"].value or 0) < 0.9
    # A tenth of the requests hang: more than a p95 may miss, and fewer than a p50.
    unanswered, answered = hung.run.manifest.requests.in_flight, hung.run.manifest.requests.recorded
    assert unanswered > 10
    for quantile in (0.95, 0.5):
        of = replace(P95, indicator=Latency(quantile), bound=60.0)
        (guard,) = [
            g
            for g in guards(hung.run, measure_budgets((of,), hung.run))
            if g.name == "in-flight-at-end"
        ]
        turned = unanswered / (unanswered + answered) > 1 - quantile
        assert (guard.outcome, guard.value) == ("tripped" if turned else "ok", unanswered)


@pytest.mark.alone
async def test_only_users_in_step_and_users_that_end_trip_guards(loads: Loads) -> None:
    # Thirty requests of this client take less than 50 ms, on a busy machine too.
    visitor = """
import time
from harness import FastUser
class Visitor(FastUser):
    {wait}
    @task
    def fast(self): self.client.get("/fast")
"""
    # 5 ms into a second of the measuring clock.
    in_step = "def wait_time(self): return 1.005 - time.monotonic() % 1"
    dying = """
from locust.exception import StopUser
class Dying(FastHttpUser):
    wait_time = constant(0.2)
    born = 0
    def on_start(self):
        Dying.born += 1
        self.dies = Dying.born > 3
    @task
    def fast(self):
        self.client.get("/fast")
        if self.dies: raise StopUser
"""
    locked, even, dead = await guarded(
        loads,
        3.3,
        Case(visitor.format(wait=in_step), users(30)),
        Case(visitor.format(wait="wait_time = constant_throughput(1)"), users(30)),
        Case(dying, users(6), until=lambda reports: [one.users for one in reports[-2:]] == [3, 3]),
    )
    assert locked.guards["phase-locked"].outcome == "tripped"
    assert locked.verdict == "inconclusive"
    # A machine that stands still for a moment gathers some of the others as well.
    shares = [one.guards["phase-locked"].value or 0 for one in (even, locked)]
    assert shares[0] < shares[1]
    for alive in (locked, even):
        assert alive.guards["users-alive"].outcome == "ok"
        # Nor does the end of the load cut off a request of a user that has just woken up.
        assert alive.run.manifest.requests.lost == 0
        assert alive.guards["requests-accounted"].outcome == "ok"
    guard = dead.guards["users-alive"]
    assert (guard.outcome, guard.scope, guard.value) == ("tripped", "all", 3)
    assert dead.verdict == "inconclusive"


async def test_probes_read_at_their_period_and_host_readings_exist(
    loads: Loads,
) -> None:
    scenario = loads.scenario(FAST, OpenWorkload((Stage(20, 60),), max_users=5))
    outcome = await loads.run(
        scenario,
        2.5,
        until=lambda _: loads.reports and loads.reports[-1].at - loads.reports[0].at > 0.9,
    )
    # A loop that was late has its missed readings filled in, so that their number is no luck. A
    # busy machine begins and ends the load late.
    least = (outcome.reports[-1].at - outcome.reports[0].at) / PERIOD - 6
    most = (outcome.reports[-1].at - outcome.t0) / PERIOD + 6
    timer, canary = (
        outcome.all_of(what) for what in (names.GENERATOR_LOOP_LAG, names.GENERATOR_CANARY)
    )
    assert 10 <= least <= timer.count <= most
    # The canary rests between two readings, for longer when the loop is late: the timer says so.
    on_time = sum(n for lag, n in zip(timer.values, timer.counts, strict=True) if lag < PERIOD / 5)
    assert max(1, on_time / 2 - 6) <= canary.count <= most
    assert all(report.steal is None or 0 <= report.steal <= 1 for report in outcome.reports)
    assert all(report.throttled is None or report.throttled >= 0 for report in outcome.reports)

"""Several generators presented as one: sums, names and waiting."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from harness.budgets.model import Load, Scenario
from harness.budgets.workload import OpenWorkload, Stage
from harness.errors import GeneratorError
from harness.load.fleet import Fleet, RunningLoad, early_of, logs, workers_of
from harness.load.generator import Generator
from harness.load.protocol.frames import Report
from harness.load.protocol.master import WorkerPool
from harness.runs.model import Requests, Worker

BROWSE = Load(Path("a.py"), OpenWorkload((Stage(50, 20),)), "browse")
ORDER = Load(Path("b.py"), OpenWorkload((Stage(5, 10),)), "order", start=7.5)
ONLY = replace(BROWSE, name="")
T0 = 1000.0


def scenario(*loads: Load) -> Scenario:
    return Scenario("test", loads, warm_up=5.0, duration=15.0)


def report(at: float, source: str = "") -> Report:
    counts = {"asked": 0, "sent": 0, "dropped": 0, "started": 0, "recorded": 0, "in_flight": 0}
    state = {"lost": 0, "oldest": 0.0, "users": 1, "idle_users": 1, "backlog": 0, "memory": 1}
    return Report(at=at, cells=(), cpu=0.1, source=source, **counts, **state)  # type: ignore[arg-type]


@dataclass
class FakeGenerator:
    """A generator without a process."""

    requests: Requests = field(default_factory=Requests)
    user_errors: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    workers: tuple[Worker, ...] = ()
    died: asyncio.Future[str] = field(default_factory=asyncio.Future)
    started: list[tuple[float, float]] = field(default_factory=list)
    stopped: list[float | None] = field(default_factory=list)
    consequences: tuple[str, ...] = ()

    async def start(self, t0: float, window_start: float) -> None:
        self.started.append((t0, window_start))

    async def stop(self, drain: float | None = None) -> Requests:
        self.stopped.append(drain)
        if self.died.done():
            raise GeneratorError(self.died.result())
        return self.requests


class FakeFleet:
    """A fleet of generators without processes, and the reports that it passed on."""

    def __init__(self, **running: FakeGenerator) -> None:
        loads = [load for load in (BROWSE, ORDER, ONLY) if (load.name or "only") in running]
        self.fleet = Fleet(scenario(*loads))
        self.passed_on: list[Report] = []
        self.listeners = {
            load.name: self.fleet.listener(load, self.passed_on.append) for load in loads
        }
        self.fleet.take(
            [
                RunningLoad(load, cast(Generator, cast(Any, running[load.name or "only"])))
                for load in loads
            ]
        )

    def report(self, load: str, at: float, worker: str = "") -> None:
        self.listeners[load](report(T0 + at, worker))

    async def reported(self, moment: float) -> bool:
        """Whether all sources have reported up to `moment` seconds after the start."""
        waiting = asyncio.create_task(self.fleet.wait_reported(T0 + moment))
        await asyncio.sleep(0)
        return waiting.done() or not waiting.cancel()


def test_log_is_named_after_its_load_with_several_loads() -> None:
    assert logs(scenario(ONLY)) == {"": "generator.log"}
    assert logs(scenario(BROWSE)) == {"browse": "generator.log"}
    assert logs(scenario(BROWSE, ORDER)) == {
        "browse": "generator-browse.log",
        "order": "generator-order.log",
    }


@pytest.mark.parametrize(
    ("specified", "loads", "cpus", "service_too", "workers"),
    [
        pytest.param(3, (ONLY,), 64.0, True, 3, id="specified by the scenario"),
        pytest.param(None, (ONLY,), 8.0, True, 7, id="auto: one core is left to the service"),
        pytest.param(None, (ONLY,), 8.0, False, 8, id="auto: the service runs on another machine"),
        pytest.param(None, (ONLY,), 1.0, True, 1, id="auto: at least one"),
        pytest.param(None, (ONLY,), 0.5, True, 1, id="auto: less than a core"),
        pytest.param(None, (ONLY,), 3.5, True, 2, id="auto: a part of a core does not count"),
        pytest.param(None, (BROWSE, ORDER), 8.0, True, 3, id="auto: two loads share the cores"),
        pytest.param(None, (BROWSE, ORDER), 2.0, True, 1, id="auto: one for each load"),
    ],
)
def test_workers_of_a_scenario(
    specified: int | None, loads: tuple[Load, ...], cpus: float, service_too: bool, workers: int
) -> None:
    configured = replace(scenario(*loads), workers=specified)
    assert workers_of(configured, cpus, service_too=service_too) == workers


@pytest.mark.parametrize(
    ("workers", "loads", "cpus", "numbers"),
    [
        pytest.param(1, (ONLY,), 2.0, [1], id="a process beside the service"),
        pytest.param(1, (ONLY,), 64.0, [1], id="no more than the load has"),
        pytest.param(None, (ONLY,), 64.0, [1], id="workers not known: one process"),
        pytest.param(1, (ONLY,), 1.9, [0], id="no CPU beside that of the service"),
        pytest.param(1, (ONLY,), 0.5, [0], id="less than one CPU"),
        pytest.param(3, (ONLY,), 64.0, [4], id="a master and its workers"),
        pytest.param(3, (ONLY,), 4.0, [3], id="as many as there are CPUs"),
        pytest.param(2, (BROWSE, ORDER), 6.0, [3, 2], id="two loads"),
    ],
)
def test_processes_that_start_early_leave_a_cpu_to_the_service(
    workers: int | None, loads: tuple[Load, ...], cpus: float, numbers: list[int]
) -> None:
    configured = replace(scenario(*loads), workers=workers)
    early = early_of(configured, Path("run"), None, cpus)
    assert early == dict(
        zip((Path("run", file) for file in logs(configured).values()), numbers, strict=True)
    )


def test_load_on_other_machines_has_one_process_here() -> None:
    pool = WorkerPool("127.0.0.1", 0, 7, run_id="x", secret="s")
    configured = replace(scenario(ONLY), workers=7)
    assert early_of(configured, Path("run"), pool, 64.0) == {Path("run/generator.log"): 1}


async def test_source_consists_of_load_and_worker_with_several_of_them() -> None:
    alone, both = (
        FakeFleet(only=FakeGenerator()),
        FakeFleet(browse=FakeGenerator(), order=FakeGenerator()),
    )
    alone.report("", 1.0)
    alone.report("", 1.0, "worker-1")
    both.report("browse", 1.0)
    both.report("order", 1.0, "worker-2")
    assert [one.source for one in alone.passed_on] == ["", "worker-1"]
    assert [one.source for one in both.passed_on] == ["browse", "order/worker-2"]


async def test_each_load_starts_at_its_own_time_and_all_stop_together() -> None:
    browse, order = FakeGenerator(), FakeGenerator()
    fakes = FakeFleet(browse=browse, order=order)
    await fakes.fleet.start(T0, T0 + 5)
    assert (browse.started, order.started) == ([(T0, T0 + 5)], [(T0 + 7.5, T0 + 5)])
    await fakes.fleet.stop(2.0)
    assert (browse.stopped, order.stopped) == ([2.0], [2.0])


async def test_counts_are_summed_and_texts_name_their_load() -> None:
    a = Requests(asked=9, sent=8, dropped=1, started=7, recorded=4, in_flight=2, lost=1, late=3)
    b = Requests(asked=1, sent=1, started=1, recorded=1)
    workers = (Worker(name="worker-1", pid=7), Worker(name="worker-2", pid=8, lost="killed"))
    fakes = FakeFleet(
        browse=FakeGenerator(a, ("KeyError",), ("no start",), workers),
        order=FakeGenerator(b, ("KeyError",), (), consequences=("TypeError after GET /",)),
    )
    assert await fakes.fleet.stop() == Requests(
        asked=10, sent=9, dropped=1, started=8, recorded=5, in_flight=2, lost=1, late=3
    )
    follow = "load 'order': TypeError after GET /"
    errors = ("load 'browse': KeyError", "load 'order': KeyError")
    assert fakes.fleet.user_errors == (*errors, follow)
    assert fakes.fleet.consequences == (follow,)
    assert fakes.fleet.notices == ("load 'browse': no start",)
    assert [(w.name, w.pid, w.lost) for w in fakes.fleet.workers] == [
        ("browse/worker-1", 7, ""),
        ("browse/worker-2", 8, "killed"),
    ]


async def test_death_of_one_generator_ends_the_fleet_and_stops_the_others() -> None:
    browse, order = FakeGenerator(), FakeGenerator()
    fakes = FakeFleet(browse=browse, order=order)
    order.died.set_result("killed by SIGKILL")
    assert await asyncio.wait_for(fakes.fleet.died, 60) == "load 'order': killed by SIGKILL"
    with pytest.raises(GeneratorError, match="SIGKILL"):
        await fakes.fleet.stop()
    assert browse.stopped == [None]


async def test_exception_of_the_report_callback_is_raised_by_died() -> None:
    only = FakeGenerator()
    fakes = FakeFleet(only=only)
    only.died.set_exception(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(fakes.fleet.died, 60)


ALIVE, SILENT = Worker(name="worker-1"), Worker(name="worker-2")
LOST = Worker(name="worker-2", lost="silent")


@pytest.mark.parametrize(
    ("workers", "reports", "until"),
    [
        pytest.param((), [], 0.0, id="no report: all before the start is reported"),
        pytest.param((), [("browse", 6.1, "")], 6.1, id="a load that begins later need not report"),
        pytest.param((), [("browse", 9.2, "")], 7.5, id="a load that has begun must report"),
        pytest.param((), [("browse", 9.2, ""), ("order", 8.5, "")], 8.5, id="the slower load"),
        pytest.param(
            (ALIVE, SILENT),
            [("browse", 3.0, "worker-1")],
            0.0,
            id="a worker has not reported",
        ),
        pytest.param(
            (ALIVE, SILENT),
            [("browse", 3.0, "worker-1"), ("browse", 2.0, "worker-2")],
            2.0,
            id="the slower worker",
        ),
        pytest.param(
            (ALIVE, LOST),
            [("browse", 2.0, "worker-2"), ("browse", 4.0, "worker-1")],
            4.0,
            id="a lost worker is not waited for",
        ),
    ],
)
async def test_reported_time_is_that_of_the_slowest_source(
    workers: tuple[Worker, ...], reports: list[tuple[str, float, str]], until: float
) -> None:
    fakes = FakeFleet(browse=FakeGenerator(workers=workers), order=FakeGenerator())
    await fakes.fleet.start(T0, T0 + 5)
    for load, at, worker in reports:
        fakes.report(load, at, worker)
    assert await fakes.reported(until)
    assert not await fakes.reported(until + 0.01)


async def test_wait_ends_with_the_report_that_completes_the_second() -> None:
    fakes = FakeFleet(browse=FakeGenerator(), order=FakeGenerator())
    await fakes.fleet.start(T0, T0 + 5)
    waiting = asyncio.create_task(fakes.fleet.wait_reported(T0 + 9))
    for at in (8.0, 9.0):
        fakes.report("browse", at)
        await asyncio.sleep(0)
    assert not waiting.done()
    fakes.report("order", 9.0)
    await asyncio.wait_for(waiting, 60)

"""Locustfiles written for stock Locust: sequences, gates, arguments, and what ends a load."""

import asyncio
import re

import pytest

from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.errors import GeneratorError
from harness.load.generator import generator
from harness.load.protocol.frames import Report
from tests.integration.load.conftest import PATIENCE, Loads

STEPS = """
at_once = [0, 0]  # now, and at most
def get(user, step):
    at_once[0] += 1
    at_once[1] = max(at_once)
    user.client.get("/fast", name=f"/{step}")
    at_once[0] -= 1
@events.quitting.add_listener
def say(**_): print("at once:", at_once[1], flush=True)
class Steps(FastHttpUser):
    @task
    class Order(SequentialTaskSet):
        @task
        def one(self): get(self, 1)
        @task
        class Inner(TaskSet):
            @task
            def two(self):
                get(self, 2)
                self.interrupt()
        @task
        def three(self): get(self, 3)
        @task
        def four(self): get(self, 4)
"""
GATE = """
@events.init_command_line_parser.add_listener
def add(parser): parser.add_argument("--least", type=int)
@events.quitting.add_listener
def gate(environment, **_):
    total = environment.stats.total
    environment.process_exit_code = 10 + (total.num_requests >= environment.parsed_options.least)
    if total.num_requests != environment.stats.get("/fast", "GET").num_requests:
        environment.process_exit_code = 99
class Fast(FastHttpUser):
    @task
    def fast(self): self.client.get("/fast")
"""
ENDS = """
import sys
from locust.exception import StopTest
class Ends(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def end(self):
        self.client.get("/fast")
        {statement}
"""
SEEDS = """
import time
@events.test_start.add_listener
def seed(environment, **_):
    role = type(environment.runner).__name__
    users = 0 if role == "WorkerRunner" else environment.runner.target_user_count
    print(f"{role} seeds for {users}", flush=True)
    time.sleep(1.0)
    print("seeded", flush=True)
class Fast(FastHttpUser):
    wait_time = constant(0.05)
    def on_start(self): print("a user starts", flush=True)
    @task
    def fast(self): self.client.get("/fast")
"""
OPEN = OpenWorkload((Stage(40, 60),), max_users=5)
CLOSED = ClosedWorkload((UserStage(5, 60),))


async def test_all_steps_of_a_sequence_run_equally_often_with_more_users_than_arrivals(
    loads: Loads,
) -> None:
    workload = OpenWorkload((Stage(80, 1.0),), arrivals="even", max_users=100)
    outcome = await loads.run(loads.scenario(STEPS, workload), 1.0)
    steps = [outcome.recorded()[f"GET /{step}", "ok"] for step in (1, 2, 3, 4)]
    assert sum(steps) == 80
    # While all sequences wait for answers, another user begins one: as on a busy machine.
    (at_once,) = re.findall(r"at once: (\d+)", loads.log.read_text())
    assert max(steps) - min(steps) <= int(at_once)
    assert steps == sorted(steps, reverse=True)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_gate_of_the_locustfile_reads_the_statistics_and_sets_the_exit_code(
    loads: Loads, workers: int
) -> None:
    workload = OpenWorkload((Stage(40, 0.5),), arrivals="even", max_users=4)
    scenario = loads.scenario(GATE, workload, arguments=("--least", "20"))
    object.__setattr__(scenario, "workers", workers)
    outcome = await loads.run(scenario, 0.5)
    assert outcome.recorded() == {("GET /fast", "ok"): 20}
    assert outcome.exit_code == 11


@pytest.mark.parametrize("workload", [OPEN, CLOSED], ids=["open", "closed"])
@pytest.mark.parametrize(
    ("statement", "reason", "code"),
    [
        ("raise StopTest()", "the locustfile stopped the test", None),
        ("self.environment.runner.quit()", "the locustfile stopped the test", None),
        ("sys.exit(3)", "the locustfile called sys.exit(3)", 3),
    ],
    ids=["StopTest", "quit", "sys.exit"],
)
async def test_locustfile_ends_the_load_alike_in_both_models(
    loads: Loads,
    workload: OpenWorkload | ClosedWorkload,
    statement: str,
    reason: str,
    code: int | None,
) -> None:
    scenario = loads.scenario(ENDS.format(statement=statement), workload)
    reports: list[Report] = []
    async with generator(scenario.loads[0], loads.url, loads.log, reports.append) as load:
        await loads.start(load)
        assert await asyncio.wait_for(asyncio.shield(load.died), PATIENCE) == reason
        assert load.exit_code == code


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_users_of_the_closed_model_do_not_wait_for_test_start(
    loads: Loads, workers: int
) -> None:
    workload = ClosedWorkload((UserStage(2, 0.3), UserStage(4, 60.0)))
    scenario = loads.scenario(SEEDS, workload)
    object.__setattr__(scenario, "workers", workers)
    started = "a user starts"
    await loads.run(scenario, 0.5, until=lambda _: loads.log.read_text().count(started) == 4)
    said = [
        line for line in loads.log.read_text().splitlines() if re.search(f"seed|{started}", line)
    ]
    # Once in each process, to its end, before the first user; in the master before the workers.
    alone = ["LocalRunner seeds for 2", "seeded"]
    shared = ["GatedMasterRunner seeds for 2", "seeded", *["WorkerRunner seeds for 0"] * 2]
    expected = alone if workers == 1 else [*shared, "seeded", "seeded"]
    assert said == [*expected, *[started] * 4]


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("workload", [OPEN, CLOSED], ids=["open", "closed"])
async def test_exceptions_of_listeners_are_notices(
    loads: Loads, workload: OpenWorkload | ClosedWorkload, workers: int
) -> None:
    locustfile = """
@events.test_start.add_listener
def seed(**_): raise ValueError("no data")
@events.test_start.add_listener
def second(**_): print("second listener", flush=True)
@events.quitting.add_listener
def store(**_): open("/nowhere/at all")
class Fast(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def fast(self): self.client.get("/fast")
"""
    scenario = loads.scenario(locustfile, workload)
    object.__setattr__(scenario, "workers", workers)
    outcome = await loads.run(scenario, 0.3)
    texts = "\n".join(sorted(set(outcome.notices)))
    assert re.search(
        r"of events\.test_start raised ValueError: no data \(.*scenario\.py:\d+\)", texts
    )
    assert re.search(r"of events\.quitting raised FileNotFoundError: .*scenario\.py:\d+\)", texts)
    assert "second listener" in loads.log.read_text()
    assert sum(outcome.recorded().values()) > 0


@pytest.mark.parametrize(
    ("workers", "condition", "who"),
    [
        (1, "True", ""),
        pytest.param(2, "True", "", marks=pytest.mark.slow),
        pytest.param(2, "role == 'WorkerRunner'", r"worker-\d: ", marks=pytest.mark.slow),
    ],
    ids=["alone", "master", "workers"],
)
async def test_listener_of_test_start_ends_the_load_before_it_begins(
    loads: Loads, workers: int, condition: str, who: str
) -> None:
    locustfile = SEEDS.replace("time.sleep(1.0)", f"if {condition}: raise StopTest('no data')")
    scenario = loads.scenario(f"from locust.exception import StopTest\n{locustfile}", CLOSED)
    running = generator(*(scenario.loads[0], loads.url, loads.log, lambda _: None), workers=workers)
    reason = f"died: {who}the locustfile stopped the test: no data"
    with pytest.raises(GeneratorError, match=reason):
        async with running:
            pass
    assert "a user starts" not in loads.log.read_text()


async def test_response_time_longer_than_the_load_counts_and_is_noted(loads: Loads) -> None:
    locustfile = """
class Own(User):
    @task
    def own(self):
        self.environment.events.request.fire(
            request_type="Own", name="late", response_time=9e6, response_length=0,
            exception=None, context={},
        )
"""
    workload = OpenWorkload((Stage(40, 0.5),), arrivals="even", max_users=4)
    outcome = await loads.run(loads.scenario(locustfile, workload), 0.5)
    assert outcome.all_of("service_time").count == 20
    assert any("Own late reported a response time that is longer" in n for n in outcome.notices)


async def test_slash_at_the_end_of_the_url_is_kept_and_not_doubled(loads: Loads) -> None:
    locustfile = """
from harness import FastUser
class Plain(HttpUser):
    fixed_count = 1
    @task
    def two(self): [self.client.get(path, name="plain") for path in ("fast", "/fast")]
class Fast(FastHttpUser):
    fixed_count = 1
    @task
    def two(self): [self.client.get(path, name="fast") for path in ("fast", "/fast")]
class Own(FastUser):
    fixed_count = 1
    @task
    def two(self): [self.client.get(path, name="own") for path in ("fast", "/fast")]
"""
    scenario = loads.scenario(locustfile, OpenWorkload((Stage(60, 0.5),), max_users=3))
    loads.url += "/"
    outcome = await loads.run(scenario, 0.5)
    assert set(outcome.recorded()) == {(f"GET {name}", "ok") for name in ("plain", "fast", "own")}

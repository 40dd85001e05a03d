"""The server gets the load of each workload: mixes, pools, stages of users, load shapes."""

import asyncio
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.budgets.workload import ClosedWorkload, OpenWorkload, ShapeWorkload, Stage, UserStage
from harness.errors import ScenarioError
from harness.load.arrivals import arrivals
from harness.load.generator import Generator, generator
from harness.load.sharding import draw
from harness.names import GENERATOR_LOOP_LAG, SERVICE_TIME
from tests.integration.load.conftest import PATIENCE, Loads, Server

FAST = """
class Fast(FastHttpUser):
    @task
    def fast(self): self.client.get("/fast")
"""
SLOW = """
class Slow(FastHttpUser):
    def on_start(self): self.client.get("/fast", name="/start")
    @task
    def slow(self): self.client.get("/sleep/500")
"""


@pytest.mark.traced
async def test_mix_of_classes_follows_the_seed_and_tasks_keep_their_weights(
    loads: Loads,
) -> None:
    workload = OpenWorkload((Stage(500, 1),), max_users=20, seed=7)
    scenario = loads.scenario(
        """
class Light(FastHttpUser):
    weight = 3
    @task(3)
    def often(self): self.client.get("/fast", name="/often")
    @task
    def seldom(self): self.client.get("/fast", name="/seldom")
class Heavy(FastHttpUser):
    @task
    def slow(self): self.client.get("/sleep/40", name="/heavy")
class Journey(FastHttpUser):
    fixed_count = 1
    @task
    class Steps(SequentialTaskSet):
        @task
        def first(self): self.client.get("/fast", name="/1")
        @task
        def second(self): self.client.get("/fast", name="/2")
""",
        workload,
    )
    outcome = await loads.run(scenario, 1.0)
    recorded = Counter({request[5:]: n for (request, _), n in outcome.recorded().items()})
    scheduled = len(list(arrivals(workload)))
    assert outcome.requests.asked == sum(recorded.values()) == scheduled
    # In the order of the file; the journey has 1 of 20 users, the others share the rest 3 to 1.
    shares = np.array([0.95 * 0.75, 0.95 * 0.25, 0.05])
    drawn = [draw(7, place) for place in range(scheduled)]
    light, heavy, journey = np.histogram(drawn, [0, *np.cumsum(shares)[:2], 1])[0]
    assert stats.chisquare([light, heavy, journey], scheduled * shares).pvalue > 1e-4
    assert recorded["often"] + recorded["seldom"] == light
    assert recorded["heavy"] == heavy
    assert (recorded["1"], recorded["2"]) == ((journey + 1) // 2, journey // 2)
    tasks = [recorded["often"], recorded["seldom"]]
    assert stats.chisquare(tasks, light * np.array([0.75, 0.25])).pvalue > 1e-4


@pytest.mark.untraced
@pytest.mark.parametrize(
    "nested",
    [False, pytest.param(True, marks=pytest.mark.slow)],
    ids=["tasks of a user", "tasks of a nested task set"],
)
async def test_requests_of_a_seed_do_not_depend_on_the_number_of_users_and_workers(
    loads: Loads, server: Server, nested: bool
) -> None:
    tasks = """
    @task(3)
    def often(self): self.client.get(f"/often/{random.random()}", name="/often")
    @task
    def seldom(self):
        self.client.get(f"/seldom/{random.getrandbits(64)}", name="/seldom")
        random.random()  # their number before the next choice differs between runs
"""
    head = "import random\nclass Drawing(FastHttpUser):\n"
    if nested:
        head += "    @task\n    class Inner(TaskSet):"
        tasks = "".join(f"    {line}\n" for line in tasks.splitlines())
    sent = []
    for seed, users, workers in ((7, 2, 1), (7, 20, 2), (8, 20, 1)):
        server.get("/reset")
        workload = OpenWorkload((Stage(100, 0.6),), max_users=users, seed=seed)
        scenario = replace(loads.scenario(head + tasks, workload), workers=workers)
        outcome = await loads.run(scenario, 0.6)
        sent.append(server.log()["counts"])
        assert outcome.requests.recorded == sum(sent[-1].values()) > 30
    assert sent[0] == sent[1]
    assert not set(sent[0]) & set(sent[2])
    often = sum("often" in path for path in sent[0])
    assert stats.binomtest(often, len(sent[0]), 0.75).pvalue > 1e-4


async def test_sequences_and_scheduled_tasks_keep_their_order(loads: Loads) -> None:
    scenario = loads.scenario(
        """
class Drawing(FastHttpUser):
    @task
    class Choosy(TaskSet):
        steps = 0
        def get_next_task(self):
            self.steps += 1
            assert self.steps <= 2 * 40  # Locust calls it once for each task
            return super().get_next_task()
        @task
        def ask(self):
            self.client.get("/fast", name="/asked")
            self.schedule_task(Choosy_then)
        @task
        def never(self): self.schedule_task(Choosy_then)
def Choosy_then(task_set): task_set.client.get("/fast", name="/then")
""",
        OpenWorkload((Stage(80, 0.5),), arrivals="even", max_users=1),
    )
    outcome = await loads.run(scenario, 0.5)
    recorded = outcome.recorded()
    assert outcome.requests.sent == 40
    assert recorded["GET /then", "ok"] == 20  # every second iteration, whichever task was chosen
    assert outcome.user_errors == ()


async def test_arrivals_follow_ramps_from_zero_and_pauses(loads: Loads, server: Server) -> None:
    stages = (Stage(200, 1, start_rate=0), Stage(0, 0.5), Stage(100, 0.5))
    scenario = loads.scenario(FAST, OpenWorkload(stages, arrivals="even", max_users=20))
    outcome = await loads.run(scenario, 2.0)
    assert outcome.requests.asked == outcome.requests.recorded == 150
    log = server.log()
    got = np.sort(log["arrivals"])
    scheduled = np.array(list(arrivals(OpenWorkload(stages, arrivals="even"))))
    # Medians are not moved by a busy machine's hiccups; generator and server measure its lag.
    late = got - scheduled
    lag = (outcome.all_of("start_lag").quantile(0.5) or 0) + log["late"]
    assert np.median(np.abs(late - np.median(late))) < 0.02 + lag


@pytest.mark.traced
async def test_exhausted_pool_that_drops_counts_dropped_iterations(
    loads: Loads, server: Server
) -> None:
    workload = OpenWorkload((Stage(100, 1),), arrivals="even", max_users=5, when_exhausted="drop")
    outcome = await loads.run(loads.scenario(SLOW, workload), 1.0)
    requests = outcome.requests
    assert requests.asked == 100
    assert requests.asked == requests.sent + requests.dropped
    # Five users, half a second each; a busy machine can send an iteration after its second.
    assert 5 <= requests.sent <= 10 + requests.late
    assert server.log()["counts"]["GET /sleep/500"] == requests.sent
    assert all(report.backlog == 0 for report in outcome.reports)


@pytest.mark.traced
async def test_exhausted_pool_grows_up_to_its_limit_of_each_class(loads: Loads) -> None:
    scenario = loads.scenario(
        SLOW
        + """
class Rare(FastHttpUser):
    weight = 0.1
    def on_start(self): self.client.get("/fast", name="/rare")
    @task
    def fast(self): self.client.get("/fast")
""",
        OpenWorkload(
            (Stage(66, 1),), arrivals="even", min_users=1, max_users=22, when_exhausted="grow"
        ),
    )
    outcome = await loads.run(scenario, 1.0)
    requests, recorded = outcome.requests, outcome.recorded()
    assert (requests.asked, requests.sent, requests.dropped) == (66, 66, 0)
    assert recorded["GET /start", "ok"] == 20  # of 22 users in the ratio of 10 to 1
    assert 1 <= recorded["GET /rare", "ok"] <= 2
    assert requests.late > 0
    assert recorded["GET /sleep/500", "ok"] + recorded["GET /fast", "ok"] == 66


@pytest.mark.traced
async def test_class_whose_constructor_fails_stops_the_growth_with_a_notice(loads: Loads) -> None:
    scenario = loads.scenario(
        """
class Once(FastHttpUser):
    made = 0
    def __init__(self, environment):
        super().__init__(environment)
        Once.made += 1
        if Once.made > 2: raise ValueError("no more")
    @task
    def slow(self): self.client.get("/sleep/200")
""",
        OpenWorkload(
            (Stage(10, 1),), arrivals="even", min_users=2, max_users=9, when_exhausted="grow"
        ),
    )
    outcome = await loads.run(scenario, 1.0)
    assert outcome.requests.sent == outcome.requests.asked == 10
    assert outcome.notices == ("the pool of Once cannot grow: ValueError('no more')",)


async def test_users_in_step_with_their_own_clocks_are_spread_over_each_second(
    loads: Loads, server: Server
) -> None:
    scenario = loads.scenario(
        """
class Paces(FastHttpUser):
    wait_time = constant_pacing(1)
    @task
    def fast(self): self.client.get("/fast")
""",
        ClosedWorkload((UserStage(200, 1, 0), UserStage(200, 60))),
    )
    outcome = await loads.run(scenario, 2.7, until=lambda load: load.requests.recorded > 420)
    moments = np.array(server.log()["arrivals"])
    later = moments[moments > moments.min() + 1.5]
    slots = Counter(np.floor(later / 0.05))
    assert len(later) >= 100
    # In step, all 200 of a second come at once. So do those of a moment in which the generator or
    # the server stood still, which is measured.
    stood_still = [outcome.all_of(what) for what in (GENERATOR_LOOP_LAG, SERVICE_TIME)]
    gathered = 200 * sum(max(times.values) for times in stood_still)
    assert len(slots) >= 8 - gathered / 10
    assert max(slots.values()) < len(later) / 2 + gathered


async def test_users_start_and_stop_one_by_one_during_their_tasks(loads: Loads) -> None:
    scenario = loads.scenario(
        """
class Holds(FastHttpUser):
    def on_start(self): self.client.get("/fast", name="/start")
    def on_stop(self): self.client.get("/fast", name="/stop")
    @task
    def hold(self): self.client.get("/sleep/400")
""",
        ClosedWorkload((UserStage(30, 2), UserStage(5, 0.5, 30), UserStage(5, 60))),
    )

    def after_both_ramps() -> list[int]:
        return [n for n, one in enumerate(loads.reports) if one.target_users == one.users == 5]

    outcome = await loads.run(scenario, 2.5, until=lambda _: after_both_ramps())
    started = outcome.recorded()["GET /start", "ok"]
    # A generator that stands still for nearly all of the first ramp begins the second one first.
    stood_still = max(outcome.all_of(GENERATOR_LOOP_LAG).values)
    assert started == 30 or stood_still > 0.5
    assert outcome.recorded()["GET /stop", "ok"] == started
    # If each waited for the end of the task of the one before it, 25 would take 10 seconds. A
    # generator that stands still sends no report.
    assert after_both_ramps()[0] < 8
    assert outcome.requests.lost == outcome.requests.in_flight == 0


async def test_user_that_is_stopped_while_it_wakes_up_ends_with_all_its_requests(
    loads: Loads,
) -> None:
    scenario = loads.scenario(
        """
import gevent
class Wakes(FastHttpUser):
    def on_stop(self): self.client.get("/fast", name="/stop")
    @task
    def ask(self):
        self.client.get("/fast", name="/asked")
        # It runs between the start and the end of the wait after this task, which takes no time.
        gevent.spawn(self.environment.runner.stop_users, {"Wakes": 1})
class Stays(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def stay(self): self.client.get("/fast")
""",
        ClosedWorkload((UserStage(2, 60),)),
    )
    outcome = await loads.run(
        scenario, 0.5, until=lambda _: loads.reported()["GET /stop", "ok"] == 1
    )
    assert outcome.recorded()["GET /stop", "ok"] == 1
    assert 1 <= outcome.recorded()["GET /asked", "ok"] <= 2
    assert outcome.requests.lost == outcome.requests.in_flight == 0


SHAPE = """
class Steps(LoadTestShape):
    def tick(self):
        return None if self.get_run_time() > {end} else {ticks}
class Unused(LoadTestShape):
    def tick(self): return None
class A(FastHttpUser):
    wait_time = constant(0.2)
    @task
    def fast(self): self.client.get("/fast", name="/a")
class B(FastHttpUser):
    wait_time = constant(0.2)
    @task
    def fast(self): self.client.get("/fast", name="/b")
"""


@pytest.mark.traced
async def test_shape_that_ends_with_the_load_is_accepted(loads: Loads) -> None:
    longer = "from harness.load.child import closed_model\nclosed_model.GRACE *= 40\n"
    locustfile = longer + SHAPE.format(end=0.9, ticks="(2, 100)")
    scenario = loads.scenario(locustfile, ShapeWorkload("Steps"))
    outcome = await loads.run(scenario, 1.2, until=lambda load: load.requests.recorded > 4)
    assert outcome.requests.recorded > 4


async def test_unknown_shape_is_refused_with_the_existing_names(loads: Loads) -> None:
    scenario = loads.scenario(SHAPE.format(end=1, ticks="(1, 1)"), ShapeWorkload("Stairs"))
    with pytest.raises(ScenarioError, match="'Stairs'; there is Steps, Unused"):
        await loads.run(scenario, 1.0)


async def test_shape_determines_users_and_classes(loads: Loads) -> None:
    fewer = loads.folder / "fewer"
    ticks = f"(2 if os.path.exists({str(fewer)!r}) else 4, 100, [B])"
    locustfile = "import os\n" + SHAPE.format(end=60, ticks=ticks)

    def first_four_then_two(load: Generator) -> bool:
        users = [report.users for report in loads.reports]
        if 4 in users:
            fewer.touch()
        return 4 in users and 2 in users[users.index(4) :]

    scenario = loads.scenario(locustfile, ShapeWorkload("Steps"))
    outcome = await loads.run(scenario, 1.0, until=first_four_then_two)
    assert max(report.users for report in outcome.reports) == 4
    assert set(outcome.recorded()) == {("GET /b", "ok")}
    assert outcome.notices == ()


@pytest.mark.traced
@pytest.mark.parametrize(
    ("ticks", "reason"),
    [
        ("(2, 100)", r"the shape Steps ended after \d+\.\d s, before the end of the window; "),
        ("undefined", "the shape Steps failed: NameError: name 'undefined' is not defined"),
    ],
    ids=["ends early", "raises an exception"],
)
async def test_shape_that_ends_or_fails_ends_the_load_with_its_reason(
    loads: Loads, ticks: str, reason: str
) -> None:
    scenario = loads.scenario(SHAPE.format(end=0.1, ticks=ticks), ShapeWorkload("Steps"))
    async with generator(scenario.loads[0], loads.url, loads.log, lambda _: None) as load:
        await loads.start(load)
        assert re.match(reason, await asyncio.wait_for(load.died, PATIENCE))


async def test_shape_that_the_scenario_does_not_name_gives_a_notice(loads: Loads) -> None:
    scenario = loads.scenario(
        SHAPE.format(end=1, ticks="(1, 1)"), ClosedWorkload((UserStage(2, 1),))
    )
    outcome = await loads.run(scenario, 0.3)
    unused = "LoadTestShape Steps, Unused of the locustfile is not used"
    assert outcome.notices == (f"{unused}: the scenario specifies a number of users",)

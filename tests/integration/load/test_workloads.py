"""What a workload asks for is what the server gets: mixes, pools, stages of users, load shapes."""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from harness.budgets.model import (
    ClosedWorkload,
    OpenWorkload,
    ShapeWorkload,
    Stage,
    UserStage,
    Workload,
)
from harness.errors import ScenarioError
from harness.load.arrivals import arrivals
from harness.load.slices import draw
from tests.integration.load.conftest import Loads, Server

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


async def test_mix_of_the_user_classes_is_exactly_what_the_seed_says(loads: Loads) -> None:
    scenario = loads.scenario(
        """
class Light(FastHttpUser):
    weight = 3
    @task
    def fast(self): self.client.get("/fast", name="/light")
class Heavy(FastHttpUser):
    @task
    def slow(self): self.client.get("/sleep/150", name="/heavy")
class Admin(FastHttpUser):
    fixed_count = 4
    @task
    def fast(self): self.client.get("/fast", name="/admin")
""",
        OpenWorkload((Stage(400, 1),), max_users=40, seed=7),
    )
    outcome = await loads.run(scenario, 1.0)
    drawn = [draw(7, place) for place in range(outcome.requests.asked)]
    # In the order of the file; the admins have 4 of 40 users, the others share the rest 3 to 1.
    ends = (0.9 * 0.75, 0.9, 1.0)
    expected = Counter(int(np.searchsorted(ends, number, side="right")) for number in drawn)
    assert outcome.recorded() == {
        ("GET /light", "ok"): expected[0],
        ("GET /heavy", "ok"): expected[1],
        ("GET /admin", "ok"): expected[2],
    }
    counts = np.array([expected[i] for i in range(3)])
    assert stats.chisquare(counts, counts.sum() * np.array([0.675, 0.225, 0.1])).pvalue > 1e-4
    assert outcome.requests.asked == len(list(arrivals(scenario.loads[0].workload)))


async def test_task_weights_hold_within_a_user_class(loads: Loads) -> None:
    scenario = loads.scenario(
        """
class Weighs(FastHttpUser):
    @task(3)
    def often(self): self.client.get("/fast", name="/often")
    @task
    def seldom(self): self.client.get("/fast", name="/seldom")
""",
        OpenWorkload((Stage(400, 1),), arrivals="even", max_users=10),
    )
    recorded = (await loads.run(scenario, 1.0)).recorded()
    counts = [recorded["GET /often", "ok"], recorded["GET /seldom", "ok"]]
    assert sum(counts) == 400
    assert stats.chisquare(counts, [300, 100]).pvalue > 1e-4


async def test_each_user_walks_through_the_steps_in_order(loads: Loads, server: Server) -> None:
    scenario = loads.scenario(
        """
class Journey(FastHttpUser):
    @task
    class Steps(SequentialTaskSet):
        @task
        def first(self): self.client.get("/fast?1", name="/1")
        @task
        def second(self): self.client.get("/fast?2", name="/2")
        @task
        def third(self): self.client.get("/fast?3", name="/3")
""",
        OpenWorkload((Stage(99, 1),), arrivals="even", max_users=1),
    )
    recorded = (await loads.run(scenario, 1.0)).recorded()
    assert recorded == {(f"GET /{n}", "ok"): 33 for n in (1, 2, 3)}


async def test_arrivals_follow_ramps_from_zero_and_pauses(loads: Loads, server: Server) -> None:
    stages = (Stage(200, 1, start_rate=0), Stage(0, 0.5), Stage(100, 0.5))
    scenario = loads.scenario(FAST, OpenWorkload(stages, arrivals="even", max_users=20))
    outcome = await loads.run(scenario, 2.0)
    assert outcome.requests.asked == outcome.requests.recorded == 150
    got = np.sort(server.truth()["arrivals"])
    asked = np.array(list(arrivals(OpenWorkload(stages, arrivals="even"))))
    # Nothing can come early; the median is not moved by a busy machine's hiccups.
    late = got - got[0] - (asked - asked[0])
    assert np.median(np.abs(late)) < 0.02


async def test_arrivals_due_at_once_are_all_served(loads: Loads) -> None:
    scenario = loads.scenario(
        "import time\n"
        + FAST
        + """
class Blocks(FastHttpUser):
    fixed_count = 1
    @task
    def block(self): time.sleep = time.sleep; sum(range(3_000_000)); self.client.get("/fast")
""",
        OpenWorkload((Stage(300, 1),), arrivals="even", max_users=30),
    )
    requests = (await loads.run(scenario, 1.0)).requests
    assert requests.asked == requests.sent == requests.recorded == 300
    assert requests.late > 0


async def test_exhausted_pool_that_drops_counts_what_it_never_began(
    loads: Loads, server: Server
) -> None:
    workload = OpenWorkload((Stage(100, 1),), arrivals="even", max_users=5, when_exhausted="drop")
    outcome = await loads.run(loads.scenario(SLOW, workload), 1.0)
    requests = outcome.requests
    assert requests.asked == 100
    assert requests.asked == requests.sent + requests.dropped
    assert 5 <= requests.sent <= 10  # five users, half a second each
    assert server.truth()["counts"]["GET /sleep/500"] == requests.sent
    assert all(report.backlog == 0 for report in outcome.reports)


@pytest.mark.parametrize(
    ("max_users", "served"), [(200, 60), (20, 60)], ids=["as far as needed", "up to its limit"]
)
async def test_exhausted_pool_grows(
    loads: Loads, server: Server, max_users: int, served: int
) -> None:
    workload = OpenWorkload(
        (Stage(60, 1),),
        arrivals="even",
        min_users=2,
        max_users=max_users,
        when_exhausted="grow",
    )
    outcome = await loads.run(loads.scenario(SLOW, workload), 1.0)
    requests, recorded = outcome.requests, outcome.recorded()
    assert (requests.asked, requests.sent, requests.dropped) == (60, served, 0)
    assert recorded["GET /sleep/500", "ok"] == served
    users = recorded["GET /start", "ok"]
    assert users == max(report.users for report in outcome.reports)
    assert (users == 20) if max_users == 20 else (25 <= users <= 60)


async def test_pool_that_grows_has_a_user_of_each_class_at_first(loads: Loads) -> None:
    scenario = loads.scenario(
        SLOW
        + """
class Rare(FastHttpUser):
    weight = 0.1
    @task
    def fast(self): self.client.get("/fast")
""",
        OpenWorkload((Stage(40, 1),), min_users=1, max_users=50, when_exhausted="grow"),
    )
    requests = (await loads.run(scenario, 1.0)).requests
    assert requests.asked == requests.sent > 0


async def test_class_that_cannot_be_made_again_stops_the_growth_and_is_told(loads: Loads) -> None:
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
    await loads.run(scenario, 3.0)
    moments = np.array(server.truth()["arrivals"])
    later = moments[moments > moments.min() + 1.5]
    slots = Counter(np.floor(later / 0.05))
    assert 200 <= len(later) <= 400
    assert max(slots.values()) < 50  # all 200 come at once when they are in step


async def test_users_come_and_go_one_by_one_even_while_their_tasks_last(
    loads: Loads, server: Server
) -> None:
    scenario = loads.scenario(
        """
class Holds(FastHttpUser):
    def on_start(self): self.client.get("/fast", name="/start")
    def on_stop(self): self.client.get("/fast", name="/stop")
    @task
    def hold(self): self.client.get("/sleep/900")
""",
        ClosedWorkload((UserStage(40, 0.5), UserStage(10, 1.0, 40), UserStage(10, 60))),
    )
    outcome = await loads.run(scenario, 3.4)
    assert outcome.recorded()["GET /start", "ok"] == 40
    assert outcome.recorded()["GET /stop", "ok"] == 40
    assert outcome.reports[0].users == 40  # after half a second of the ramp all still hold
    assert outcome.reports[2].users == 10
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


@pytest.mark.parametrize(
    ("ticks", "users", "requests"),
    [
        ("(6, 100)", [6, 6], {"GET /a", "GET /b"}),
        ("(6, 100, [B])", [6, 6], {"GET /b"}),
        ("(4, 100) if self.get_run_time() < 0.9 else (2, 100)", [4, 2], {"GET /a", "GET /b"}),
    ],
    ids=["users of every class", "users of one class", "fewer users after a second"],
)
async def test_shape_says_how_many_users_there_are(
    loads: Loads, ticks: str, users: list[int], requests: set[str]
) -> None:
    scenario = loads.scenario(SHAPE.format(end=60, ticks=ticks), ShapeWorkload("Steps"))
    outcome = await loads.run(scenario, 2.4)
    assert {request for request, _ in outcome.recorded()} == requests
    assert [report.users for report in outcome.reports[:2]] == [users[0], users[1]]
    assert outcome.notices == ()


async def test_shape_that_ends_when_the_load_does_is_no_fault(loads: Loads) -> None:
    scenario = loads.scenario(SHAPE.format(end=0.9, ticks="(2, 100)"), ShapeWorkload("Steps"))
    outcome = await loads.run(scenario, 1.2)
    assert outcome.requests.recorded > 4


@pytest.mark.parametrize(
    ("ticks", "reason"),
    [
        ("(2, 100)", r"the shape Steps ended after 1\.\d s, before the window did; "),
        ("undefined", "the shape Steps failed: NameError: name 'undefined' is not defined"),
        ("(2, 0)", "could not be started.*spawn_rate must be > 0, got 0"),
    ],
    ids=["ends early", "raises an exception", "gives a bad rate"],
)
async def test_shape_that_ends_or_fails_ends_the_load_with_its_reason(
    loads: Loads, ticks: str, reason: str
) -> None:
    from harness.errors import GeneratorError

    scenario = loads.scenario(SHAPE.format(end=0.1, ticks=ticks), ShapeWorkload("Steps"))
    with pytest.raises(GeneratorError, match=reason):
        await loads.run(scenario, 5.0)


async def test_unknown_shape_is_refused_with_those_there_are(loads: Loads) -> None:
    scenario = loads.scenario(SHAPE.format(end=1, ticks="(1, 1)"), ShapeWorkload("Stairs"))
    with pytest.raises(ScenarioError, match="'Stairs'; there is Steps, Unused"):
        await loads.run(scenario, 1.0)


@pytest.mark.parametrize(
    ("workload", "says"),
    [
        (OpenWorkload((Stage(10, 1),), max_users=2), "a rate"),
        (ClosedWorkload((UserStage(2, 1),)), "how many users"),
    ],
    ids=["open", "closed"],
)
async def test_shape_that_the_scenario_does_not_name_is_told(
    loads: Loads, workload: Workload, says: str
) -> None:
    outcome = await loads.run(loads.scenario(SHAPE.format(end=1, ticks="(1, 1)"), workload), 0.3)
    assert outcome.notices == (
        f"LoadTestShape Steps, Unused of the locustfile is not used: the scenario says {says}",
    )

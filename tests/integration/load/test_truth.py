"""The recorded times are those that the server logged, whatever the server does."""

import asyncio

import numpy as np
import pytest

from harness.budgets.model import ClosedWorkload, OpenWorkload, Stage
from tests.integration.load.conftest import Loads, Server

SLEEPS = """
import random
class Sleeps(FastHttpUser):
    @task
    def sleep(self): self.client.get(f"/sleep/{random.uniform(300, 900):.3f}", name="/sleep")
"""


async def within_half_a_percent(loads: Loads, server: Server, workload: object, what: str) -> None:
    outcome = await loads.run(loads.scenario(SLEEPS, workload), 4.0)  # type: ignore[arg-type]
    seen, served = outcome.all_of(what), server.truth()["times"]
    assert seen.count == len(served) > 400
    for q in (0.5, 0.95, 0.99):
        truth = float(np.quantile(served, q, method="inverted_cdf"))
        assert seen.quantile(q) == pytest.approx(truth, rel=0.005)


async def test_quantiles_of_the_open_model_match_the_servers_log(
    loads: Loads, server: Server
) -> None:
    await within_half_a_percent(
        loads, server, OpenWorkload((Stage(150, 4),), max_users=150), "latency"
    )


async def test_quantiles_of_the_closed_model_match_the_servers_log(
    loads: Loads, server: Server
) -> None:
    scenario = ClosedWorkload(users=100, spawn_rate=200)
    await within_half_a_percent(loads, server, scenario, "latency")


async def test_frozen_server_shows_in_latency_and_hides_in_service_time(
    loads: Loads, server: Server
) -> None:
    scenario = loads.scenario(
        """
class Fast(FastHttpUser):
    @task
    def fast(self): self.client.get("/fast")
""",
        OpenWorkload((Stage(200, 5),), max_users=5),
    )
    outcome = await loads.run(scenario, 5.0, lambda: server.get("/freeze/2000"), at=1.0)
    latency, service = outcome.all_of("latency"), outcome.all_of("service_time")
    assert latency.count == service.count == sum(server.truth()["counts"].values())
    p99, hidden = latency.quantile(0.99), service.quantile(0.99)
    assert p99 is not None
    assert hidden is not None
    assert p99 > 1.0
    assert hidden < 0.5  # only the five requests of the five users were held
    assert any(report.idle_users == 0 for report in outcome.reports)


async def test_requests_before_the_window_are_left_out_of_it_and_counted(
    loads: Loads, server: Server
) -> None:
    scenario = loads.scenario(
        """
class Fast(FastHttpUser):
    def on_start(self): self.client.get("/fast", name="/start")
    @task
    def fast(self): self.client.get("/fast")
""",
        OpenWorkload((Stage(100, 2),), arrivals="even", max_users=5),
        warm_up=1.0,
    )
    outcome = await loads.run(scenario, 2.0)
    assert outcome.all_of("latency").count == 100
    assert outcome.recorded() == {("GET /fast", "ok"): 200, ("GET /start", "ok"): 5}
    assert sum(server.truth()["counts"].values()) == 205


async def test_arrivals_at_the_server_follow_the_schedule(loads: Loads, server: Server) -> None:
    scenario = loads.scenario(
        """
class Fast(FastHttpUser):
    wait_time = constant(5)
    @task
    def fast(self): self.client.get("/fast")
""",
        OpenWorkload((Stage(50, 1), Stage(200, 1)), arrivals="even", max_users=20),
    )
    outcome = await loads.run(scenario, 2.0)
    arrivals = np.array(server.truth()["arrivals"])
    assert outcome.requests.asked == len(arrivals) == 250
    gaps = np.diff(np.sort(arrivals))
    assert np.median(gaps[:45]) == pytest.approx(1 / 50, rel=0.1)
    assert np.median(gaps[60:]) == pytest.approx(1 / 200, rel=0.1)


async def test_user_classes_share_the_arrivals_by_weight_however_slow_they_are(
    loads: Loads,
) -> None:
    scenario = loads.scenario(
        """
class Light(FastHttpUser):
    weight = 3
    @task
    def fast(self): self.client.get("/fast")
class Heavy(FastHttpUser):
    weight = 1
    @task
    def slow(self): self.client.get("/sleep/150")
""",
        OpenWorkload((Stage(400, 2),), arrivals="even", max_users=40),
    )
    outcome = await loads.run(scenario, 2.0)
    recorded = outcome.recorded()
    assert sum(recorded.values()) == 800
    # 800 draws with probability 1/4: five standard deviations are 61.
    assert recorded["GET /sleep/150", "ok"] == pytest.approx(200, abs=62)


async def test_steps_of_a_sequential_task_set_take_one_arrival_each(loads: Loads) -> None:
    scenario = loads.scenario(
        """
class Journey(FastHttpUser):
    @task
    class Steps(SequentialTaskSet):
        @task
        def first(self): self.client.get("/fast", name="/1")
        @task
        def second(self): self.client.get("/fast", name="/2")
        @task
        def third(self): self.client.get("/fast", name="/3")
""",
        OpenWorkload((Stage(60, 1),), arrivals="even", max_users=4),
    )
    recorded = (await loads.run(scenario, 1.0)).recorded()
    assert sum(recorded.values()) == 60
    assert all(recorded[f"GET /{n}", "ok"] >= 18 for n in (1, 2, 3))


async def test_closed_model_waits_between_tasks(loads: Loads) -> None:
    scenario = loads.scenario(
        """
class Waits(FastHttpUser):
    wait_time = constant(0.2)
    @task
    def fast(self): self.client.get("/fast")
""",
        ClosedWorkload(users=5, spawn_rate=1000),
    )
    outcome = await loads.run(scenario, 1.1)
    assert 5 <= outcome.requests.recorded <= 5 * 6
    assert outcome.reports[0].idle_users is None
    await asyncio.sleep(0)

"""The recorded times match the log of the server, also when the server freezes."""

import itertools
import time

import numpy as np
import pytest

from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.names import GENERATOR_CANARY, SCHEDULER_LAG, START_LAG
from tests.integration.load.conftest import Loads, Server

SLEEPS = """
import random
class Sleeps(FastHttpUser):
    def on_start(self): self.client.get("/fast")  # connects
    @task
    def sleep(self): self.client.get(f"/sleep/{random.uniform(200, 900):.3f}", name="/sleep")
"""
TOLERANCE = 0.01
SHORTEST = 0.2  # s
ATTEMPTS = 3  # other work on the machine only ever adds to what the client sees


pytestmark = pytest.mark.untraced  # the tracer in the generator would be measured as well


@pytest.mark.parametrize(
    "workload",
    [
        OpenWorkload((Stage(150, 3),), max_users=150),
        pytest.param(
            ClosedWorkload((UserStage(90, 0.45, 0), UserStage(90, 60))), marks=pytest.mark.slow
        ),
    ],
    ids=["open", "closed"],
)
async def test_quantiles_match_those_of_the_servers_own_log(
    loads: Loads, server: Server, workload: OpenWorkload | ClosedWorkload
) -> None:
    worst = []
    for _ in range(ATTEMPTS):
        server.get("/reset")
        outcome = await loads.run(
            loads.scenario(SLEEPS, workload),
            3.0,
            until=lambda load: load.requests.recorded > 400,
        )
        log = server.log()
        served = [seconds for seconds in log["times"] if seconds > 0.19]
        seen = [d for k, d in outcome.window.items() if (k.what, k.name) == ("latency", "/sleep")]
        assert [d.count for d in seen] == [len(served)]
        assert len(served) > 300
        expected = np.quantile(served, (0.5, 0.95, 0.99), method="inverted_cdf")
        errors = [
            (seen[0].quantile(q) or 0) / t - 1
            for q, t in zip((0.5, 0.95, 0.99), expected, strict=True)
        ]
        worst.append(max(map(abs, errors)))
        # The delays that generator and server measure themselves are not errors of the recording.
        delays = (GENERATOR_CANARY, SCHEDULER_LAG, START_LAG)
        lags = [outcome.all_of(what).values for what in delays]
        lag = max(itertools.chain(*lags)) + log["late"]
        if worst[-1] <= max(TOLERANCE, lag / SHORTEST):
            return
    pytest.fail(f"relative errors of up to {worst} in {ATTEMPTS} runs")


async def test_frozen_server_shows_in_latency_and_hides_in_service_time(
    loads: Loads, server: Server
) -> None:
    scenario = loads.scenario(
        """
class Fast(FastHttpUser):
    @task
    def fast(self): self.client.get("/fast")
""",
        OpenWorkload((Stage(200, 60),), max_users=5),
    )

    def freeze() -> None:
        server.get("/freeze/2000")
        time.sleep(3.0)  # the load goes on as long, however late it is

    outcome = await loads.run(scenario, 4.0, freeze, at=1.0)
    latency, service = outcome.all_of("latency"), outcome.all_of("service_time")
    assert latency.count == service.count == sum(server.log()["counts"].values())
    # The server froze for 2 s. The schedule asked for 200 in the first; five users sent five.
    over = (latency.share_over(1.0) or 0) * latency.count
    held = (service.share_over(1.0) or 0) * latency.count
    assert over > 150
    # A busy machine's server may stand still once more, which holds another five. A generator that
    # stands still as the server freezes sends its five later.
    late = max(outcome.all_of(GENERATOR_CANARY).values)
    assert round(held) >= 1 or late > 0.9
    assert round(held) < over / 15
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
    assert sum(server.log()["counts"].values()) == 205


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
    log = server.log()
    arrivals = np.sort(log["arrivals"])
    assert outcome.requests.asked == len(arrivals) == 250
    due = np.concatenate([np.arange(50) / 50, 1 + np.arange(200) / 200])
    # A busy machine makes some of them late, as generator and server measure, and none early.
    late = np.sort(arrivals - due)
    lag = (outcome.all_of("start_lag").quantile(0.5) or 0) + log["late"]
    assert late[125] - late[0] < 0.05 + lag


async def test_closed_model_waits_between_tasks(loads: Loads, server: Server) -> None:
    scenario = loads.scenario(
        """
class Waits(FastHttpUser):
    wait_time = constant(0.2)
    @task
    def fast(self): self.client.get("/fast")
""",
        ClosedWorkload((UserStage(1, 60),)),
    )
    outcome = await loads.run(scenario, 1.1, until=lambda load: load.requests.recorded >= 2)
    arrivals = server.log()["arrivals"]
    assert len(arrivals) == outcome.requests.recorded >= 2
    # A busy machine only makes a wait longer; a timer may be a few milliseconds early.
    assert min(np.diff(arrivals)) >= 0.19
    assert outcome.reports[0].idle_users is None

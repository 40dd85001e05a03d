"""Listeners that take their time before the load, e.g. to create accounts, in several workers."""

from dataclasses import replace

from harness.budgets.workload import OpenWorkload, Stage
from tests.integration.load.conftest import Loads, Server

WORKLOAD = OpenWorkload((Stage(60, 0.5),), "even", max_users=10)
LOCUSTFILE = """
import time
from locust.runners import WorkerRunner
@events.test_start.add_listener
def create_accounts(environment, **_):
    if isinstance(environment.runner, WorkerRunner): time.sleep(4.5)
class Fast(FastHttpUser):
    @task
    def fast(self): self.client.get("/fast")
"""


async def test_listeners_of_the_start_may_take_longer_than_the_master_may_be_silent(
    loads: Loads, server: Server
) -> None:
    scenario = replace(loads.scenario(LOCUSTFILE, WORKLOAD), workers=2)
    outcome = await loads.run(scenario, 0.5)
    assert [worker.lost for worker in outcome.workers] == ["", ""]
    assert outcome.requests.recorded == outcome.requests.asked == 30
    assert server.log()["counts"] == {"GET /fast": 30}

"""Listeners that take their time, e.g. to create accounts or to delete them, with workers."""

from dataclasses import replace

import pytest

from harness.budgets.workload import OpenWorkload, Stage
from harness.load import generator as harness_side
from tests.integration.load.conftest import Loads, Server

WORKLOAD = OpenWorkload((Stage(60, 0.5),), "even", max_users=10)
FAST = """
import time
from locust.runners import WorkerRunner
class Fast(FastHttpUser):
    @task
    def fast(self): self.client.get("/fast")
"""


async def test_listeners_of_the_start_may_take_longer_than_the_master_may_be_silent(
    loads: Loads, server: Server
) -> None:
    locustfile = f"""{FAST}
@events.test_start.add_listener
def create_accounts(environment, **_):
    if isinstance(environment.runner, WorkerRunner): time.sleep(4.5)
"""
    scenario = replace(loads.scenario(locustfile, WORKLOAD), workers=2)
    outcome = await loads.run(scenario, 0.5)
    assert [worker.lost for worker in outcome.workers] == ["", ""]
    assert outcome.requests.recorded == outcome.requests.asked == 30
    assert server.log()["counts"] == {"GET /fast": 30}


async def test_listeners_of_messages_between_workers_and_master_do_not_hold_up_frames(
    loads: Loads, server: Server
) -> None:
    locustfile = f"""{FAST}
@events.worker_report.add_listener
def store(**_): time.sleep(4.5)
"""
    workload = replace(WORKLOAD, stages=(Stage(60, 6.0),))
    outcome = await loads.run(replace(loads.scenario(locustfile, workload), workers=2), 6.0)
    assert [worker.lost for worker in outcome.workers] == ["", ""]
    assert outcome.requests.recorded == server.log()["counts"]["GET /fast"] == 360


async def test_listeners_of_the_end_are_cut_off_when_the_drain_is_over(
    loads: Loads, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness_side, "_STOP_MARGIN", 20.0)
    locustfile = f"""{FAST}
@events.test_stop.add_listener
def delete_accounts(environment, **_):
    if not isinstance(environment.runner, WorkerRunner): time.sleep(3600)
"""
    scenario = loads.scenario(locustfile, WORKLOAD, drain=1.0)
    outcome = await loads.run(replace(scenario, workers=2), 0.5)
    assert outcome.requests.recorded == server.log()["counts"]["GET /fast"] == 30

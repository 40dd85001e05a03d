"""What answers consist of, as the generator reports it while the load goes on for a diagnosis."""

import pytest

from harness.budgets.workload import ClosedWorkload, UserStage
from harness.load.generator import generator
from tests.integration.load.conftest import Loads, eventually

USERS = """
class Plain(HttpUser):
    wait_time = constant(0.05)
    @task
    def visit(self): self.client.get("/fast", params={"limit": 7}, name="/plain")

class Quick(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def visit(self): self.client.get("/fast?limit=7", name="/quick")
    @task
    def page(self): self.client.get("/fast", params={"limit": 7}, name="/page")
    @task
    def stream(self): self.client.get("/fast", name="/stream", stream=True)
"""


@pytest.mark.parametrize("kept", [True, False])
async def test_answers_of_each_client(loads: Loads, *, kept: bool) -> None:
    (load,) = loads.scenario(USERS, ClosedWorkload((UserStage(4, 60),))).loads
    async with generator(
        load, loads.url, loads.log, loads.reports.append, trace_ratio=1.0, keep_answers=kept
    ) as running:
        await loads.start(running)
        await eventually(lambda: len(loads.reported()) == 4)  # which task comes next is chance
        await running.stop()
    answers = {one.request: one for report in loads.reports for one in report.answers}
    if not kept:
        assert answers == {}
        return
    assert sorted(answers) == [
        "GET /page",
        "GET /plain",
        "GET /quick",
    ]  # a stream is read by the locustfile
    for one in answers.values():
        assert len(one.trace_id) == 32
        assert (one.wire, one.size, one.asked) == (2, 2, 7)
        assert "gzip" in one.accepts

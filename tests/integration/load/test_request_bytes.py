"""The bytes of requests are those that the server received, for every client and kind of body."""

import pytest

from harness.budgets.workload import ClosedWorkload, UserStage
from tests.integration.load.conftest import Loads, Server

BODIES = """
from harness import FastUser

class Bodies({base}):
    wait_time = constant(0.01)
    large = b"x" * 2_000_000  # more than the kernel takes at once
    @task
    def each(self):
        self.client.post("/fast?text", "äöü", name="text")
        self.client.post("/fast?json", json={{"a": "b"}}, headers={{"X-Own": "1"}}, name="json")
        self.client.post("/fast?form", data={{"a": "b c"}}, name="form")
        self.client.put("/fast?large", data=self.large, name="large")
        self.client.put("/fast?file", data=open(__file__, "rb"), name="file")
        self.client.get("/redirect", name="redirect")
        self.client.get("/fast?q", params={{"p": 1}}, cookies={{}} if {cookies} else None, name="q")
    @task
    def later(self):
        with self.client.get("/error", catch_response=True, name="later") as answer:
            self.client.post("/fast?within", "a longer request", name="within")
            answer.success()
    @task
    def dropped(self):
        self.client.post("/drop", "body", name="dropped")
"""


@pytest.mark.traced
@pytest.mark.parametrize("base", ["HttpUser", "FastHttpUser", "FastUser"])
async def test_bytes_of_recorded_requests_are_those_that_the_server_received(
    loads: Loads, server: Server, base: str
) -> None:
    locustfile = BODIES.format(base=base, cookies=base == "HttpUser")
    scenario = loads.scenario(locustfile, ClosedWorkload((UserStage(3, 60),)))
    every = {"text", "json", "form", "large", "file", "redirect", "q", "later", "within", "dropped"}
    outcome = await loads.run(scenario, 1.0, until=lambda _: len(loads.reported()) >= len(every))
    received = server.log()["received"]
    assert {request.split()[1] for request, _ in outcome.recorded()} == every
    assert outcome.requests.lost == outcome.requests.in_flight == 0
    assert outcome.reports[-1].request_bytes == received > 2_000_000

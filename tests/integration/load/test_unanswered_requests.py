"""What the generator reports of requests without an answer, and of exceptions after failed ones."""

import asyncio

import pytest

from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.load.generator import generator
from harness.names import UNANSWERED_LATENCY, UNANSWERED_SERVICE_TIME, UNSTARTED_LATENCY
from tests.integration.load.conftest import PATIENCE, Loads

DRAIN = 0.3
OPEN = OpenWorkload((Stage(20, 1),), arrivals="even", max_users=5)
CLOSED = ClosedWorkload((UserStage(5, 60),))
HANG = """
from harness import FastUser
class User({base}):
    @task
    def hang(self): {call}
"""
FAILURES = """
from harness import FastUser
class User({base}):
    wait_time = constant(0.01)
    def on_start(self): self.client.get("/error", name="/before")
    @task
    def after_error(self):
        self.client.get("/error")
        raise KeyError("after error")
    @task
    def after_drop(self):
        self.client.get("/drop")
        raise KeyError("after drop")
    @task
    def within_error(self):
        with self.client.get("/error", catch_response=True, name="/within") as r:
            raise KeyError("within error")
    @task
    def after_good_error(self):
        with self.client.get("/error", catch_response=True, name="/good") as r: r.success()
        raise KeyError("after good error")
    @task
    def after_bad_answer(self):
        with self.client.get("/fast", catch_response=True, name="/bad") as r: r.failure("no")
        raise KeyError("after bad answer")
    @task
    def within_answer(self):
        with self.client.get("/fast", catch_response=True, name="/raises") as r:
            raise KeyError("alone: within answer")
    @task
    def after_answer(self):
        self.client.get("/error")
        self.client.get("/fast")
        raise KeyError("alone: after answer")
    @task
    def without_request(self): raise KeyError("alone: without request")
"""


@pytest.mark.parametrize(
    ("base", "call", "request_"),
    [
        ("HttpUser", 'self.client.get("/hang")', "GET /hang"),
        ("HttpUser", 'self.client.get(self.host + "/hang")', "GET /hang"),
        ("FastHttpUser", 'self.client.post("/hang", "body", name="/named")', "POST /named"),
        ("FastUser", 'self.client.get("/hang")', "GET /hang"),
    ],
)
async def test_requests_without_an_answer_are_reported_with_their_waits(
    loads: Loads, base: str, call: str, request_: str
) -> None:
    scenario = loads.scenario(HANG.format(base=base, call=call), OPEN, drain=DRAIN)
    outcome = await loads.run(scenario, 1.0)
    requests, recorded = outcome.requests, outcome.recorded
    assert (requests.recorded, requests.in_flight, requests.dropped) == (0, 5, requests.asked - 5)
    for what in (UNANSWERED_LATENCY, UNANSWERED_SERVICE_TIME):
        assert recorded(what) == {(request_, ""): 5}
        assert min(outcome.all_of(what).values) > DRAIN
        assert max(outcome.all_of(what).values) < 30
    assert recorded(UNSTARTED_LATENCY) == {("", ""): requests.dropped}
    # The last arrivals were due just before the stop.
    assert min(outcome.all_of(UNSTARTED_LATENCY).values) > DRAIN * 0.9
    assert recorded() == {}


async def test_closed_model_reports_the_waits_of_its_users(loads: Loads) -> None:
    locustfile = HANG.format(base="FastUser", call='self.client.get("/hang")')
    scenario = loads.scenario(locustfile, CLOSED, drain=DRAIN)
    outcome = await loads.run(scenario, 0.5, until=lambda load: load.requests.in_flight == 5)
    assert outcome.recorded(UNANSWERED_LATENCY) == {("GET /hang", ""): 5}
    assert outcome.recorded(UNSTARTED_LATENCY) == {}


@pytest.mark.parametrize(
    ("base", "workload"),
    [("HttpUser", CLOSED), ("FastHttpUser", CLOSED), ("FastUser", OpenWorkload((Stage(150, 2),)))],
    ids=["HttpUser", "FastHttpUser", "FastUser"],
)
async def test_exceptions_name_the_failed_request_of_their_task(
    loads: Loads, base: str, workload: OpenWorkload | ClosedWorkload
) -> None:
    outcome = await loads.run(
        loads.scenario(FAILURES.format(base=base), workload),
        2.0,
        until=lambda load: len(load.consequences) >= 5 and len(load.user_errors) >= 3,
    )
    after = {
        text.partition("KeyError: '")[2].partition("'")[0]: text.partition(") after ")[2]
        for text in outcome.consequences
    }
    assert after.pop("after drop").startswith("GET /drop failed: ")
    assert after.pop("after bad answer").startswith("GET /bad failed: ")
    assert after == {
        "after error": "GET /error answered 500",
        "within error": "GET /within answered 500",
        "after good error": "GET /good answered 500",
    }
    assert {text.partition("KeyError: '")[2].partition("'")[0] for text in outcome.user_errors} == {
        "alone: within answer",
        "alone: after answer",
        "alone: without request",
    }
    assert outcome.requests.cut >= 5


async def test_exception_in_on_start_names_the_failed_request(loads: Loads) -> None:
    locustfile = """
class User(FastHttpUser):
    def on_start(self): self.client.get("/error").json()["id"]
    @task
    def task(self): self.client.get("/fast")
"""
    (only,) = loads.scenario(locustfile, CLOSED).loads
    async with generator(only, loads.url, loads.log, lambda _: None) as load:
        await loads.start(load)
        reason = await asyncio.wait_for(asyncio.shield(load.died), PATIENCE)
    assert reason.startswith("every user has ended")
    assert load.user_errors == ()
    (text,) = load.consequences
    assert text.endswith("after GET /error answered 500")

"""The counts of requests match those of the server, for every kind of task and outcome."""

import asyncio
import os
import signal

import pytest

from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.load.arrivals import arrivals
from harness.load.generator import Generator, generator
from tests.integration.load.conftest import LEAD, Loads, Server

pytestmark = pytest.mark.untraced

OPEN = OpenWorkload((Stage(120, 0.5), Stage(240, 0.5)), max_users=25)
CLOSED = ClosedWorkload((UserStage(10, 0.25, 0), UserStage(10, 60)))
BODY = 2  # bytes of each response of the server
MIXED = """
import gevent

class Mixed({base}):
    wait_time = constant(0.01)
    def on_start(self): self.client.get("/fast?start", name="/start")
    def on_stop(self): self.client.get("/fast?stop", name="/stop")
    @task(6)
    def fast(self): self.client.get("/fast")
    @task(3)
    def slow(self): self.client.get("/sleep/30")
    @task
    def error(self): self.client.get("/error")
    @task
    def post_twice(self):
        self.client.post("/fast?1", "body", name="/one")
        self.client.post("/fast?2", json={{"a": 1}}, name="/two")
    @task
    def judged_good(self):
        with self.client.get("/error", catch_response=True, name="/good") as r: r.success()
    @task
    def judged_bad(self):
        with self.client.get("/fast", catch_response=True, name="/bad") as r: r.failure("no")
    @task
    def raises_within(self):
        with self.client.get("/fast", catch_response=True, name="/raises") as r: raise KeyError("x")
    @task
    def reschedules_within(self):
        with self.client.get("/fast", catch_response=True, name="/again") as r:
            raise exception.RescheduleTask()
    @task
    def by_position(self):
        self.client.request("GET", "/fast", "/position")
    @task
    class Nested(TaskSet):
        @task
        def inner(self):
            self.client.get("/fast", name="/inner")
            self.interrupt()
from locust import exception
"""
# What its users request before they stop.
MIXED_KINDS = {
    ("GET /start", "ok"),
    ("GET /fast", "ok"),
    ("GET /sleep/30", "ok"),
    ("GET /error", "error"),
    ("POST /one", "ok"),
    ("POST /two", "ok"),
    ("GET /good", "ok"),
    ("GET /bad", "error"),
    ("GET /raises", "error"),
    ("GET /again", "ok"),
    ("GET /position", "ok"),
    ("GET /inner", "ok"),
}


@pytest.mark.parametrize(
    ("workload", "base"),
    [
        pytest.param(OPEN, "HttpUser", marks=pytest.mark.slow, id="open-HttpUser"),
        pytest.param(OPEN, "FastHttpUser", id="open-FastHttpUser"),
        pytest.param(CLOSED, "HttpUser", id="closed-HttpUser"),
        pytest.param(CLOSED, "FastHttpUser", marks=pytest.mark.slow, id="closed-FastHttpUser"),
    ],
)
async def test_counts_of_each_request_equal_what_the_server_counted(
    loads: Loads, server: Server, base: str, workload: OpenWorkload | ClosedWorkload
) -> None:
    scenario = loads.scenario(MIXED.format(base=base), workload)
    users = 25 if workload is OPEN else 10

    def done(_: Generator) -> bool:
        found = loads.reported()
        begun = found["GET /start", "ok"] == users
        return begun and set(found) >= MIXED_KINDS and found.total() > 100

    outcome = await loads.run(scenario, 1.0, until=done)
    log = server.log()
    served = log["counts"]
    requests, recorded = outcome.requests, outcome.recorded()
    assert outcome.reports[-1].response_bytes == BODY * sum(served.values())
    assert outcome.reports[-1].request_bytes == log["received"]
    assert requests.started == requests.recorded == sum(served.values()) > 100
    assert requests.in_flight == requests.lost == 0
    assert sum(recorded.values()) == requests.recorded
    assert outcome.recorded("service_time") == recorded
    by_path = {
        "GET /sleep/30": {("GET /sleep/30", "ok")},
        "GET /error": {("GET /error", "error"), ("GET /good", "ok")},
        "POST /fast": {("POST /one", "ok"), ("POST /two", "ok")},
    }
    for path, keys in by_path.items():
        assert sum(recorded.pop(key) for key in keys) == served.pop(path)
    assert served == {"GET /fast": sum(recorded.values())}
    assert recorded["GET /bad", "error"] > 0
    assert recorded["GET /raises", "error"] > 0
    assert recorded["GET /again", "ok"] > 0
    assert recorded["GET /position", "ok"] > 0
    assert recorded["GET /inner", "ok"] > 0
    assert recorded["GET /start", "ok"] == recorded["GET /stop", "ok"] == users
    assert any("KeyError: 'x'" in text and "scenario.py:" in text for text in outcome.user_errors)
    if workload is OPEN:
        assert requests.asked == requests.sent > 100
        assert requests.dropped == 0


async def test_started_requests_are_recorded_in_flight_or_lost_in_every_report(
    loads: Loads,
) -> None:
    scenario = loads.scenario(MIXED.format(base="FastHttpUser"), CLOSED)
    outcome = await loads.run(scenario, 2.2, until=lambda _: len(loads.reports) >= 2)
    assert len(outcome.reports) >= 3
    for report in outcome.reports:
        assert report.started == report.recorded + report.in_flight + report.lost
    cells = [cell for report in outcome.reports for cell in report.cells]
    latencies = [sum(cell.counts.values()) for cell in cells if cell.what == "latency"]
    assert sum(latencies) == outcome.requests.recorded


@pytest.mark.traced
@pytest.mark.parametrize("base", ["HttpUser", "FastHttpUser"])
async def test_all_kinds_of_failures_are_recorded_as_errors(loads: Loads, base: str) -> None:
    scenario = loads.scenario(
        f"""
import gevent
class Failing({base}):
    wait_time = constant(0.02)
    @task
    def dropped(self): self.client.get("/drop")
    @task
    def refused(self): self.client.get("http://127.0.0.1:1/", name="/refused")
    @task
    def out_of_time(self):
        try:
            with gevent.Timeout(0.05): self.client.get("/hang", name="/timeout")
        except gevent.Timeout: pass
    @task
    def redirected(self): self.client.get("/redirect")
""",
        ClosedWorkload((UserStage(5, 0.1, 0), UserStage(5, 60))),
    )
    outcome = await loads.run(scenario, 1.0, until=lambda _: len(loads.reported()) >= 4)
    recorded = outcome.recorded()
    assert set(recorded) == {
        ("GET /drop", "error"),
        ("GET /refused", "error"),
        ("GET /timeout", "error"),
        ("GET /redirect", "ok"),
    }
    assert outcome.requests.started == outcome.requests.recorded == sum(recorded.values())


async def test_response_that_is_never_entered_counts_as_lost(loads: Loads, server: Server) -> None:
    scenario = loads.scenario(
        """
class Forgetful(FastHttpUser):
    @task
    def forget(self): self.client.get("/fast", catch_response=True)
""",
        OpenWorkload((Stage(100, 0.5),), max_users=5),
    )
    outcome = await loads.run(scenario, 0.5)
    requests = outcome.requests
    assert requests.started == requests.lost == sum(server.log()["counts"].values()) > 20
    assert requests.recorded == requests.in_flight == 0


@pytest.mark.traced
async def test_unanswered_requests_stay_in_flight_after_the_drain(loads: Loads) -> None:
    scenario = loads.scenario(
        """
class Hanging(FastHttpUser):
    @task
    def hang(self): self.client.get("/hang")
""",
        OpenWorkload((Stage(40, 0.5),), arrivals="even", max_users=8),
        drain=0.5,
    )
    outcome = await loads.run(scenario, 0.5)
    requests = outcome.requests
    assert requests.asked == 20
    assert requests.sent == requests.started == requests.in_flight == 8
    assert requests.dropped == 12
    assert requests.recorded == requests.lost == 0
    assert outcome.reports[-1].oldest > 0.5


async def test_backlog_at_the_stop_is_served_in_the_drain_and_its_latency_includes_the_wait(
    loads: Loads,
) -> None:
    scenario = loads.scenario(
        """
class Slow(FastHttpUser):
    @task
    def slow(self): self.client.get("/sleep/100")
""",
        OpenWorkload((Stage(40, 0.5),), arrivals="even", max_users=1),
    )
    outcome = await loads.run(scenario, 0.5)
    requests = outcome.requests
    assert (requests.asked, requests.sent, requests.recorded, requests.dropped) == (20, 20, 20, 0)
    # One user serves 20 arrivals one after the other: the last one, due at 0.475 s, ends at 2 s.
    assert max(outcome.all_of("latency").values) > 1.5
    assert max(outcome.all_of("start_lag").values) > 1.4
    # The times of the answers, without the wait of a second: they follow each other.
    service = outcome.all_of("service_time")
    assert min(service.values) >= 0.0989
    assert (service.mean or 0.0) * 20 < max(outcome.all_of("latency").values) + 0.6


@pytest.mark.parametrize("workload", [OPEN, CLOSED], ids=["open", "closed"])
async def test_generator_that_stands_still_from_start_to_stop_loses_nothing(
    loads: Loads, server: Server, workload: OpenWorkload | ClosedWorkload
) -> None:
    (load,) = loads.scenario(MIXED.format(base="FastHttpUser"), workload).loads
    async with generator(load, loads.url, loads.log, loads.reports.append) as running:
        os.kill(running.pid, signal.SIGSTOP)
        await loads.start(running)
        await asyncio.sleep(LEAD + 1.0)
        stopping = asyncio.create_task(running.stop())
        await asyncio.sleep(0.1)
        os.kill(running.pid, signal.SIGCONT)
        requests = await stopping
    if isinstance(workload, OpenWorkload):
        assert requests.asked == requests.sent == len(list(arrivals(workload)))
    assert requests.dropped == requests.in_flight == requests.lost == 0
    assert requests.recorded == requests.started == sum(server.log()["counts"].values())


@pytest.mark.traced
async def test_custom_clients_are_recorded_by_their_events(loads: Loads) -> None:
    scenario = loads.scenario(
        """
import time
class Custom(User):
    @task
    def call(self):
        with self.environment.events.request.measure("RPC", "call"):
            time.sleep(0.02)
    @task
    def fail(self):
        with self.environment.events.request.measure("RPC", "fail"):
            raise ValueError("no")
""",
        OpenWorkload((Stage(60, 0.5),), max_users=10),
    )
    outcome = await loads.run(scenario, 0.5)
    recorded = outcome.recorded()
    assert set(recorded) == {("RPC call", "ok"), ("RPC fail", "error")}
    assert sum(recorded.values()) == outcome.requests.asked == outcome.requests.started
    slowest = outcome.window["latency", "ok", "RPC", "call"]  # type: ignore[index]
    assert min(slowest.values) >= 0.019


@pytest.mark.traced
async def test_request_names_without_bound_overflow_with_a_notice(loads: Loads) -> None:
    scenario = loads.scenario(
        """
import itertools
numbers = itertools.count()
class Naming(FastHttpUser):
    @task
    def item(self):
        for _ in range(105): self.client.get(f"/fast?{next(numbers)}")
""",
        OpenWorkload((Stage(20, 0.5),), arrivals="even", max_users=10),
    )
    outcome = await loads.run(scenario, 0.5)
    recorded = outcome.recorded()
    assert outcome.requests.recorded == sum(recorded.values()) == 1050
    assert recorded["GET (other)", "ok"] == 50
    assert len(recorded) == 1001
    (notice,) = outcome.notices
    assert "more than 1000 request names" in notice


async def test_task_that_always_raises_does_not_fill_the_log(loads: Loads) -> None:
    scenario = loads.scenario(
        """
class Broken(FastHttpUser):
    @task
    def broken(self):
        self.client.get("/fast")
        raise KeyError("always")
""",
        OpenWorkload((Stage(400, 0.5),), arrivals="even", max_users=10),
    )
    outcome = await loads.run(scenario, 0.5)
    assert outcome.requests.recorded == 200
    (text,) = outcome.user_errors
    assert text.startswith("Broken: KeyError: 'always' (")
    assert loads.log.read_text().count("Traceback") == 100

"""Traceparents arrive at the service, and those of the slowest requests are reported."""

import re
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest

from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.load.protocol.frames import Slow
from tests.integration.load.conftest import Loads, Outcome, Server

FORM = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-0([01])")
SENDING = """
import itertools, requests

SHARED = {"X-Mine": "1"}
GIVEN = "00-%032x-00f067aa0ba902b7-01"

class Instrumented(requests.auth.AuthBase):
    # Stands for an instrumentation: it changes the request on its way out.
    def __call__(self, request):
        request.headers["traceparent"] = GIVEN % 4
        return request

class Overwritten(HttpUser):
    @task
    def instrumented(self):
        self.client.get("/fast?other", name="/other", auth=Instrumented())

class SlowDefault(HttpUser):
    def on_start(self): self.client.headers["TRACEPARENT"] = GIVEN % 3
    @task
    def default(self): self.client.get("/fast?default", name="/default")

class FastDefault(FastHttpUser):
    default_headers = {"Traceparent": GIVEN % 3}
    @task
    def default(self): self.client.get("/fast?default", name="/default")
"""
SENDING_EACH = """
class A{base}({base}):
    wait_time = constant(0.01)
    numbers = itertools.count()

    @task(5)
    def plain(self): self.client.get(f"/fast?plain{{next(self.numbers)}}", name="/plain")

    @task
    def by_position(self):
        self.client.request("GET", f"/fast?position{{next(self.numbers)}}", "/position")

    @task
    def with_headers(self):
        self.client.get("/fast?headers", name="/headers", headers=SHARED)
        if SHARED != {{"X-Mine": "1"}}: self.client.get("/fast?changed")

    @task
    def given(self):
        self.client.get("/fast?given", name="/given", headers={{"TraceParent": GIVEN % 2}})

    @task
    def raises(self):
        with self.client.get("/fast?raises", name="/raises", catch_response=True): raise KeyError
"""


def slow_requests(outcome: Outcome) -> dict[str, list[Slow]]:
    """The reported slow requests by name."""
    found = defaultdict(list)
    for report in outcome.reports:
        for slow in report.slowest:
            found[slow.name].append(slow)
    return found


@pytest.mark.traced
async def test_each_request_carries_the_given_or_a_new_traceparent(
    loads: Loads, server: Server
) -> None:
    bases = ("HttpUser", "FastHttpUser")
    text = SENDING + "".join(SENDING_EACH.format(base=base) for base in bases)
    workload = OpenWorkload((Stage(200, 1.0),), max_users=20)
    scenario = replace(loads.scenario(text, workload), trace_ratio=0.5)
    outcome = await loads.run(scenario, 1.0)
    truth = server.log()
    assert outcome.requests.recorded == sum(truth["counts"].values()) == len(truth["traces"]) > 150
    sent = defaultdict(list)
    for path, traceparent in truth["traces"]:
        form = FORM.fullmatch(traceparent)
        assert form, traceparent
        sent[path.split("?")[1].rstrip("0123456789")].append((form[1], form[2] == "1"))
    given = {"given": 2, "default": 3, "other": 4}
    assert set(sent) == {"plain", "position", "headers", "raises", *given}
    for path, number in given.items():
        assert set(sent.pop(path)) == {(f"{number:032x}", True)}
    received = [trace for traces in sent.values() for trace in traces]
    assert len({trace for trace, _ in received}) == len(received)
    sampled = sum(flag for _, flag in received)
    assert abs(sampled - len(received) / 2) < 3 * len(received) ** 0.5  # 6 standard deviations

    slowest = slow_requests(outcome)
    assert set(slowest) == {f"/{path}" for path in [*sent, *given]}
    for path, traces in sent.items():
        assert {(slow.trace_id, slow.sampled) for slow in slowest[f"/{path}"]} <= set(traces)
    for path, number in given.items():
        for slow in slowest[f"/{path}"]:
            assert (slow.trace_id, slow.sampled) == (f"{number:032x}", True)
    assert {slow.outcome for slow in slowest["/raises"]} == {"error"}
    assert [notice for notice in outcome.notices if "different wait times" not in notice] == []


async def test_slowest_requests_of_the_window_are_reported_once_with_traces(
    loads: Loads, server: Server
) -> None:
    """One user, so that the moment a request was meant to start at tells which one it was."""
    scenario = replace(
        loads.scenario(
            """
class Visitor(FastHttpUser):
    number = -1
    @task
    def visit(self):
        self.number += 1  # 20/s: the first ten are before the window
        held = 90 if self.number < 10 else 40 if self.number % 4 == 0 else 0
        self.client.get(f"/sleep/{held}?{self.number}", name="/visit")
""",
            OpenWorkload((Stage(20, 2.5),), arrivals="even", max_users=1),
            warm_up=1.0,
        ),
        trace_ratio=0.0,
    )
    outcome = await loads.run(scenario, 2.5)
    ids = {FORM.fullmatch(trace)[1]: path for path, trace in server.log()["traces"]}  # type: ignore[index]
    assert len(ids) == outcome.requests.recorded == 50
    slowest = slow_requests(outcome)["/visit"]
    assert len(slowest) == len(set(slowest)) >= 5
    starts = [slow.at - min(s.at for s in slowest) for slow in slowest]
    assert max(starts) < 1.5  # of the window alone
    (window,) = {
        k: d for k, d in outcome.window.items() if k.what == "latency" and k.request
    }.values()
    top = sorted(slowest, key=lambda slow: -slow.latency)[:5]
    latencies = np.repeat(window.values, window.counts)[::-1]
    for slow, latency in zip(top, latencies, strict=False):
        assert abs(slow.latency - latency) <= 0.001 * latency + 1e-6
        number = int(ids[slow.trace_id].split("?")[1])
        assert number >= 20
        assert not slow.sampled
        assert slow.latency >= slow.service_time > 0
    counts = Counter(slow.outcome for slow in slowest)
    assert counts == {"ok": len(slowest)}


async def test_traces_of_the_closed_model_are_reported(loads: Loads, server: Server) -> None:
    scenario = replace(
        loads.scenario(
            """
class Visitor(HttpUser):
    wait_time = constant(0.05)
    @task
    def visit(self): self.client.get("/fast")
""",
            ClosedWorkload((UserStage(4, 60),)),
        ),
        trace_ratio=1.0,
    )
    outcome = await loads.run(scenario, 0.6, until=lambda _: loads.reported().total() >= 5)
    sent = {FORM.fullmatch(trace)[1] for _, trace in server.log()["traces"]}  # type: ignore[index]
    slowest = slow_requests(outcome)["/fast"]
    assert len(slowest) >= 5
    assert {slow.trace_id for slow in slowest} <= sent
    assert all(slow.sampled and slow.latency == slow.service_time for slow in slowest)
    last = outcome.reports[-1]
    assert 0 < last.burst_requests <= last.started

"""Users with other clients, which are only known from Locust's request event."""

import pytest

from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from tests.integration.load.conftest import Loads, Server

pytestmark = pytest.mark.untraced

RAW = """
import gevent, socket, time
from urllib.parse import urlsplit

class Raw(User):
    def on_start(self):
        address = urlsplit(self.host)
        self.socket = socket.create_connection((address.hostname, address.port))

    @task
    def talk(self):
        with self.environment.events.request.measure("RAW", "talk"):
            self.socket.sendall(b"GET /sleep/100 HTTP/1.1\\r\\n\\r\\n")
            assert self.socket.recv(1000).endswith(b"ok")
        # Told by a greenlet that is no user's: with an argument, and without.
        gevent.spawn(self.push, "an argument").join()
        gevent.spawn(lambda: self.push("")).join()

    def on_stop(self):
        for time_of_it in (None, float("nan")):
            self.environment.events.request.fire(
                request_type="ODD", name="timeless", response_time=time_of_it,
                response_length=0, exception=None, context={},
            )

    def push(self, text):
        started = time.time()
        self.socket.sendall(b"GET /error HTTP/1.1\\r\\n\\r\\n")
        self.socket.recv(1000)
        self.environment.events.request.fire(
            request_type="PUSH", name="message", response_time=1000 * (time.time() - started),
            response_length=0, exception=ValueError(text), context={},
        )
"""


@pytest.mark.traced
@pytest.mark.parametrize(
    "workload",
    [
        OpenWorkload((Stage(40, 0.5),), arrivals="even", max_users=1),
        ClosedWorkload((UserStage(2, 60),)),
    ],
    ids=["open", "closed"],
)
async def test_counts_of_raw_sockets_match_the_server_with_a_notice_for_each_type(
    loads: Loads, server: Server, workload: OpenWorkload | ClosedWorkload
) -> None:
    scenario = loads.scenario(RAW, workload)
    outcome = await loads.run(scenario, 0.7, until=lambda _: len(loads.reported()) == 2)
    served = server.log()["counts"]
    requests, recorded = outcome.requests, outcome.recorded()
    assert outcome.reports[-1].request_bytes is None
    assert recorded == {
        ("RAW talk", "ok"): served["GET /sleep/100"],
        ("PUSH message", "error"): served["GET /error"],
    }
    assert outcome.recorded("service_time") == recorded
    users = 1 if isinstance(workload, OpenWorkload) else 2
    assert requests.lost == 2 * users  # their time is not known
    assert requests.started - requests.lost == requests.recorded == sum(served.values())
    assert requests.in_flight == 0
    talks = [d for k, d in outcome.window.items() if k.request == "RAW talk"]
    latency, service = (
        next(d for k, d in outcome.window.items() if (k.what, k.request) == (what, "RAW talk"))
        for what in ("latency", "service_time")
    )
    assert len(talks) == 2
    assert min(service.values) >= 0.0999
    if isinstance(workload, OpenWorkload):
        # One user serves 20 arrivals one after the other: the last, due at 0.475 s, ends after 2 s.
        assert recorded["RAW talk", "ok"] == requests.asked == 20
        assert max(latency.values) > 1.5 > (service.mean or 0.0)
    else:
        assert latency.counts == service.counts
    for kind, text in zip(("ODD", "PUSH", "RAW"), sorted(outcome.notices), strict=True):
        assert text.startswith(
            f"requests of type '{kind}' are counted when they end: requests that"
        )
    slow = [slow for report in outcome.reports for slow in report.slowest]
    assert {one.name for one in slow} == {"talk", "message"}
    assert {(one.trace_id, one.sampled) for one in slow} == {("", False)}

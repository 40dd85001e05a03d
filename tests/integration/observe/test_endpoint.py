"""The harness's own /metrics: what is served, and for how long."""

import socket
import subprocess
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

from harness.errors import UsageError
from harness.names import RUN_INFO
from harness.observe.endpoint import MOST_WAIT, Endpoint, awaited, endpoint
from harness.runs.histograms import HistogramSet
from harness.runs.model import LatencyKey
from harness.runs.openmetrics import Sample, reading
from tests.servers import free_port

GET = LatencyKey("latency", "ok", "GET", '/a"b\\c')


def samples() -> Iterator[Sample]:
    tally = HistogramSet([0.25])
    tally.add(GET, {100_000_000: 3})
    yield reading(RUN_INFO, 1.0, {"run": "r"})
    yield reading("harness_iterations_asked_total", 7.0)
    yield from tally.samples()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def served(port: int) -> Iterator[Endpoint]:
    with endpoint("127.0.0.1", port, samples) as found:
        yield found


def scrape(port: int, accept: str = "*/*") -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text;version=1.0.0"])
def test_endpoint_serves_both_formats(port: int, accept: str) -> None:
    body = scrape(port, accept)
    assert body.endswith("# EOF\n") is ("openmetrics" in accept)
    parse = openmetrics if "openmetrics" in accept else text
    families = {family.name: family for family in parse(body)}
    latency = families["harness_request_latency_seconds"]
    assert latency.type == "histogram"
    assert "meant to be sent" in latency.documentation
    found = {
        (sample.name, sample.labels.get("le")): sample.value
        for sample in latency.samples
        if sample.labels["request"] == 'GET /a"b\\c'
    }
    assert found["harness_request_latency_seconds_bucket", "0.075"] == 0
    assert found["harness_request_latency_seconds_bucket", "0.25"] == 3
    assert families["harness_iterations_asked"].samples[0].value == 7.0


@pytest.mark.usefixtures("served")
@pytest.mark.needs_prometheus
def test_promtool_finds_no_fault_with_what_is_served(port: int) -> None:
    ended = subprocess.run(
        ["promtool", "check", "metrics"],
        input=scrape(port),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_endpoint_is_gone_after_its_context(port: int) -> None:
    for _ in range(2):  # and its port is free again
        with endpoint("127.0.0.1", port, samples):
            assert "harness_run_info" in scrape(port)
        with pytest.raises(OSError, match="refused"):
            scrape(port)


def test_endpoint_on_a_busy_port_is_bad_usage(port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(UsageError) as raised,
        endpoint("127.0.0.1", port, samples),
    ):
        pass
    assert raised.value.message == (
        f"cannot serve metrics at 127.0.0.1:{port}: Address already in use"
    )
    assert "--serve-metrics" in raised.value.hint


def test_endpoint_waits_for_who_scrapes_regularly(served: Endpoint, port: int) -> None:
    told: list[float] = []
    scrape(port)
    served.wait(told.append)
    assert told == []  # one look is no habit
    scrape(port)

    def look_once_more(seconds: float) -> None:
        told.append(seconds)
        scrape(port)

    served.wait(look_once_more)
    assert len(told) == 1
    assert 0 < told[0] <= MOST_WAIT


@pytest.mark.parametrize(
    ("moments", "now", "seconds"),
    [
        ((), 100.0, 0.0),
        ((95.0,), 100.0, 0.0),
        ((85.0, 95.0), 100.0, 11.0),
        ((85.0, 95.0), 111.0, 0.0),
        ((80.0, 92.0, 93.0, 95.0), 100.0, 14.0),
        ((0.0, 60.0), 60.0, 60.0),
        ((0.0, 61.0), 61.0, 0.0),
    ],
    ids=[
        "nobody came",
        "somebody came once",
        "the next scrape is due in five seconds",
        "who stopped to come is not waited for",
        "a look in between is not the interval",
        "nobody is waited for longer than a minute",
        "who comes less often than each minute is not waited for",
    ],
)
def test_awaited_is_the_next_scrape(moments: tuple[float, ...], now: float, seconds: float) -> None:
    assert awaited(moments, now) == pytest.approx(seconds)

"""The metrics endpoint of the harness: its samples, and the wait for the last scrape."""

import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

from harness.errors import UsageError
from harness.names import RUN_INFO
from harness.observe.endpoint import MetricsServer, metrics_server, scrape_wait
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
def served(port: int) -> Iterator[MetricsServer]:
    with metrics_server("127.0.0.1", port, samples) as found:
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
    assert "intended start" in latency.documentation
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
def test_promtool_accepts_the_served_metrics(port: int) -> None:
    ended = subprocess.run(
        ["promtool", "check", "metrics"],
        input=scrape(port),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_endpoint_is_closed_after_its_context(port: int) -> None:
    for _ in range(2):  # and its port is free again
        with metrics_server("127.0.0.1", port, samples):
            assert "harness_run_info" in scrape(port)
        with pytest.raises(OSError, match="refused"):
            scrape(port)


def test_endpoint_on_a_busy_port_is_bad_usage(port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(UsageError) as raised,
        metrics_server("127.0.0.1", port, samples),
    ):
        pass
    assert raised.value.message == (
        f"cannot serve metrics at 127.0.0.1:{port}: Address already in use"
    )
    assert "--serve-metrics" in raised.value.hint


def test_endpoint_waits_for_regular_scrapes(
    served: MetricsServer, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    seconds = count(100.0)  # one passes between two looks at the clock
    clock = SimpleNamespace(monotonic=lambda: next(seconds))
    monkeypatch.setattr("harness.observe.endpoint.time", clock)
    scrape(port)
    served.wait(waits.append)
    assert waits == []  # one request is not regular
    scrape(port)

    def look_once_more(seconds: float) -> None:
        waits.append(seconds)
        scrape(port)

    served.wait(look_once_more)
    assert waits == [3.0]  # scrapes at 100 and 102 s, looked at at 103 s


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
        "no scrapes",
        "a single scrape",
        "the next scrape is due in five seconds",
        "who stopped to come is not waited for",
        "a look in between is not the interval",
        "at most a minute",
        "who comes less often than each minute is not waited for",
    ],
)
def test_wait_for_the_next_scrape(moments: tuple[float, ...], now: float, seconds: float) -> None:
    assert scrape_wait(moments, now) == pytest.approx(seconds)

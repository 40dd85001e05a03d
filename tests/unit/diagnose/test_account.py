"""What the service's own metrics and calls were in the window."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.budgets.dialects.model import Recognition
from harness.budgets.dialects.recognise import assumed, by_default
from harness.diagnose.account import service_account, slow_exemplars
from harness.diagnose.model import SlowExemplar
from harness.diagnose.stalls import stalls_of
from harness.diagnose.traces import traces_of
from harness.runs.model import Evidence, Series
from harness.runs.recording.spans import CLIENT, SERVER, Span
from harness.runs.records.exemplars import Exemplar
from tests.unit.diagnose.spans import request, span
from tests.unit.diagnose.test_diagnose import HTTP
from tests.unit.diagnose.test_stalls import WAIT, run
from tests.unit.judge.evidence import counter, evidence, series

POOL = "db_client_connection"


def account(
    found: Evidence, roles: Recognition | None = None, spans: list[Span] | None = None
) -> dict[str, str]:
    roles = roles or by_default()
    stalls = stalls_of(found, roles, ())
    readings = service_account(found, traces_of(spans or []), roles, stalls)
    return {one.what: one.value for one in readings}


def gets(cache: str, result: str, count: float) -> Series:
    return counter("cache_gets_total", count, {"cache": cache, "result": result})


def test_readings_of_a_python_service() -> None:
    found = run(
        counter("process_cpu_seconds_total", 8.0),
        counter(WAIT, 1.0, {"provider": "psutil"}),
        counter("harness_other_cpu_seconds_total", 12.0, {"provider": "psutil"}),
        counter("python_gc_pause_seconds_sum", 0.2),
        counter("python_gc_pause_seconds_count", 20),
        counter("event_loop_lag_seconds_sum", 0.5),
        counter("event_loop_lag_seconds_count", 100),
        series(
            f"{POOL}_count",
            lambda t: 3.0 + (4.0 <= t < 5.0),
            {"db_client_connection_state": "used"},
        ),
        series(f"{POOL}_max", lambda _: 5.0),
        counter(f"{POOL}_wait_time_seconds_sum", 1.0),
        counter(f"{POOL}_wait_time_seconds_count", 50),
        counter(f"{POOL}_timeouts_total", 2),
        counter("background_task_retries_total", 7),
        *(gets("pages", "hit", 10), gets("pages", "miss", 30)),
        *(gets("users", "hit", 5), gets("users", "miss", 0)),
        seconds=0.05,
    )
    assert account(found) == {
        "CPU": "0.8 CPUs on average",
        "waiting for a CPU": (
            "100 ms in each second, all threads together; 20.0% of the time of the requests"
        ),
        "other processes": "1.20 CPUs on average, beside 0.00 of the load generator",
        "garbage collection": "20 pauses of 10 ms; 4.0% of the time of the requests",
        "event loop lag": "5 ms on average",
        "connection pool": (
            "at most 4 of 5 connections in use at once, 20 ms of waiting for a connection on"
            " average, 2 timeouts"
        ),
        "cache pages": "30 of 40 look-ups missed (75%)",
        "cache users": "0 of 5 look-ups missed (0%)",
        "background tasks": "7 retries",
    }


def test_readings_of_a_node_service() -> None:
    found = run(
        counter("nodejs_gc_duration_seconds_sum", 1.0, {"kind": "major"}),
        counter("nodejs_gc_duration_seconds_count", 4, {"kind": "major"}),
        series("nodejs_eventloop_lag_p99_seconds", lambda t: 0.2 if t == 3.0 else 0.01),
    )
    assert account(found, assumed(["nodejs"])) == {
        "garbage collection": "4 pauses of 250 ms; 10.0% of the time of the requests",
        "event loop lag": "at most 200 ms",
    }


def test_calls_by_status_and_how_many_were_repeated() -> None:
    root = span("GET /x", "t", 0.0, 1.0, kind=SERVER)

    def call(start: float, *, error: bool, **status: int) -> Span:
        made = span(
            *("GET", "t", start, start + 0.1),
            parent=root.span_id,
            kind=CLIENT,
            error=error,
            server_address="rates",
        )
        known = {f"http.response.{name}": value for name, value in status.items()}
        return replace(made, attributes={**made.attributes, **known})

    spans = [
        call(0.0, error=True, status_code=503),
        call(0.2, error=True),
        call(0.4, error=False, status_code=200),
    ]
    assert account(run(), spans=[root, *spans]) == {
        "calls: GET rates": "1 x 200, 1 x 503, 1 x failed; 2 of 3 repeat a failed call"
    }


@pytest.mark.parametrize("roles", [by_default(), Recognition()])
def test_what_was_not_read_is_not_there(roles: Recognition) -> None:
    assert account(run(), roles) == {}


def test_busiest_caches_come_first_and_the_others_are_left_out() -> None:
    found = run(*(gets(f"c{number}", "miss", 10.0 + number) for number in range(9)))
    assert list(account(found)) == ["cache c8", "cache c7", "cache c6", "cache c5", "cache c4"]


def test_slowest_exemplars_of_the_latency_with_the_traces_that_were_received() -> None:
    def exemplar(seconds: float, trace_id: str, metric: str = HTTP) -> Exemplar:
        labels = {"http_route": "/items", "http_request_method": "GET", "status": "200"}
        return Exemplar(metric, labels, seconds, trace_id)

    found = [exemplar(number / 10, f"t{number}") for number in range(8)]
    found += [exemplar(9.0, "other", "db_seconds"), exemplar(0.65, "t7")]
    traces = traces_of(request("t7", 0.7, []) + request("t3", 0.3, []))
    assert slow_exemplars(found, traces, by_default()) == (
        SlowExemplar("GET /items", 0.7, "t7", received=True),
        SlowExemplar("GET /items", 0.6, "t6", received=False),
        SlowExemplar("GET /items", 0.5, "t5", received=False),
        SlowExemplar("GET /items", 0.4, "t4", received=False),
        SlowExemplar("GET /items", 0.3, "t3", received=True),
    )
    assert slow_exemplars(found, traces, Recognition()) == ()


def test_run_without_a_window_has_no_account() -> None:
    assert service_account(evidence(), [], by_default(), None) == ()

"""A diagnosis of a recording whose cause is known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from harness.budgets.dialects.recognise import by_default
from harness.budgets.model import (
    Budget,
    Direction,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    PerRequest,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.diagnose.caches import misses
from harness.diagnose.diagnose import NO_SERVER_SPAN, diagnose
from harness.diagnose.model import Explanation
from harness.diagnose.questions import question_of
from harness.names import SERVICE_TIME
from harness.report.parts.causes import what_text
from harness.runs.model import Evidence, Series, SlowRequest
from harness.runs.recording.log_lines import LogLine
from harness.runs.recording.moments import CpuMoments
from harness.runs.recording.profile import Stack
from harness.runs.recording.recording import Recording
from harness.runs.recording.spans import CLIENT, SERVER, ExceptionEvent, Span
from harness.runs.records.failed import FailureKind
from harness.units import Unit
from tests.unit.diagnose.spans import request, span, stack
from tests.unit.diagnose.test_functions import LOOP, SELECT, STDLIB, TRACEBACK, UVLOOP
from tests.unit.diagnose.test_skew import front_and_back
from tests.unit.judge.evidence import counter, evidence, requests, series, up
from tests.unit.judge.test_selftest import judgement
from tests.unit.runs.recording.test_tracebacks import GROUP

HTTP = "http_server_request_duration_seconds"
DB = "db_client_operation_duration_seconds"
NO_PART = "no single cause found: no part of "
CALLS = "http_client_request_duration_seconds_count"
STATEMENT, OTHER = "SELECT a FROM b WHERE c = ?", "SELECT d FROM e"
P95 = Latency(0.95)
QUERIES = Ratio(Selector(f"{DB}_count"), Selector(f"{HTTP}_count"))
CPU = Rate(Selector("process_cpu_seconds_total"))
HITS = Ratio(Selector("cache_gets_total", {"result": "hit"}), Selector("cache_gets_total"))
COLUMNS = Mean(Selector("http_server_request_db_columns", {"http_route": "/items"}))
OVERWRITES = Ratio(Selector("cache_overwrites_total"), Selector("cache_gets_total"))
RECORDS = Ratio(Selector("log_records_total"), Selector(f"{HTTP}_count"))
POOL = Utilization(Selector("db_client_connection_count"), Selector("db_client_connection_max"))
LAG = Quantile(Selector("event_loop_lag_seconds"), 0.95)


BUDGET = Budget("hits", HITS, Unit.RATIO, 0.8, "min")


def explained(
    indicator: Indicator,
    spans: list[Span] | None = None,
    *,
    bound: float = 0.2,
    run: Evidence | None = None,
    request: str = "",
    failing: str | None = None,
    direction: Direction = "max",
    tracebacks: dict[str, str] | None = None,
    wall: list[Stack] | None = None,
    cpu: list[Stack] | None = None,
    slowest: list[SlowRequest] | None = None,
    log: tuple[LogLine, ...] = (),
    value: float | None = None,
    moments: CpuMoments | None = None,
) -> Explanation:
    budget = Budget("broken", indicator, Unit.SECONDS, bound, direction)
    found = judgement(broken="fail")
    found = replace(
        found,
        verdicts=tuple(
            replace(v, request=request, failing=failing, value=value) for v in found.verdicts
        ),
    )
    recording = Recording(
        *(tuple(spans or ()), tuple(wall or ()), tuple(cpu or ()), tuple(slowest or ())),
        tracebacks=tracebacks or {},
        log=log,
        moments=moments,
    )
    result = diagnose(found, [budget], run or evidence(), recording, by_default())
    (explanation,) = result.explanations
    return explanation


def many(
    count: int, parts: list[tuple[str, float]], own: float, route: str = "/items"
) -> list[Span]:
    """Requests that do the parts, with so much time of their own; each a little different."""
    source = random.Random(count)
    found: list[Span] = []
    for number in range(count):
        scale = source.uniform(0.9, 1.1)
        cut = [(text, seconds * scale) for text, seconds in parts]
        seconds = (own + sum(seconds for _, seconds in parts)) * scale
        found += request(f"{route}{count}-{number}", seconds, cut, route=route)
    return found


def usual(parts: list[tuple[str, float]] | None = None) -> list[Span]:
    """Other requests, whose statements take a millisecond."""
    some = [(f"SELECT {letter}", 0.001) for letter in "abcd"]
    return many(20, some + (parts or []), own=0.002, route="/usual")


def test_statement_that_all_requests_repeat_is_the_cause_of_their_latency() -> None:
    found = explained(P95, many(40, [(STATEMENT, 0.02)] * 20, own=0.05))
    (cause,) = found.causes
    assert (cause.kind, cause.what) == ("statement", STATEMENT)
    assert cause.sign == "20 times in a request, one after the other"
    assert cause.share == pytest.approx(0.4 / 0.45, abs=0.001)
    assert cause.lower <= cause.share <= cause.upper
    assert cause.evidence.startswith("20 times in such a request, 20")
    assert found.unexplained == pytest.approx(0.05 / 0.45, abs=0.001)
    assert found.about.startswith("the time of 40 requests (GET /items, 45")


def test_slow_requests_are_held_against_the_fast_ones_of_their_endpoint() -> None:
    fast = many(60, [(STATEMENT, 0.05)], own=0.03)
    slow = many(10, [(STATEMENT, 0.05), ("call directory", 0.6)], own=0.03)
    (cause,) = explained(P95, fast + slow).causes
    assert (cause.kind, cause.what) == ("call", "GET directory")
    assert cause.share > 0.95


def test_own_code_is_divided_by_the_profile() -> None:
    wall = [
        stack(80, "handler /srv/app/api.py:3", "render /srv/app/pages.py:85"),
        stack(20, "handler /srv/app/api.py:9"),
        stack(900, *SELECT, thread="loop"),
    ]
    slow = many(40, [(STATEMENT, 0.1)], own=0.3)
    found = explained(P95, slow + usual(), wall=wall)
    render, query = found.causes
    assert (render.what, render.place) == ("render()", "/srv/app/pages.py:85")
    assert render.share == pytest.approx(0.75 * 0.8, abs=0.001)
    assert query.share == pytest.approx(0.25, abs=0.001)
    assert found.unexplained == pytest.approx(0.15, abs=0.001)


def test_occupied_event_loop_makes_every_part_slow() -> None:
    # All statements wait for the loop, which one function keeps.
    wall = [stack(90, *LOOP, "nap /srv/app/api.py:7"), stack(10, *SELECT)]
    found = explained(P95, many(40, [(STATEMENT, 0.3)], own=0.1), wall=wall)
    (cause,) = found.causes
    assert (cause.what, cause.place) == ("nap()", "/srv/app/api.py:7")
    assert "occupied for 90%" in found.about


def test_loop_of_uvloop_that_waits_is_not_occupied() -> None:
    loop = (*UVLOOP, f"Runner.run {STDLIB}/asyncio/runners.py:118")
    wall = [stack(700, *loop), stack(300, *loop, "render /srv/app/pages.py:85")]
    found = explained(P95, many(40, [(STATEMENT, 0.02)] * 20, own=0.05), wall=wall)
    assert found.causes[0].what == STATEMENT


def test_own_code_that_waits_for_a_cpu_is_still_named() -> None:
    # A function with 25% of the time; half of the time of all code was waiting.
    wall = [
        stack(100, "render /srv/app/pages.py:85"),
        *(stack(30, f"f{number} /srv/app/api.py:{number}") for number in range(10)),
    ]
    wait = counter("harness_service_cpu_wait_seconds_total", 5.0, {"provider": "psutil"})
    times = requests(ok=[0.5] * 40, what=SERVICE_TIME)
    cpu = counter("process_cpu_seconds_total", 1.0)
    run = replace(evidence(up(), wait, cpu), latency=times)
    found = explained(P95, many(400, [], own=0.4), run=run, wall=wall)
    render, waiting = found.causes
    assert [waiting.what, render.what] == ["waiting for a CPU", "render()"]
    assert [waiting.share, render.share] == pytest.approx([0.5, 0.125])
    assert found.unexplained == pytest.approx(0.375)
    # The same beside other processes: named after what the service itself does.
    others = counter("harness_other_cpu_seconds_total", 15.0, {"provider": "psutil"})
    pauses = counter("python_gc_pause_seconds_sum", 3.0)
    number = counter("python_gc_pause_seconds_count", 30)
    run = replace(evidence(up(), wait, cpu, others, pauses, number), latency=times)
    found = explained(P95, many(400, [], own=0.4), run=run, wall=wall)
    assert [cause.kind for cause in found.causes] == ["function", "pause", "machine"]
    assert found.causes[2].share > found.causes[1].share > found.causes[0].share


def test_what_goes_on_after_the_answer_does_not_make_it_slow() -> None:
    spans = many(40, [(STATEMENT, 0.2), (OTHER, 0.2)], own=0.1)
    mails = [
        span("POST", one.trace_id, one.end - 0.01, one.end + 9, parent=one.span_id, kind=CLIENT)
        for one in spans
        if one.kind == SERVER
    ]
    found = explained(P95, spans + mails + usual())
    assert "POST" not in {cause.what for cause in found.causes}
    assert {cause.what for cause in found.causes} == {STATEMENT, OTHER}


def test_only_the_endpoint_of_the_budget_is_looked_at() -> None:
    items = many(30, [(STATEMENT, 0.4)], own=0.01)
    others = many(30, [(OTHER, 0.9)], own=0.01, route="/others/{id}")
    named = [
        SlowRequest(
            100.0, "GET one of the others", "ok", 0.9, 0.9, "/others/{id}30-3", sampled=True
        )
    ]
    spans = items + others + usual()
    of_items = explained(P95, spans, request="GET /items")
    of_others = explained(P95, spans, request="GET one of the others", slowest=named)
    assert [cause.what for cause in of_items.causes] == [STATEMENT]
    assert [cause.what for cause in of_others.causes] == [OTHER]


def test_budget_on_a_route_is_explained_by_the_requests_of_the_route() -> None:
    items = many(30, [(STATEMENT, 0.4)], own=0.01)
    others = many(30, [(OTHER, 0.9)], own=0.01, route="/others/{id}")
    spans = items + others + usual()
    filtered = Mean(Selector(HTTP, {"http_route": "/items", "http_request_method": "GET"}))
    found = explained(filtered, spans)
    assert [cause.what for cause in found.causes] == [STATEMENT]
    assert found.about.startswith("the time of 30 requests (GET /items, ")
    slow = Mean(Selector(HTTP, {"http_route": "~/(items|others).*", "http_request_method": "POST"}))
    assert explained(slow, spans).note.startswith("the service sent no traces")
    not_items = Mean(Selector(HTTP, {"http_route": "!/items"}))
    assert [cause.what for cause in explained(not_items, spans).causes] == [OTHER]


def test_time_in_many_small_parts_has_no_single_cause() -> None:
    parts = [(f"SELECT {letter}", 0.03) for letter in "abcdefghij"]
    found = explained(P95, many(40, parts, own=0.03))
    assert found.causes == ()
    assert found.note.startswith("no single cause found")
    assert found.unexplained == 1.0


def test_part_of_a_few_requests_is_within_noise() -> None:
    # Of five slow requests one makes a call: its share is 25%, and may be nothing.
    slow = many(4, [(f"SELECT {n}", 0.03) for n in range(10)], own=0.1)
    slow += many(1, [("call api", 0.55)], own=0.1)
    assert explained(P95, many(50, [], own=0.01) + slow).causes == ()


def test_sound_service_has_no_cause_when_its_bound_is_too_low() -> None:
    # One statement has most of the time: but every statement takes about so long.
    parts = [(STATEMENT, 0.004), (OTHER, 0.001), ("SELECT f", 0.001), ("SELECT g", 0.002)]
    found = explained(P95, many(40, parts, own=0.0015), bound=0.001)
    assert found.causes == ()
    assert found.note.startswith(NO_PART)
    assert found.note.endswith("the bound may be below what the service needs")
    assert [(part.what, part.sign) for part in found.parts] == [
        (STATEMENT, ""),
        ("SELECT g", ""),
        ("GET /items", ""),
    ]
    assert found.parts[0].share == pytest.approx(4 / 9.5, abs=0.001)


def test_statement_out_of_proportion_is_a_cause_though_all_requests_execute_it() -> None:
    slow = many(40, [(STATEMENT, 0.06)], own=0.03)
    (cause,) = explained(P95, slow + usual(), bound=0.05).causes
    assert cause.what == STATEMENT
    assert cause.share == pytest.approx(0.667, abs=0.001)
    assert cause.sign.startswith("it takes 5")  # the fast tenth of the executions
    assert "times the typical 9" in cause.sign


def test_statement_is_not_long_because_steps_of_a_framework_are_short() -> None:
    spans = many(40, [(STATEMENT, 0.004), (OTHER, 0.003)], own=0.002)
    for root in [one for one in spans if one.kind == SERVER]:
        for number in range(8):
            start = root.end - 0.001 + number / 10_000
            about = (f"middleware - {number}", root.trace_id, start, start + 2e-5)
            spans.append(span(*about, parent=root.span_id))
    assert explained(P95, spans, bound=0.001).causes == ()


def test_statement_that_is_slow_only_because_all_are_is_no_cause() -> None:
    spans = many(40, [(STATEMENT, 0.2), (OTHER, 0.1), ("SELECT f", 0.15)], own=0.1)
    assert explained(P95, spans).causes == ()


def test_calls_at_the_same_time_are_not_repeated_ones() -> None:
    def calls(apart: float) -> list[Span]:
        found = []
        for number in range(20):
            root = request(f"r{apart}-{number}", 0.7, [])[0]
            found.append(root)
            for each in range(6):
                start = 100 + apart * each
                found.append(
                    span(
                        *("GET", root.trace_id, start, start + 0.1),
                        parent=root.span_id,
                        kind=CLIENT,
                        server_address="api",
                    )
                )
        return found

    (in_turn,) = explained(P95, calls(0.1), bound=0.1).causes
    assert (in_turn.what, in_turn.sign) == (
        "GET api",
        "6 times in a request, one after the other",
    )
    assert explained(P95, calls(0.0), bound=0.1).causes == ()
    assert explained(P95, calls(0.05), bound=0.1).causes == ()  # 3.5 in turn


def test_own_code_that_waits_is_a_cause_and_no_function_is() -> None:
    # One request is always in the code, while its threads hardly run: it waits for a lock.
    wall = [stack(3, *LOOP, "render /srv/app/pages.py:85"), stack(397, *SELECT)]
    spans = [
        each
        for number in range(40)
        for each in request(f"w{number}", 4.0, [(STATEMENT, 0.01)], start=100 + number)
    ]
    found = explained(P95, spans + usual(), wall=wall)
    (cause,) = found.causes
    assert (cause.kind, cause.what) == ("span", "GET /items")
    assert cause.sign.startswith("it waits; threads of the service run for 0.2%")


def test_own_code_that_waits_is_a_cause_after_a_long_window_of_few_traces() -> None:
    wall = [stack(60, *LOOP, "render /srv/app/pages.py:85"), stack(7940, *SELECT)]

    def once(name: str, start: float) -> list[Span]:
        return request(name, 4.0, [(STATEMENT, 0.01)], start=start)

    # One request in 50 of the window has a trace, each one of the load that goes on.
    window = [each for number in range(200) for each in once(f"x{number}", 50.0 * number)]
    after = [each for number in range(40) for each in once(f"w{number}", 10_000.0 + number)]
    moments = CpuMoments(10_000.0, 10_020.0, 10_040.0, None, 100, 40, ())
    found = explained(P95, [*window, *after, *usual()], wall=wall, moments=moments)
    (cause,) = found.causes
    assert (cause.kind, cause.what) == ("span", "GET /items")
    assert cause.sign.startswith("it waits; threads of the service run for 0.2%")


def test_function_is_a_cause_only_ahead_of_the_others() -> None:
    alike = [
        stack(count, *LOOP, f"part{count} /srv/app/a.py:{count}") for count in (30, 28, 24, 20)
    ]
    found = explained(LAG, wall=alike)
    assert found.causes == ()
    assert [part.what for part in found.parts] == ["part30()", "part28()", "part24()"]
    ahead = [stack(100, *LOOP, "nap /srv/app/api.py:7"), *alike]
    (cause,) = explained(LAG, wall=ahead).causes
    assert (cause.what, cause.sign) == ("nap()", "far more than each other function")


def test_function_that_keeps_the_loop_in_one_half_of_the_recording_only() -> None:
    alike = [stack(9, *LOOP, f"part{number} /srv/app/a.py:3") for number in range(6)]
    rare = [*alike, stack(40, *LOOP, "encode /srv/app/export.py:9")]
    assert [one.what for one in explained(LAG, wall=alike, cpu=rare).causes] == ["encode()"]
    assert [one.what for one in explained(LAG, wall=rare, cpu=alike).causes] == ["encode()"]
    assert explained(LAG, wall=alike, cpu=alike).causes == ()


def test_package_without_own_code_is_where_time_goes_and_no_cause() -> None:
    cpu = [stack(90, "parse /venv/lib/python3.11/site-packages/driver/core.py:59")]
    found = explained(CPU, cpu=cpu)
    assert (found.causes, [part.what for part in found.parts]) == ((), ["package driver"])


def test_threads_that_wait_use_no_cpu() -> None:
    waits = "_worker /usr/lib/python3.12/concurrent/futures/thread.py:81"
    exports = stack(900, "export /srv/app/tracing.py:3", thread="OtelBatchSpanRecordProcessor")
    cpu = [stack(900, waits), exports, stack(50, *LOOP, "hash /srv/app/auth.py:4")]
    (cause,) = explained(CPU, cpu=cpu).causes
    assert (cause.what, cause.share) == ("hash()", 1.0)


def test_timer_that_waits_in_a_thread_of_its_own_is_no_cause() -> None:
    def profile(seconds: int, timer: int) -> list[Stack]:
        working = [stack(seconds, *LOOP, f"part{n} /srv/app/api.py:{n}") for n in range(1, 6)]
        waits = (f"Thread.run {STDLIB}/threading.py:982", "flush /srv/app/metrics.py:5")
        return [*working, stack(90, *SELECT), stack(timer, *waits, thread="timer")]

    wall, cpu = profile(10, timer=140), profile(8, timer=40)  # the profiler wakes the timer
    for indicator in (P95, CPU):
        found = explained(indicator, wall=wall, cpu=cpu)
        assert (found.causes, found.note[:20]) == ((), "no single cause foun")
        assert {one.what for one in found.parts} <= {f"part{n}()" for n in range(1, 6)}
    assert explained(CPU, wall=wall, cpu=profile(8, timer=140)).causes[0].what == "flush()"


def test_statements_by_number_and_by_time() -> None:
    spans = many(20, [(STATEMENT, 0.001)] * 9 + [(OTHER, 0.09)], own=0.1) + usual()
    by_number, by_time = explained(QUERIES, spans), explained(Mean(Selector(DB)), spans)
    assert [(one.what, one.sign) for one in by_number.causes] == [
        (STATEMENT, "9 times in a request, one after the other")
    ]
    assert by_number.causes[0].share == pytest.approx(180 / 280, abs=0.001)
    assert by_time.causes[0].what == OTHER
    assert by_time.causes[0].share == pytest.approx(0.874, abs=0.001)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("SELECT a FROM b WHERE c = {}", STATEMENT),
        ("SELECT a FROM b WHERE c = 'secret-{}'", STATEMENT),
        ("SELECT a FROM b WHERE c = ? /*traceparent='00-{:032x}-01'*/", STATEMENT),
    ],
)
def test_statement_with_its_values_in_the_text_is_one(written: str, shown: str) -> None:
    parts = [(written.format(number), 0.02) for number in range(20)]
    (cause,) = explained(P95, many(40, parts, own=0.05)).causes
    assert (cause.what, cause.sign) == (shown, "20 times in a request, one after the other")


def test_end_of_a_long_statement_is_shown() -> None:
    text = f"SELECT {', '.join(f'column_{n}' for n in range(40))} FROM b ORDER BY lower(c)"
    (cause,) = explained(QUERIES, many(20, [(text, 0.001)] * 9, own=0.1)).causes
    assert len(cause.what) == 160
    assert cause.what.startswith("SELECT column_0, column_1")
    assert cause.what.endswith("FROM b ORDER BY lower(c)")


def test_pool_is_kept_by_what_happens_after_the_first_statement() -> None:
    spans = many(20, [(STATEMENT, 0.01), ("call api", 0.18), (OTHER, 0.01)], own=0.02)
    (cause,) = explained(POOL, spans + usual()).causes
    assert (cause.what, cause.advice) == ("GET api", "give the connection back before this")
    assert cause.share == pytest.approx(0.79, abs=0.01)


def test_calls_by_number() -> None:
    spans = many(20, [("call api", 0.02)] * 8 + [(STATEMENT, 0.01)], own=0.02)
    (cause,) = explained(Ratio(Selector(CALLS), Selector(f"{HTTP}_count")), spans).causes
    assert (cause.what, cause.share) == ("GET api", 1.0)
    assert cause.sign == "8 times in a request, one after the other"


def with_database(calls: int, *queries: tuple[str, str, int]) -> list[Span]:
    """Requests with calls of "api", and with statements (system, text, number)."""
    found: list[Span] = []
    for number in range(20):
        root, *others = request(f"d{number}", 0.5, [("call api", 0.01)] * calls)
        found += [root, *others]
        for system, text, count in queries:
            attributes = {"db.system.name": system} | ({"db.query.text": text} if text else {})
            for place in range(count):
                about = (f"d{number}", 100.1 + place / 100, 100.105 + place / 100)
                made = span("query", *about, parent=root.span_id, kind=CLIENT)
                found.append(replace(made, attributes=attributes))
    return found


def test_connection_of_a_database_is_no_call_of_another_service() -> None:
    spans = with_database(2, ("sqlite", "", 8))
    found = explained(Ratio(Selector(CALLS), Selector(f"{HTTP}_count")), spans)
    assert (found.causes, [part.what for part in found.parts]) == ((), ["GET api"])


@pytest.mark.parametrize(
    ("where", "systems", "named"),
    [
        ({}, [], "GET ?"),
        ({}, ["redis", "sqlite"], "GET ?"),
        ({}, ["sqlite"], STATEMENT),  # the metric does not count the commands of the cache
        ({"db_system_name": "sqlite"}, [], STATEMENT),
        ({"db_system": "!redis"}, [], STATEMENT),
        ({"db_system_name": "redis"}, ["redis"], "GET ?"),
        ({"db_system_name": "other_name"}, [], "GET ?"),
    ],
)
def test_statements_are_those_that_the_metric_counts(
    where: dict[str, str], systems: list[str], named: str
) -> None:
    spans = with_database(2, ("redis", "GET ?", 20), ("sqlite", STATEMENT, 6))
    run = evidence(*(counter(f"{DB}_count", 9, {"db_system_name": one}) for one in systems))
    queries = Ratio(Selector(f"{DB}_count", where), Selector(f"{HTTP}_count"))
    assert explained(queries, spans, run=run).causes[0].what == named


def test_commands_of_a_cache_by_number() -> None:
    spans = [
        each
        for number in range(20)
        for root in [request(f"k{number}", 0.2, [(STATEMENT, 0.01)] * 9)]
        for each in [
            *root,
            *(
                span(
                    *("GET", f"k{number}", 100.1 + place / 100, 100.105 + place / 100),
                    parent=root[0].span_id,
                    kind=CLIENT,
                    db_query_text="GET ?",
                    db_system_name="redis",
                )
                for place in range(7)
            ),
        ]
    ]
    (cause,) = explained(PerRequest(Selector("cache_gets_total")), spans).causes
    assert (cause.what, cause.share) == ("GET ?", 1.0)
    assert cause.sign == "7 times in a request, one after the other"


@pytest.mark.parametrize("seconds", [6.0, 0.003], ids=["sleeps", "as long as usual"])
def test_background_task_by_time(seconds: float) -> None:
    spans = usual()
    for number in range(40):
        root = request(f"t{number}", 0.02, [(STATEMENT, 0.001)], start=100 + number)
        end = root[0].end + seconds
        task = span("task mail", f"t{number}", root[0].end, end, parent=root[0].span_id)
        spans += [*root, task]
    wall = [stack(3, *LOOP, "render /srv/app/pages.py:85"), stack(397, *SELECT)]
    found = explained(Mean(Selector("background_task_duration_seconds")), spans, wall=wall)
    assert [cause.what for cause in found.causes] == (["task mail"] if seconds > 1 else [])


@pytest.mark.parametrize(("size", "named"), [(1.0, True), (20.0, False)])
def test_size_of_a_pool_that_is_often_full(size: float, named: bool) -> None:
    used = {"db_client_connection_state": "used"}
    run = evidence(
        series("db_client_connection_count", lambda t: size if int(t) % 2 else 0.0, used),
        series("db_client_connection_max", lambda _: size),
    )
    found = explained(POOL, many(20, [(STATEMENT, 0.001)], own=0.01), run=run)
    assert [one.what for one in found.causes] == (
        ["the size of the connection pool"] if named else []
    )


def test_size_of_a_pool_is_no_cause_where_its_use_is_not_read() -> None:
    limit = series("db_client_connection_max", lambda _: 2.0)
    waits = Mean(Selector("db_client_connection_wait_time_seconds"))
    found = explained(waits, many(20, [(STATEMENT, 0.001)], own=0.01), run=evidence(limit))
    assert found.causes == ()


def test_command_of_a_cache_keeps_no_connection() -> None:
    spans = request("c", 1.0, [])
    spans.append(
        span("GET", "c", 100, 100.1, kind=CLIENT, db_query_text="GET ?", db_system_name="redis")
    )
    assert explained(POOL, spans * 5).note == "no trace has spans of statements"


@pytest.mark.parametrize(
    ("used", "answered", "named"),
    [(9.0, 100, True), (1.0, 100, False), (9.0, 3000, False)],
    ids=["all in use", "hardly one in use", "few requests are recorded"],
)
def test_connections_that_are_in_use_without_requests(
    used: float, answered: int, named: bool
) -> None:
    spans = [
        each
        for number in range(40)
        for each in request(f"p{number}", 0.02, [(STATEMENT, 0.01)], start=100 + number / 10)
    ]
    names = {"db.client.connection.state": "used"}
    labels = {name.replace(".", "_"): value for name, value in names.items()}
    count = series("db_client_connection_count", lambda _: used, labels)
    found = explained(POOL, spans, run=evidence(count, latency=requests(ok=[0.01] * answered)))
    assert [cause.what for cause in found.causes] == (
        ["connections that no request uses"] if named else []
    )
    if named:
        assert found.causes[0].share == pytest.approx(1 - 0.2 / 9, abs=0.01)
        assert found.causes[0].evidence.startswith("9 in use at any time; requests need 0.2")


def failure(
    count: int, text: str, trace: str = "", request: str = "GET /items", status: int = 500
) -> FailureKind:
    return FailureKind(*(request, "status", status, text, False, count, count, 0.0, 1.0, trace, ()))


def test_failures_by_kind_with_the_line_that_raised() -> None:
    raised = ExceptionEvent("KeyError", "7", TRACEBACK)
    spans = request("bad", 0.1, [], error=True, exceptions=(raised,))
    run = replace(evidence(), failures=(failure(30, "500", "bad"), failure(10, "timeout")))
    found = explained(ErrorRatio(), spans, run=run)
    first, second = found.causes
    assert (first.share, first.what) == (0.75, "GET /items: 500, KeyError: 7")
    assert first.place == "/srv/app/api.py:12"
    assert second.share == 0.25
    assert found.unexplained == 0.0


@pytest.mark.parametrize(
    ("of_trace", "status", "shown"),
    [
        ("500", 500, "GET /items: it, KeyError: 7"),
        ("", 500, "GET /items: it, KeyError: 7"),  # the span ended before the answer
        ("500", 503, "GET /items: it"),
        ("500", 404, "GET /items: it"),
        ("", 404, "GET /items: it"),
        ("500", 0, "GET /items: it"),  # a time-out
        ("", 0, "GET /items: it"),
    ],
)
def test_exception_of_another_request_needs_the_same_status(
    of_trace: str, status: int, shown: str
) -> None:
    raised = ExceptionEvent("KeyError", "7", TRACEBACK)
    root, *_ = request("bad", 0.1, [], error=True, exceptions=(raised,))
    known = {"http.response.status_code": int(of_trace)} if of_trace else {}
    spans = [replace(root, attributes={**root.attributes, **known})]
    run = replace(evidence(), failures=(failure(30, "it", status=status),))
    (cause,) = explained(ErrorRatio(), spans, run=run).causes
    assert (cause.what, bool(cause.place)) == (shown, shown.endswith("7"))


def test_failure_with_the_exception_that_the_output_of_the_service_has() -> None:
    run = replace(evidence(), failures=(failure(30, "500", "ab" * 16),))
    found = explained(ErrorRatio(), run=run, tracebacks={"ab" * 16: TRACEBACK})
    (cause,) = found.causes
    assert (cause.what, cause.place) == ("GET /items: 500, KeyError: 7", "/srv/app/api.py:12")


def test_exception_of_a_group_in_the_output() -> None:
    run = replace(evidence(), failures=(failure(30, "500", "ab" * 16),))
    (cause,) = explained(ErrorRatio(), run=run, tracebacks={"ab" * 16: GROUP}).causes
    assert (cause.what, cause.place) == ("GET /items: 500, KeyError: 7", "/srv/a.py:3")


def test_failures_are_those_of_the_budgets_request() -> None:
    failures = (failure(30, "500"), failure(10, "timeout", request="GET /others"))
    run = replace(evidence(), failures=failures)
    found = explained(ErrorRatio("GET /others"), run=run, failing="GET /others")
    assert [(cause.share, cause.what) for cause in found.causes] == [(1.0, "GET /others: timeout")]


@pytest.mark.parametrize(
    ("where", "first"),
    [
        ({}, "GET /others: absent"),
        ({"http_response_status_code": "~5.."}, "GET /items: broken"),
        ({"http_response_status_code": "5xx"}, "GET /items: broken"),
        ({"http_response_status_code": "!404"}, "GET /items: broken"),
        ({"http_route": "/items"}, "GET /items: broken"),
        ({"http_route": "/others"}, "GET /others: absent"),
        ({"http_response_status_code": "INTERNAL"}, "GET /others: absent"),  # in other words
    ],
)
def test_failures_are_those_that_the_service_counts(where: dict[str, str], first: str) -> None:
    failures = (failure(5, "broken"), failure(95, "absent", request="GET /others", status=404))
    errors = Ratio(Selector(f"{HTTP}_count", where), Selector(f"{HTTP}_count"))
    found = explained(errors, run=replace(evidence(), failures=failures))
    assert found.causes[0].what == first


def test_misses_by_cache() -> None:
    def gets(cache: str, result: str, count: float) -> Series:
        labels = {"cache": cache, "result": result}
        return series("cache_gets_total", lambda t: max(0.0, min(t, 1.0)) * count, labels)

    found = [gets("pages", "hit", 4), gets("pages", "miss", 90), gets("users", "hit", 1)]
    found += [gets("users", "miss", 10)]
    first = explained(HITS, run=evidence(*found), direction="min").causes[0]
    assert (first.kind, first.what, first.share) == ("cache", "cache pages", 0.9)
    assert first.sign == "5% of the look-ups hit"
    only = {"cache": "pages"}
    budget = Ratio(
        Selector("cache_gets_total", {"result": "hit"} | only), Selector("cache_gets_total", only)
    )
    (pages,) = explained(budget, run=evidence(*found), direction="min").causes
    assert (pages.what, pages.share) == ("cache pages", 1.0)


def test_cache_with_more_hits_than_look_ups_has_no_misses() -> None:
    gets = Selector("gets_total", absent_is_zero=True)
    found = [counter("gets_total", 100, {"cache": name}) for name in ("pages", "users")]
    found += [counter("hits_total", hits, {"cache": name}) for name, hits in [("users", 150)]]
    budget = Ratio(Selector("hits_total"), gets)
    parts = misses(replace(BUDGET, indicator=budget), evidence(*found)).causes
    assert [(one.what, one.share) for one in parts] == [("cache pages", 1.0), ("cache users", 0.0)]


def test_cache_that_hits_sometimes_is_no_cause() -> None:
    def gets(result: str, count: float) -> Series:
        return series(
            "cache_gets_total", lambda t: max(0.0, min(t, 1.0)) * count, {"result": result}
        )

    found = explained(HITS, run=evidence(gets("hit", 60), gets("miss", 90)), direction="min")
    assert (found.causes, [part.share for part in found.parts]) == ((), [1.0])


ALL = ", ".join(f"items.{letter}" for letter in "abcdefghij")
ONE_ROW = f"SELECT {ALL}, u.name FROM items JOIN u ON u.id = items.a WHERE items.a = ?"
WHOLE_ROWS = f"SELECT {ALL} FROM items ORDER BY items.b LIMIT ?"


@pytest.mark.parametrize(
    ("statement", "one_row", "sign"),
    [
        (
            WHOLE_ROWS,
            ONE_ROW,
            "each of its rows has all 10 columns of items that one row",
        ),
        (WHOLE_ROWS.replace("items.j", "u.name"), ONE_ROW, ""),  # nine of them
        (WHOLE_ROWS, "SELECT items.a FROM items WHERE items.a = ?", ""),
        (WHOLE_ROWS, WHOLE_ROWS, ""),  # no statement for one row
        (WHOLE_ROWS.replace("ORDER BY items.b", "WHERE items.b = ?"), ONE_ROW, ""),
    ],
)
def test_columns_of_whole_rows_are_a_cause(statement: str, one_row: str, sign: str) -> None:
    spans = many(20, [(statement, 0.01), ("SELECT e, f FROM g", 0.01)], own=0.01)
    found = explained(COLUMNS, spans + many(5, [(one_row, 0.01)], own=0.01, route="/items/{id}"))
    first = found.causes[0] if sign else found.parts[0]
    assert (first.kind, first.what) == ("statement", statement)
    assert first.share == pytest.approx(10 / 12)
    assert first.evidence.startswith("10 columns, once in such a request")
    assert (first.sign.startswith(sign), bool(first.sign)) == (True, bool(sign))
    assert found.about == "the columns that 20 requests select"


def test_columns_that_no_text_tells_have_no_cause() -> None:
    found = explained(COLUMNS, many(20, [("SELECT * FROM a", 0.01)], own=0.01))
    assert found.note == "no trace shows the columns of SELECT * FROM a"
    found = explained(COLUMNS, many(20, [("DELETE FROM a", 0.01)], own=0.01))
    assert found.note == "the service sent too few spans of SELECT statements"


def of_cache(name: str, cache: str, count: float, **labels: str) -> Series:
    return series(name, lambda t: max(0.0, min(t, 1.0)) * count, {"cache": cache, **labels})


@pytest.mark.parametrize(
    ("stored", "missed", "sign"),
    [
        (40, 85, "47% of the 85 misses load what another request loads"),
        (5, 50, "10% of the 50 misses load what another request loads"),
        (4, 10, ""),  # too few
        (9, 100, ""),  # processes that do not know of each other
        (90, 85, ""),  # updates, which no miss precedes
        (40, None, ""),
    ],
)
def test_values_stored_over_good_ones_by_cache(
    stored: float, missed: float | None, sign: str
) -> None:
    found = [of_cache("cache_overwrites_total", "pages", stored)]
    found += [of_cache("cache_overwrites_total", "users", stored / 4)]
    found += [of_cache("cache_gets_total", "pages", 500, result="hit")]
    if missed is not None:
        found += [of_cache("cache_gets_total", "pages", missed, result="miss")]
    answer = explained(OVERWRITES, run=evidence(*found))
    first = answer.causes[0] if sign else answer.parts[0]
    assert (first.kind, first.what, first.share) == ("cache", "cache pages", 0.8)
    assert (first.sign, len(answer.causes)) == (sign, 1 if sign else 0)


def test_cache_without_values_stored_over_good_ones_has_no_cause() -> None:
    found = [of_cache("cache_overwrites_total", "pages", 0)]
    found += [of_cache("cache_gets_total", "pages", 500, result="hit")]
    assert explained(OVERWRITES, run=evidence(*found)).note == (
        "no value was stored over another one"
    )


GETS = Ratio(Selector("cache_gets_total"), Selector(f"{HTTP}_count"))


def commands(times: int) -> list[Span]:
    found = []
    for number in range(6):
        made = request(f"t{number}", 0.2, [("GET ?", 0.001)] * times)
        found += [
            replace(one, attributes={**one.attributes, "db.system": "redis"}) if at else one
            for at, one in enumerate(made)
        ]
    return found


@pytest.mark.parametrize(
    ("value", "times", "kind", "what", "sign"),
    [
        (6.25, 0, "cache", "cache pages", "5 look-ups in a request on average"),
        (6.25, 20, "cache", "cache pages", "5 look-ups in a request on average"),
        (6.2, 20, "statement", "GET ?", "20 times in a request, one after the other"),
        (6.2, 2, "cache", "cache pages", ""),
        (6.2, 0, "cache", "cache pages", ""),
        (None, 0, "cache", "cache pages", ""),
    ],
)
def test_look_ups_by_cache(
    value: float | None, times: int, kind: str, what: str, sign: str
) -> None:
    found = [of_cache("cache_gets_total", "pages", 300, result="hit")]
    found += [of_cache("cache_gets_total", "pages", 100, result="miss")]
    found += [of_cache("cache_gets_total", "users", 100, result="hit")]
    answer = explained(GETS, commands(times), run=evidence(*found), value=value)
    first = answer.causes[0] if sign else answer.parts[0]
    assert (first.kind, first.what, first.sign) == (kind, what, sign)
    if kind == "cache":
        assert (first.share, first.evidence) == (0.8, "400 of 500 look-ups")


def test_look_ups_that_are_not_counted() -> None:
    assert explained(GETS, commands(20)).causes[0].what == "GET ?"
    none = evidence(of_cache("cache_gets_total", "pages", 0))
    assert explained(GETS, run=none).note == "the service sent no traces"


ROW, ACCESS = LogLine("app: row", "rows.py:35", 400, 200, 10), LogLine("app: request", "", 100)


@pytest.mark.parametrize(
    ("row", "value", "sign"),
    [
        (ROW, None, "20 lines in a request"),
        (ROW, 1.0, "20 lines in a request"),
        (replace(ROW, traced=50), 6.0, "5 lines in a request"),
        (replace(ROW, traced=49), 60.0, ""),  # the requests that write it are known
        (replace(ROW, requests=4), 6.25, "5 lines in a request"),  # of all requests
        (replace(ROW, requests=4), 6.2, ""),
        (replace(ROW, requests=4), None, ""),
    ],
)
def test_lines_of_the_output_by_their_number_in_a_request(
    row: LogLine, value: float | None, sign: str
) -> None:
    found = explained(RECORDS, log=(row, ACCESS), value=value)
    first = found.causes[0] if sign else found.parts[0]
    assert (first.kind, first.what, first.place) == ("log", "app: row", "rows.py:35")
    assert (first.share, first.sign, len(found.causes)) == (0.8, sign, 1 if sign else 0)
    assert first.evidence.startswith("400 of 500 lines")


def test_rate_of_log_records_is_not_their_number_in_a_request() -> None:
    rate = Rate(Selector("log_records_total"))
    assert not explained(rate, log=(replace(ROW, requests=0), ACCESS), value=100.0).causes


def test_functions_of_the_cpu_and_of_the_event_loop() -> None:
    hash_, nap = "hash /srv/app/auth.py:4", "nap /srv/app/api.py:7"
    wall = [stack(60, *LOOP, nap), stack(40, *LOOP, hash_), stack(500, *SELECT)]
    cpu = [stack(70, *LOOP, hash_), stack(30, *LOOP)]
    assert explained(CPU, cpu=cpu).causes[0].what == "hash()"
    assert explained(LAG, wall=wall).causes[0].what == "nap()"


@pytest.mark.parametrize(
    ("indicator", "note"),
    [
        (P95, "the service sent no traces, and there is no profile of it"),
        (QUERIES, "the service sent no traces"),
        (POOL, "no trace has spans of statements"),
        (COLUMNS, "the service sent no traces"),
        (ErrorRatio(), "no failed request was recorded"),
        (RECORDS, "the service wrote fewer than 30 lines"),
        (CPU, "there is no profile of the service"),
        (LAG, "there is no profile of the service"),
        (Gauge(Selector("process_resident_memory_bytes")), "a recording of some seconds does"),
    ],
)
def test_without_a_recording_there_is_a_reason_instead_of_a_cause(
    indicator: Indicator, note: str
) -> None:
    found = explained(indicator)
    assert found.causes == ()
    assert found.note.startswith(note)
    assert found.unexplained is None


@pytest.mark.parametrize(
    ("indicator", "note"),
    [
        (P95, f"{NO_SERVER_SPAN}, and there is no profile of it"),
        (QUERIES, NO_SERVER_SPAN),
        (CPU, "there is no profile of the service"),
    ],
)
def test_requests_that_never_end_have_spans_and_no_trace(indicator: Indicator, note: str) -> None:
    # A span is sent when it ends: the span of the request is missing, those below it are there.
    spans = [one for one in many(20, [(STATEMENT, 0.1)], own=0.1) if one.parent_id]
    assert explained(indicator, spans).note == note


def test_requests_that_never_end_are_no_part_of_those_that_did() -> None:
    never = [one for one in many(30, [(OTHER, 9.0)], own=0.0) if one.parent_id]
    found = explained(P95, never + many(20, [(STATEMENT, 0.4)], own=0.01) + usual())
    assert [cause.what for cause in found.causes] == [STATEMENT]


def test_cause_in_the_back_end_names_its_service() -> None:
    spans: list[Span] = []
    for number in range(20):
        found = front_and_back(skew=-7.0)
        spans += [replace(one, trace_id=f"t{number}") for one in found]
    statement = explained(P95, spans + usual()).causes[0]
    assert (statement.what, statement.service) == ("SELECT 1", "stock")
    assert statement.share == pytest.approx(0.4, abs=0.001)
    assert what_text(statement) == "SELECT 1 of the service stock"


def test_profile_does_not_divide_the_code_of_another_service() -> None:
    wall = [stack(100, "render /srv/app/pages.py:85")]
    spans: list[Span] = []
    for number in range(20):
        root, call, back, _ = front_and_back(skew=0.0)
        root = replace(root, end=2.0)
        back = replace(back, start=call.start, end=call.end)
        spans += [replace(one, trace_id=f"t{number}") for one in (root, call, back)]
    render, stock = explained(P95, spans + usual(), wall=wall).causes
    assert (render.what, stock.what, stock.service) == ("render()", "GET /stock", "stock")
    assert [render.share, stock.share] == pytest.approx([0.6, 0.4])


def test_retries_are_a_cause_with_the_pauses_between_them() -> None:
    spans: list[Span] = []
    for number in range(20):
        root = span("GET /x", f"t{number}", 0.0, 1.0, kind=SERVER, http_route="/x")
        calls = [
            span(
                *("GET", f"t{number}", start, start + 0.1),
                parent=root.span_id,
                kind=CLIENT,
                error=start < 0.5,
                server_address="rates",
            )
            for start in (0.0, 0.4, 0.8)
        ]
        spans += [root, *calls]
    retries = explained(P95, spans).causes[0]
    assert (retries.kind, retries.what) == ("retry", "GET rates")
    assert retries.share == pytest.approx(0.8, abs=0.001)  # twice 0.1, after pauses of 0.3
    assert what_text(retries) == "retries of GET rates"


@pytest.mark.parametrize(
    ("indicator", "question"),
    [
        (P95, "time"),
        (Throughput(), "time"),
        (Quantile(Selector(HTTP), 0.95), "time"),
        (ErrorRatio(), "errors"),
        (
            Ratio(Selector(f"{HTTP}_count", {"http_response_status_code": "~5.."}), Selector(HTTP)),
            "errors",
        ),
        (QUERIES, "statements"),
        (Mean(Selector(DB)), "statement time"),
        (POOL, "pool"),
        (HITS, "cache"),
        (Ratio(Selector("cache_gets_total"), Selector(f"{HTTP}_count")), "cache commands"),
        (PerRequest(Selector("cache_gets_total")), "cache commands"),
        (Ratio(Selector(CALLS), Selector(f"{HTTP}_count")), "calls"),
        (Mean(Selector("background_task_duration_seconds")), "tasks"),
        (COLUMNS, "columns"),
        (Ratio(Selector("jdbc_columns_total"), Selector(f"{HTTP}_count")), "columns"),
        (Gauge(Selector("db_columns")), "nothing"),
        (OVERWRITES, "cache overwrites"),
        (Ratio(Selector("cache_evictions_total"), Selector("cache_gets_total")), "nothing"),
        (RECORDS, "log records"),
        (PerRequest(Selector("logback_events_total")), "log records"),
        (Rate(Selector("log4j2_events_total")), "log records"),
        (Rate(Selector("logback_events_total", {"level": "error"})), "nothing"),
        (Ratio(Selector("log_records_total"), Selector("jobs_total")), "nothing"),
        (Gauge(Selector("log_messages")), "nothing"),
        (Rate(Selector("catalog_events_total")), "nothing"),
        (LAG, "loop"),
        (CPU, "cpu"),
        (Mean(Selector("http_server_response_body_size_bytes")), "answer sizes"),
        (Quantile(Selector("http_response_size_bytes"), 0.95), "answer sizes"),
        (Mean(Selector("http_server_request_body_size_bytes")), "nothing"),
        (Gauge(Selector("service_start_duration_seconds"), "last"), "start"),
        (Gauge(Selector("application_ready_time_seconds"), "last"), "start"),
        (Gauge(Selector("process_start_time_seconds"), "last"), "nothing"),
        (Gauge(Selector("process_resident_memory_bytes"), "growth"), "memory"),
        (Gauge(Selector("process_resident_memory_bytes"), "max"), "nothing"),
        (Gauge(Selector("queue_depth"), "growth"), "nothing"),
        (Gauge(Selector("queue_depth")), "nothing"),
    ],
)
def test_question_of_an_indicator(indicator: Indicator, question: str) -> None:
    unit = Unit.BYTES if "bytes" in str(indicator) else Unit.SECONDS
    budget = Budget("b", indicator, unit, 1.0, "min" if indicator == HITS else "max")
    assert question_of(budget, by_default()) == question

"""A diagnosis of a recording whose cause is known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from harness.budgets.dialects.recognise import by_default
from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.diagnose.diagnose import diagnose
from harness.diagnose.model import Explanation
from harness.diagnose.questions import question_of
from harness.runs.model import Evidence, Series, SlowRequest
from harness.runs.records.failed import FailureKind
from harness.runs.records.profile import Stack
from harness.runs.records.recording import Recording
from harness.runs.records.spans import ExceptionEvent, Span
from harness.units import Unit
from tests.unit.diagnose.spans import request, stack
from tests.unit.diagnose.test_functions import LOOP, SELECT, TRACEBACK
from tests.unit.judge.evidence import evidence, series
from tests.unit.judge.test_selftest import judgement

HTTP = "http_server_request_duration_seconds"
DB = "db_client_operation_duration_seconds"
STATEMENT, OTHER = "SELECT a FROM b WHERE c = ?", "SELECT d FROM e"
P95 = Latency(0.95)
QUERIES = Ratio(Selector(f"{DB}_count"), Selector(f"{HTTP}_count"))
CPU = Rate(Selector("process_cpu_seconds_total"))
HITS = Ratio(Selector("cache_gets_total", {"result": "hit"}), Selector("cache_gets_total"))
POOL = Utilization(Selector("db_client_connection_count"), Selector("db_client_connection_max"))
LAG = Quantile(Selector("event_loop_lag_seconds"), 0.95)


def explained(
    indicator: Indicator,
    spans: list[Span] | None = None,
    *,
    bound: float = 0.2,
    run: Evidence | None = None,
    request: str = "",
    failing: str | None = None,
    wall: list[Stack] | None = None,
    cpu: list[Stack] | None = None,
    slowest: list[SlowRequest] | None = None,
) -> Explanation:
    budget = Budget("broken", indicator, Unit.SECONDS, bound, "max")
    found = judgement(broken="fail")
    found = replace(
        found, verdicts=tuple(replace(v, request=request, failing=failing) for v in found.verdicts)
    )
    recording = Recording(
        tuple(spans or ()), tuple(wall or ()), tuple(cpu or ()), tuple(slowest or ())
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


def test_statement_that_all_requests_repeat_is_the_cause_of_their_latency() -> None:
    found = explained(P95, many(40, [(STATEMENT, 0.02)] * 20, own=0.05))
    (cause,) = found.causes
    assert (cause.kind, cause.what) == ("statement", STATEMENT)
    assert cause.share == pytest.approx(0.4 / 0.45, abs=0.001)
    assert cause.lower <= cause.share <= cause.upper
    assert cause.evidence.startswith("20 times in such a request, 20")
    assert found.unexplained == pytest.approx(0.05 / 0.45, abs=0.001)
    assert found.about.startswith("the time of 40 slow requests (GET /items, 45")


def test_slow_requests_are_held_against_the_fast_ones_of_their_endpoint() -> None:
    usual = many(60, [(STATEMENT, 0.05)], own=0.03)
    slow = many(10, [(STATEMENT, 0.05), ("call directory", 0.6)], own=0.03)
    (cause,) = explained(P95, usual + slow).causes
    assert (cause.kind, cause.what) == ("call", "GET directory")
    assert cause.share > 0.95


def test_own_code_is_divided_by_the_profile() -> None:
    wall = [
        stack(80, "handler /srv/app/api.py:3", "render /srv/app/pages.py:85"),
        stack(20, "handler /srv/app/api.py:9"),
        stack(900, *SELECT, thread="loop"),
    ]
    found = explained(P95, many(40, [(STATEMENT, 0.1)], own=0.3), wall=wall)
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


def test_only_the_endpoint_of_the_budget_is_looked_at() -> None:
    items = many(30, [(STATEMENT, 0.4)], own=0.01)
    others = many(30, [(OTHER, 0.9)], own=0.01, route="/others/{id}")
    named = [
        SlowRequest(
            100.0, "GET one of the others", "ok", 0.9, 0.9, "/others/{id}30-3", sampled=True
        )
    ]
    of_items = explained(P95, items + others, request="GET /items")
    of_others = explained(P95, items + others, request="GET one of the others", slowest=named)
    assert [cause.what for cause in of_items.causes] == [STATEMENT]
    assert [cause.what for cause in of_others.causes] == [OTHER]


def test_budget_on_a_route_is_explained_by_the_requests_of_the_route() -> None:
    items = many(30, [(STATEMENT, 0.4)], own=0.01)
    others = many(30, [(OTHER, 0.9)], own=0.01, route="/others/{id}")
    filtered = Mean(Selector(HTTP, {"http_route": "/items", "http_request_method": "GET"}))
    assert [cause.what for cause in explained(filtered, items + others).causes] == [STATEMENT]
    slow = Mean(Selector(HTTP, {"http_route": "!/items"}))
    assert [cause.what for cause in explained(slow, items + others).causes] == [OTHER]


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
    usual = many(50, [], own=0.01)
    assert explained(P95, usual + slow).causes == ()


def test_statements_by_number_and_by_time() -> None:
    spans = many(20, [(STATEMENT, 0.001)] * 9 + [(OTHER, 0.09)], own=0.1)
    by_number, by_time = explained(QUERIES, spans), explained(Mean(Selector(DB)), spans)
    assert (by_number.causes[0].what, by_number.causes[0].share) == (STATEMENT, 0.9)
    assert by_time.causes[0].what == OTHER
    assert by_time.causes[0].share == pytest.approx(0.909, abs=0.001)


def test_pool_is_kept_by_what_happens_between_statements() -> None:
    spans = many(20, [(STATEMENT, 0.01), ("call api", 0.18), (OTHER, 0.01)], own=0.3)
    (cause,) = explained(POOL, spans).causes
    assert (cause.what, cause.advice) == ("GET api", "give the connection back before this")
    assert cause.share == pytest.approx(0.9, abs=0.001)


def failure(count: int, text: str, trace: str = "", request: str = "GET /items") -> FailureKind:
    return FailureKind(*(request, "status", 500, text, False, count, count, 0.0, 1.0, trace, ()))


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


def test_failures_are_those_of_the_budgets_request() -> None:
    failures = (failure(30, "500"), failure(10, "timeout", request="GET /others"))
    run = replace(evidence(), failures=failures)
    found = explained(ErrorRatio("GET /others"), run=run, failing="GET /others")
    assert [(cause.share, cause.what) for cause in found.causes] == [(1.0, "GET /others: timeout")]


def test_misses_by_cache() -> None:
    def gets(cache: str, result: str, count: float) -> Series:
        labels = {"cache": cache, "result": result}
        return series("cache_gets_total", lambda t: max(0.0, min(t, 1.0)) * count, labels)

    found = [gets("pages", "hit", 60), gets("pages", "miss", 90), gets("users", "hit", 50)]
    found += [gets("users", "miss", 10)]
    first = explained(HITS, run=evidence(*found)).causes[0]
    assert (first.kind, first.what, first.share) == ("cache", "cache pages", 0.9)


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
        (ErrorRatio(), "no failed request was recorded"),
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
        (LAG, "loop"),
        (CPU, "cpu"),
        (Mean(Selector("http_server_response_body_size_bytes")), "nothing"),
        (Gauge(Selector("queue_depth")), "nothing"),
    ],
)
def test_question_of_an_indicator(indicator: Indicator, question: str) -> None:
    unit = Unit.BYTES if "bytes" in str(indicator) else Unit.SECONDS
    budget = Budget("b", indicator, unit, 1.0, "max")
    assert question_of(budget, by_default()) == question

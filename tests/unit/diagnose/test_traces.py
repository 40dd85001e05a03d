from dataclasses import replace

import pytest

from harness.diagnose.traces import SpanOperation, during, traces_of, until_answer
from harness.runs.recording.spans import SERVER, Span
from tests.unit.diagnose.spans import request, span

QUERY = "SELECT a FROM b WHERE c = ?"


def test_own_times_of_a_trace_add_up_to_the_request() -> None:
    (trace,) = traces_of(request("t1", 1.0, [(QUERY, 0.25), (QUERY, 0.25), ("call api", 0.125)]))
    own = {operation.name: seconds for operation, seconds in trace.own.items()}
    assert own == pytest.approx({"GET /items": 0.375, QUERY: 0.5, "GET api": 0.125})
    assert sum(own.values()) == pytest.approx(trace.root.seconds)
    assert trace.counts[SpanOperation("statement", QUERY)] == 2
    assert trace.endpoint == "GET /items"


def test_spans_that_overlap_cover_their_parent_once() -> None:
    root = span("GET /x", "t", 0.0, 1.0, kind=SERVER)
    parts = [
        span("a", "t", 0.0, 0.6, parent=root.span_id),
        span("b", "t", 0.4, 0.8, parent=root.span_id),
        span("late", "t", 0.9, 5.0, parent=root.span_id),  # it ends after its request
    ]
    (trace,) = traces_of([root, *parts])
    own = {operation.name: seconds for operation, seconds in trace.own.items()}
    assert own["GET /x"] == pytest.approx(0.1)
    assert (own["a"], own["b"]) == pytest.approx((0.6, 0.4))


def test_statement_is_the_same_whatever_its_line_breaks() -> None:
    (trace,) = traces_of(request("t", 1.0, [("SELECT a\nFROM b", 0.1), ("SELECT a  FROM b", 0.1)]))
    assert trace.counts[SpanOperation("statement", "SELECT a FROM b")] == 2


def _cycle() -> list[Span]:
    root = span("GET /x", "t", 0.0, 1.0, kind=SERVER)
    one = Span("t", "a" * 16, "b" * 16, "one", 1, 0.0, 0.5)
    two = Span("t", "b" * 16, "a" * 16, "two", 1, 0.0, 0.5)
    return [root, one, two]


@pytest.mark.parametrize(
    ("spans", "endpoints"),
    [
        ([], []),
        ([span("worker", "t", 0.0, 1.0)], []),  # nothing serves a request
        ([span("GET", "t", 0.0, 1.0, kind=SERVER)], ["GET"]),  # no route: the span's name
        ([span("GET", "t", 2.0, 1.0, kind=SERVER)], ["GET"]),  # ends before it starts
        (_cycle(), ["GET /x"]),
        (
            # A service that calls itself: the outer span is the request.
            [
                span("inner", "t", 0.1, 0.2, kind=SERVER, parent="f" * 16),
                span("outer", "t", 0.0, 1.0, kind=SERVER),
            ],
            ["outer"],
        ),
    ],
)
def test_traces_of_damaged_or_unusual_spans(spans: list[Span], endpoints: list[str]) -> None:
    assert [trace.endpoint for trace in traces_of(spans)] == endpoints


def test_orphan_counts_as_a_part_of_the_request() -> None:
    root = span("GET /x", "t", 0.0, 1.0, kind=SERVER)
    orphan = span("lost parent", "t", 0.0, 0.5, parent="e" * 16)
    (trace,) = traces_of([root, orphan])
    assert trace.own[SpanOperation("span", "GET /x")] == pytest.approx(0.5)


def test_span_that_was_sent_twice_is_one_span() -> None:
    spans = request("t1", 1.0, [(QUERY, 0.25), ("call api", 0.125)])
    (once,), (twice,) = traces_of(spans), traces_of([*spans, *map(replace, spans)])
    assert (twice.own, twice.counts) == (once.own, once.counts)
    assert twice.own[SpanOperation("span", "GET /items")] == pytest.approx(0.625)


def test_what_goes_on_after_the_answer_is_no_part_of_the_request() -> None:
    root = span("GET /x", "t", 0.0, 1.0, kind=SERVER)
    mail = span("mail", "t", 0.9, 5.0, parent=root.span_id)
    later = span("log", "t", 1.5, 2.0, parent=root.span_id)
    (trace,) = map(until_answer, traces_of([root, mail, later]))
    own = {operation.name: seconds for operation, seconds in trace.own.items()}
    assert own == pytest.approx({"GET /x": 0.9, "mail": 0.1})


def test_span_without_an_end_takes_no_time() -> None:
    root = span("GET /x", "t", 100.0, 0.0, kind=SERVER)  # some exporters send open spans
    below = span("q", "t", 100.0, 100.5, parent=root.span_id, db_query_text=QUERY)
    (trace,) = traces_of([root, below])
    assert trace.root.seconds == 0.0
    own = {operation.name: seconds for operation, seconds in trace.own.items()}
    assert own == pytest.approx({"GET /x": 0.0, QUERY: 0.5})


def test_part_of_a_trace_between_two_moments() -> None:
    (trace,) = traces_of(request("t", 1.0, [(QUERY, 0.2), ("call api", 0.4), (QUERY, 0.2)]))
    part = during(trace, 100.1, 100.7)
    assert part.root.seconds == pytest.approx(0.6)
    own = {operation.name: seconds for operation, seconds in part.own.items()}
    assert own == pytest.approx({"GET /items": 0.0, QUERY: 0.2, "GET api": 0.4})

"""Calls that are made again after they failed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.diagnose.retries import covered, pauses_of_retries
from harness.diagnose.traces import SpanOperation, traces_of
from harness.runs.recording.spans import CLIENT, SERVER, Span
from tests.unit.diagnose.spans import span

RATES = "http://rates/eur"


def call(
    start: float, end: float, *, url: str = RATES, error: bool = True, parent: str = ""
) -> Span:
    return span(
        *("GET", "t", start, end),
        parent=parent,
        kind=CLIENT,
        error=error,
        server_address="rates",
        url_full=url,
    )


def pauses(*calls: Span) -> list[float | None]:
    found = pauses_of_retries(calls)
    return [found.get(one.span_id) for one in calls]


def test_call_after_a_failed_one_repeats_it_and_has_the_pause_before() -> None:
    found = pauses(call(0.0, 0.1), call(0.3, 0.4), call(0.9, 1.0, error=False))
    assert found == [None, pytest.approx(0.2), pytest.approx(0.5)]


@pytest.mark.parametrize(
    "calls",
    [
        (call(0.0, 0.1, error=False), call(0.2, 0.3)),  # the first succeeded
        (call(0.0, 0.1), call(0.2, 0.3, url="http://rates/usd")),  # another resource
        (call(0.0, 0.2), call(0.1, 0.3)),  # at the same time
        (call(0.0, 0.1),),
        (),
    ],
    ids=["after a success", "another URL", "overlapping", "alone", "none"],
)
def test_other_calls_repeat_nothing(calls: tuple[Span, ...]) -> None:
    assert set(pauses(*calls)) <= {None}


def test_call_after_a_success_is_the_first_of_a_new_row() -> None:
    row = (call(0.0, 0.1), call(0.1, 0.2, error=False), call(0.2, 0.3))
    assert pauses(*row) == [None, pytest.approx(0.0), None]


def test_instrumentation_can_say_that_a_call_was_sent_again() -> None:
    sent = call(0.0, 0.1, error=False)
    again = replace(sent, attributes={**sent.attributes, "http.request.resend_count": 2})
    assert pauses(again) == [0.0]


def test_failed_statement_is_no_call() -> None:
    failed = span("q", "t", 0.0, 0.1, kind=CLIENT, error=True, db_query_text="SELECT 1")
    again = span("q", "t", 0.2, 0.3, kind=CLIENT, db_query_text="SELECT 1")
    assert pauses(failed, again) == [None, None]


def test_pause_belongs_to_the_retry_and_not_to_the_code_of_the_service() -> None:
    root = span("GET /x", "t", 0.0, 1.0, kind=SERVER)
    below = [
        call(0.0, 0.1, parent=root.span_id),
        call(0.5, 0.6, parent=root.span_id),
        span("work", "t", 0.2, 0.3, parent=root.span_id),
    ]
    (trace,) = traces_of([root, *below])
    assert trace.own == {
        SpanOperation("span", "GET /x"): pytest.approx(0.4),
        SpanOperation("call", "GET rates"): pytest.approx(0.1),
        SpanOperation("retry", "GET rates"): pytest.approx(0.4),  # 0.1 and a pause of 0.3
        SpanOperation("span", "work"): pytest.approx(0.1),
    }
    assert sum(trace.own.values()) == pytest.approx(trace.root.seconds)


def test_covered_time_counts_once() -> None:
    spans = [span("a", "t", 1.0, 3.0), span("b", "t", 2.0, 4.0), span("c", "t", 6.0, 9.0)]
    assert covered(0.0, 7.0, spans) == pytest.approx(4.0)
    assert covered(7.0, 0.0, spans) == 0.0

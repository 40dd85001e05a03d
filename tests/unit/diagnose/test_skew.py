"""Traces of two services whose clocks differ."""

from __future__ import annotations

import pytest

from harness.diagnose.skew import without_skew
from harness.diagnose.traces import SpanOperation, traces_of
from harness.runs.recording.spans import CLIENT, SERVER, Span
from tests.unit.diagnose.spans import span

QUERY = "SELECT 1"


def front_and_back(skew: float, served: float = 0.6) -> list[Span]:
    """A request of 1 s that calls a back end from 0.1 s to 0.9 s, whose clock differs by `skew`."""
    root = span("GET /x", "t", 0.0, 1.0, kind=SERVER, service="shop")
    made = span(
        *("GET", "t", 0.1, 0.9),
        parent=root.span_id,
        kind=CLIENT,
        service="shop",
        server_address="stock",
    )
    start = 0.2 + skew
    back = span(
        *("GET /stock", "t", start, start + served),
        parent=made.span_id,
        kind=SERVER,
        service="stock",
    )
    query = span(
        *("SELECT", "t", start + 0.1, start + 0.5),
        parent=back.span_id,
        kind=CLIENT,
        service="stock",
        db_query_text=QUERY,
    )
    return [root, made, back, query]


@pytest.mark.parametrize("skew", [0.0, 0.05, -3600.0, 5.0, 1e9])
def test_time_of_a_request_through_two_services_adds_up_whatever_their_clocks(
    skew: float,
) -> None:
    (trace,) = traces_of(front_and_back(skew))
    assert trace.endpoint == "GET /x"
    tolerance = 1e-6
    assert trace.own == {
        SpanOperation("span", "GET /x"): pytest.approx(0.2),
        SpanOperation("call", "GET stock"): pytest.approx(0.2, abs=tolerance),
        SpanOperation("span", "GET /stock", service="stock"): pytest.approx(0.2, abs=tolerance),
        SpanOperation("statement", QUERY, service="stock"): pytest.approx(0.4, abs=tolerance),
    }


def test_request_is_the_first_service_even_if_the_clock_of_the_second_is_slow() -> None:
    # The span of the call was lost: nothing but their lengths tells which served the other.
    root, _, back, query = front_and_back(-60.0)
    (trace,) = traces_of([back, query, root])
    assert trace.root is root


def test_span_within_its_call_and_span_of_the_same_service_stay() -> None:
    spans = front_and_back(0.05)
    assert without_skew(spans, spans[0]) == spans
    late = span("after", "t", 4.0, 5.0, parent=spans[0].span_id, service="shop")
    assert without_skew([*spans, late], spans[0])[-1] is late


@pytest.mark.parametrize(
    ("skew", "start"), [(0.0, 0.2), (-5.0, 0.1)], ids=["begins within", "begins before"]
)
def test_service_that_works_longer_than_its_caller_waits(skew: float, start: float) -> None:
    spans = front_and_back(skew, served=3.0)
    _, _, back, query = without_skew(spans, spans[0])
    assert back.start == pytest.approx(start)
    assert query.start == pytest.approx(start + 0.1)


def test_cycle_of_parents_ends() -> None:
    root = span("GET /x", "t", 0.0, 1.0, kind=SERVER)
    one = Span("t", "a" * 16, "b" * 16, "one", SERVER, 7.0, 8.0, service="one")
    two = Span("t", "b" * 16, "a" * 16, "two", CLIENT, 0.0, 0.5, service="two")
    assert len(without_skew([root, one, two], root)) == 3

"""Which traces a waterfall shows, and where its bars are."""

from dataclasses import replace

import pytest

from harness.diagnose.traces import traces_of
from harness.report.html.waterfall import MOST_SPANS, Waterfall, waterfalls
from harness.runs.recording.spans import Span
from tests.unit.diagnose.spans import request, span

QUERY = "SELECT a FROM b"


def shown(spans: list[Span]) -> list[Waterfall]:
    return waterfalls(traces_of(spans))


def test_slowest_of_each_endpoint_comes_before_the_second_of_any() -> None:
    spans: list[Span] = []
    for number, seconds in enumerate((0.9, 0.8, 0.7, 0.6, 0.5)):
        spans += request(f"a{number}", seconds, [], route="/a")
    spans += request("b0", 0.2, [], route="/b") + request("c0", 0.1, [], route="/c")
    found = shown(spans)
    assert [one.trace_id for one in found] == ["a0", "a1", "a2", "b0", "c0"]
    assert found[-1].endpoint == "GET /c"


def test_bars_are_where_the_spans_are_and_below_their_parents() -> None:
    spans = request("a", 2.0, [(QUERY, 0.5), ("call other", 1.0)])
    inner = span("inner", "a", 101.0, 101.2, parent=spans[2].span_id, error=True)
    (found,) = shown([spans[0], inner, spans[2], spans[1]])
    assert [(one.name, one.depth, one.left, one.width) for one in found.bars] == [
        ("GET /items", 0, 0, 100),
        ("SELECT", 1, 0, 25),
        ("GET", 1, 25, 50),
        ("inner", 2, 50, pytest.approx(10)),
    ]
    assert [(one.kind, one.detail) for one in found.bars] == [
        ("span", ""),
        ("statement", QUERY),
        ("call", "GET other"),
        ("span", ""),
    ]
    assert [one.error for one in found.bars] == [False, False, False, True]
    assert found.bars[3].start == pytest.approx(1.0)
    assert (found.seconds, found.left_out) == (2.0, 0)


@pytest.mark.parametrize(
    ("start", "end", "left", "width"),
    [
        (99.0, 100.5, 0, 50),  # a clock that is behind
        (100.5, 109.0, 50, 50),  # goes on after the answer
        (200.0, 300.0, 100, 0),
        (0.0, 0.0, 0, 0),
        (100.5, 100.2, 50, 0),  # ends before it starts
    ],
)
def test_bar_outside_the_request_is_cut(
    start: float, end: float, left: float, width: float
) -> None:
    spans = request("a", 1.0, [])
    (found,) = shown([*spans, span("x", "a", start, end, parent=spans[0].span_id)])
    assert (found.bars[1].left, found.bars[1].width) == (left, width)


def test_request_without_duration_has_bars() -> None:
    (found,) = shown(request("a", 0.0, [(QUERY, 0.0)]))
    assert [(one.left, one.width) for one in found.bars] == [(0, 0), (0, 0)]


def test_longest_spans_are_kept_in_their_order() -> None:
    long = {10, 150, 240}
    parts = [(f"SELECT {n}", 0.1 if n in long else 0.001 + n * 1e-6) for n in range(250)]
    (found,) = shown(request("a", 2.0, parts))
    assert (len(found.bars), found.left_out) == (MOST_SPANS, 51)
    starts = [one.start for one in found.bars]
    assert starts == sorted(starts)
    assert {one.detail for one in found.bars} >= {f"SELECT {n}" for n in long}
    assert found.bars[0].detail == ""


def test_deep_and_damaged_traces_end() -> None:
    root = request("a", 1.0, [])[0]
    chain = [root]
    for number in range(3000):
        chain.append(span(f"s{number}", "a", 100.0, 100.9, parent=chain[-1].span_id))
    first, second = (span(name, "a", 100.0, 100.5) for name in "xy")
    cycle = [
        replace(first, parent_id=second.span_id),
        replace(second, parent_id=first.span_id),
    ]
    (found,) = shown([*chain, *cycle])
    assert (len(found.bars), found.left_out) == (MOST_SPANS, 2801)
    assert max(one.depth for one in found.bars) == 16

"""The slowest traced requests as waterfalls: a bar for each span over the time of the request."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.diagnose.model import CauseKind
from harness.diagnose.traces import Trace, children_of, operation_of
from harness.runs.recording.spans import Span

MOST_TRACES: Final = 5
MOST_SPANS: Final = 200  # of a trace
_DEEPEST: Final = 16  # levels that are indented
_WHOLE: Final = 100.0  # per cent


@dataclass(frozen=True, slots=True)
class SpanBar:
    """A span.

    Attributes:
        name: Of the span.
        depth: Number of spans above it that are indented.
        left: Where its bar begins, in per cent of the request; `width` is how long it is.
        start: Seconds from the start of the request; `seconds` is its duration.
        kind: What its time is spent in.
        error: Whether it failed.
        detail: Its statement, or what it calls and where; empty when the name says it all.
    """

    name: str
    depth: int
    left: float
    width: float
    start: float
    seconds: float
    kind: CauseKind
    error: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Waterfall:
    """A traced request.

    Attributes:
        endpoint: Method and route.
        trace_id: Of the trace.
        seconds: Duration of the span that serves the request.
        bars: Its spans, each above the spans that it contains.
        left_out: Number of shorter spans that are not shown.
    """

    endpoint: str
    trace_id: str
    seconds: float
    bars: tuple[SpanBar, ...]
    left_out: int


def waterfalls(traces: Sequence[Trace], named: Collection[str] = ()) -> list[Waterfall]:
    """The slowest requests: the slowest of each endpoint before the second of any endpoint.

    Args:
        traces: Of the run.
        named: The ids of traces that are shown in any case.
    """
    ordered = sorted(traces, key=lambda one: -one.root.seconds)
    of_endpoints: dict[str, Trace] = {}
    for one in ordered:
        of_endpoints.setdefault(one.endpoint, one)
    first = list(of_endpoints.values())
    others = [one for one in ordered if of_endpoints[one.endpoint] is not one]
    ranked = first + others
    chosen = ranked[:MOST_TRACES]
    chosen += [one for one in ranked[MOST_TRACES:] if one.root.trace_id in named]
    return [_waterfall(one) for one in sorted(chosen, key=lambda one: -one.root.seconds)]


def _waterfall(trace: Trace) -> Waterfall:
    spans = list(_in_order(trace))
    longest = sorted(range(len(spans)), key=lambda place: -spans[place][1].seconds)
    shown = sorted(longest[:MOST_SPANS])
    bars = tuple(_bar(span, depth, trace.root) for depth, span in map(spans.__getitem__, shown))
    return Waterfall(
        trace.endpoint, trace.root.trace_id, trace.root.seconds, bars, len(spans) - len(shown)
    )


def _in_order(trace: Trace) -> Iterator[tuple[int, Span]]:
    """The spans with their depths, each before the spans below it, these by their start."""
    root = trace.root
    below = children_of(trace.spans, root)
    waiting = [(0, root)]
    while waiting:
        depth, span = waiting.pop()
        yield depth, span
        children = sorted(below.pop(span.span_id, ()), key=lambda one: (-one.start, one.seconds))
        waiting += [(depth + 1, child) for child in children]


def _bar(span: Span, depth: int, root: Span) -> SpanBar:
    scale = _WHOLE / root.seconds if root.seconds else 0.0
    left = min(max((span.start - root.start) * scale, 0.0), _WHOLE)
    right = min(max((span.end - root.start) * scale, left), _WHOLE)
    operation = operation_of(span)
    text = "" if operation.name == span.name else operation.name
    return SpanBar(
        name=span.name,
        depth=min(depth, _DEEPEST),
        left=round(left, 3),
        width=round(right - left, 3),
        start=span.start - root.start,
        seconds=span.seconds,
        kind=operation.kind,
        error=span.error,
        detail=" in ".join(filter(None, (text, operation.place))),
    )

"""Spans of services whose clocks differ, on the clock of the request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.runs.recording.spans import CLIENT, SERVER, Span


def without_skew(spans: Sequence[Span], root: Span) -> list[Span]:
    """The spans of a trace, each within the call that it serves.

    A span that serves the call of another service and does not lie within that call is moved into
    its middle, with all spans below it. This is the correction of Jaeger
    (https://www.jaegertracing.io/docs/latest/faq/, "clock skew"). A span that is longer than its
    call, because the caller stopped waiting, begins with the call.

    Args:
        spans: Of one trace.
        root: The one whose clock counts; it is not moved.
    """
    by_id = {span.span_id: span for span in spans}
    shifts: dict[str, float] = {root.span_id: 0.0}
    return [_moved(span, _shift(span, by_id, shifts)) for span in spans]


def _moved(span: Span, seconds: float) -> Span:
    if not seconds:
        return span
    return replace(span, start=span.start + seconds, end=span.end + seconds)


def _shift(span: Span, by_id: dict[str, Span], shifts: dict[str, float]) -> float:
    """Seconds by which a span is moved; those of the spans above it are found first."""
    path: list[Span] = []
    above: Span | None = span
    while above is not None and above.span_id not in shifts:
        shifts[above.span_id] = 0.0  # ends cycles of damaged traces
        path.append(above)
        above = by_id.get(above.parent_id)
    for one in reversed(path):
        parent = by_id.get(one.parent_id)
        skew = _skew(one, parent) if parent else 0.0
        shifts[one.span_id] = shifts.get(one.parent_id, 0.0) + skew
    return shifts[span.span_id]


def _skew(span: Span, call: Span) -> float:
    """Seconds by which a span must move to lie within the call that it serves."""
    served = span.kind == SERVER and call.kind == CLIENT and span.service != call.service
    if not served or (call.start <= span.start and span.end <= call.end):
        return 0.0
    spare = call.seconds - span.seconds
    if spare < 0:
        return 0.0 if call.start <= span.start < call.end else call.start - span.start
    return call.start + spare / 2 - span.start

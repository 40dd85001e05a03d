"""Traces as trees, and the time of a request by the operation that it was spent in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.diagnose.model import CauseKind
from harness.diagnose.retries import covered, pauses_of_retries
from harness.diagnose.skew import without_skew
from harness.runs.recording.moments import CpuMoments
from harness.runs.recording.spans import CLIENT, SERVER, Span
from harness.runs.recording.statement_text import statement_text

_MOST: Final = 10_000  # spans of one trace; more are left out
_STATEMENT: Final = ("db.query.text", "db.statement")
_ROUTE: Final = ("http.route", "http.target")
_HOST: Final = ("server.address", "net.peer.name", "peer.service")
_METHOD: Final = ("http.request.method", "http.method")
_STATUS: Final = ("http.response.status_code", "http.status_code")
_SERVER_ERROR: Final = 500
_CACHES: Final = {"redis", "valkey", "memcached"}
_SYSTEM: Final = ("db.system.name", "db.system")


@dataclass(frozen=True, slots=True)
class SpanOperation:
    """What the time of a span was spent in, the same for all spans that do the same.

    Attributes:
        kind: "span" is the service's own code between its other spans; "retry" is a call that was
            made again after it failed, with the pause before.
        name: A statement without its values, "GET host", or the name of the span.
        place: Where in the code, if the instrumentation says so.
        service: The name of the service, if another one than that of the request did it.
    """

    kind: CauseKind
    name: str
    place: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """One request, by the spans of the service.

    Attributes:
        root: The span that serves the request.
        own: Seconds of each operation that no span below it covers; they add up to the seconds of
            the root, where no two spans below one span overlap.
        counts: How often each operation was done.
        spans: All of its spans, the root included.
    """

    root: Span
    own: Mapping[SpanOperation, float]
    counts: Mapping[SpanOperation, int]
    spans: tuple[Span, ...]

    @property
    def endpoint(self) -> str:
        """Method and route of the request."""
        route = _first(self.root, _ROUTE)
        method = _first(self.root, _METHOD)
        return f"{method} {route}".strip() if route else self.root.name

    def fails_with(self, status: int) -> bool:
        """Whether the request failed with a status; 0 is a failure without an answer.

        An exception that leaves the service's own code can end the span before it has a status:
        the server makes an error of it.
        """
        known = _first(self.root, _STATUS)
        answers = known == str(status) if known else status >= _SERVER_ERROR
        return self.root.error and answers


def traces_of(spans: Iterable[Span]) -> list[Trace]:
    """The traces that have a server span, in the order of their first spans.

    A span whose parent is not there counts as a part of the request. One that was sent twice, by
    two exporters or by one that tried again, is one span.
    """
    by_trace: dict[str, dict[tuple[str, int, float, float], Span]] = {}
    for span in spans:
        of_trace = by_trace.setdefault(span.trace_id, {})
        if len(of_trace) < _MOST:
            of_trace[span.span_id, span.kind, span.start, span.end] = span
    found = (_trace(list(of_trace.values())) for of_trace in by_trace.values())
    return [trace for trace in found if trace is not None]


def _trace(spans: list[Span]) -> Trace | None:
    ids = {span.span_id for span in spans}
    servers = [span for span in spans if span.kind == SERVER]
    if not servers:
        return None
    # The longest, not the first: the clocks of two services differ.
    root = min(servers, key=lambda span: (span.parent_id in ids, -span.seconds, span.start))
    children = children_of(without_skew(spans, root), root)
    own: dict[SpanOperation, float] = {}
    counts: dict[SpanOperation, int] = {}
    below: list[Span] = []
    pauses: dict[str, float] = {}
    waiting, seen = [root], {root.span_id}
    while waiting:
        span = waiting.pop()
        below.append(span)
        of_span = children.get(span.span_id, [])
        pauses |= pauses_of_retries(of_span)
        operation = _operation_in(span, root, is_retry=span.span_id in pauses)
        seconds = (
            span.seconds - covered(span.start, span.end, of_span) + pauses.get(span.span_id, 0.0)
        )
        seconds -= sum(pauses.get(child.span_id, 0.0) for child in of_span)
        own[operation] = own.get(operation, 0.0) + seconds
        counts[operation] = counts.get(operation, 0) + 1
        for child in of_span:
            if child.span_id not in seen:  # damaged traces can have cycles
                seen.add(child.span_id)
                waiting.append(child)
    return Trace(root, own, counts, tuple(below))


def children_of(spans: Sequence[Span], root: Span) -> dict[str, list[Span]]:
    """The spans below each span, by its id; one whose parent is not there is below the root."""
    ids = {span.span_id for span in spans}
    found: dict[str, list[Span]] = {}
    for span in spans:
        if span is not root:
            parent = span.parent_id if span.parent_id in ids else root.span_id
            found.setdefault(parent, []).append(span)
    return found


def during(trace: Trace, start: float, end: float) -> Trace:
    """The part of a trace between two moments, seconds since the epoch."""
    cut = [
        replace(span, start=max(span.start, start), end=min(span.end, end))
        for span in trace.spans
        if span is trace.root or (span.end > start and span.start < end)
    ]
    part = _trace(cut)
    assert part is not None  # it has the root
    return part


def until_answer(trace: Trace) -> Trace:
    """The part of a trace until its request was answered: nobody waits for what goes on then."""
    root = trace.root
    goes_on = any(span.end > root.end for span in trace.spans)
    return during(trace, root.start, root.end) if goes_on else trace


def _operation_in(span: Span, root: Span, *, is_retry: bool) -> SpanOperation:
    """The operation of a span in the trace of a request."""
    found = operation_of(span)
    if is_retry:
        found = replace(found, kind="retry")
    return replace(found, service=span.service) if span.service != root.service else found


def after_window(traces: Sequence[Trace], moments: CpuMoments | None) -> list[Trace]:
    """The traces of the load that went on after the window, in order.

    All of its requests have one; of those before it a few have, over a longer time.

    Args:
        traces: Of the whole run.
        moments: When it went on. Where that is not known, the later half of the traces stands for
            them: a short window has fewer.
    """
    ordered = sorted(traces, key=lambda one: one.root.start)
    late = ordered[len(ordered) // 2 :]
    if moments is None:
        return late
    return [one for one in ordered if moments.begun <= one.root.start < moments.end] or late


def seconds_between(traces: Sequence[Trace]) -> float:
    """Seconds from the start of the first to the start of the last, which are in this order."""
    return traces[-1].root.start - traces[0].root.start if traces else 0.0


def operation_of(span: Span) -> SpanOperation:
    """The operation of a span."""
    place = _place(span)
    if statement := _first(span, _STATEMENT):
        return SpanOperation("statement", statement_text(statement), place)
    if span.kind == CLIENT:
        host = _first(span, _HOST)
        return SpanOperation("call", f"{span.name} {host}".strip(), place)
    return SpanOperation("span", span.name, place)


def is_cache_command(span: Span) -> bool:
    """Whether a span is a command of a cache, which looks like a statement of a database."""
    return _first(span, _SYSTEM) in _CACHES


def _first(span: Span, names: Iterable[str]) -> str:
    return next((str(span.attributes[name]) for name in names if name in span.attributes), "")


def _place(span: Span) -> str:
    """File and line, where the instrumentation sends them (`code.file.path`, `code.filepath`)."""
    file = _first(span, ("code.file.path", "code.filepath"))
    line = _first(span, ("code.line.number", "code.lineno"))
    return f"{file}:{line}" if file and line else file


def from_first_statement(trace: Trace) -> Trace | None:
    """The part of a request from its first statement to its end; None without a statement.

    So long it may keep a connection of the pool; no span says when it gives it back.
    """
    starts = [span.start for span in trace.spans if _is_query(span)]
    return during(trace, min(starts), trace.root.end) if starts else None


def _is_query(span: Span) -> bool:
    return operation_of(span).kind == "statement" and not is_cache_command(span)

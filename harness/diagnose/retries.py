"""Calls that were made again after they had failed, in the spans of one request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from harness.runs.recording.spans import CLIENT, Span

# https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
_RESENT: Final = "http.request.resend_count"
_URL: Final = ("url.full", "http.url", "rpc.method")
_PEER: Final = ("server.address", "net.peer.name", "peer.service")
_STATEMENT: Final = ("db.query.text", "db.statement", "db.system", "db.system.name")


def pauses_of_retries(siblings: Sequence[Span]) -> dict[str, float]:
    """The calls that repeat a failed one, by span id, with the seconds of the pause before.

    A call repeats another one when it has the same name, address and URL and begins after the
    other one has failed; or when its instrumentation counts it as sent again.

    Args:
        siblings: The spans below one span.
    """
    calls = [span for span in siblings if is_call(span)]
    if not calls:
        return {}
    failed: dict[tuple[str, ...], Span] = {}
    found: dict[str, float] = {}
    for call in sorted(calls, key=lambda one: one.start):
        key = _key(call)
        before = failed.get(key)
        if before is not None and call.start >= before.end:
            pause = call.start - before.end
            found[call.span_id] = pause - covered(before.end, call.start, siblings)
        elif _times_resent(call):
            found[call.span_id] = 0.0
        if call.error:
            failed[key] = call
        else:
            failed.pop(key, None)
    return found


def covered(start: float, end: float, spans: Iterable[Span]) -> float:
    """Seconds between two moments within which at least one of the spans runs."""
    seconds, moment = 0.0, start
    for span in sorted(spans, key=lambda one: one.start):
        begin, stop = max(span.start, moment), min(span.end, end)
        if stop > begin:
            seconds += stop - begin
            moment = stop
    return seconds


def is_call(span: Span) -> bool:
    """Whether a span calls another service, and not a database."""
    return span.kind == CLIENT and not any(name in span.attributes for name in _STATEMENT)


def _key(span: Span) -> tuple[str, ...]:
    return (span.name, *(str(span.attributes.get(name, "")) for name in (*_PEER, *_URL)))


def _times_resent(span: Span) -> int:
    count = span.attributes.get(_RESENT, 0)
    return count if isinstance(count, int) else 0

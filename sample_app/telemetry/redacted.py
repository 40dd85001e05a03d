"""Spans without the values that the messages of errors hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status


class RedactedExporter(SpanExporter):
    """Passes spans on: errors keep their type, and their text is redacted.

    The instrumentations copy the text of an exception into the span's status. That of a database's
    error names the values that were refused, so a statement's status has no text at all.

    Args:
        exporter: Gets the spans.
        redact: Removes secrets from a text.
    """

    def __init__(self, exporter: SpanExporter, redact: Callable[[str], str]) -> None:
        self._exporter = exporter
        self._redact = redact

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch."""
        return self._exporter.export([self._redacted(span) for span in spans])

    def shutdown(self) -> None:
        """Close the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what the exporter holds."""
        return self._exporter.force_flush(timeout_millis)

    def _redacted(self, span: ReadableSpan) -> ReadableSpan:
        if span.status.description is None and not span.events:
            return span
        of_database = "db.system.name" in (span.attributes or {})
        text = None if of_database else self._redact(span.status.description or "")
        return ReadableSpan(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=span.attributes,
            events=[self._event(event) for event in span.events],
            links=span.links,
            kind=span.kind,
            status=Status(span.status.status_code, text or None),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _event(self, event: Event) -> Event:
        attributes = {
            name: self._redact(value) if isinstance(value, str) else value
            for name, value in (event.attributes or {}).items()
        }
        return Event(event.name, attributes, event.timestamp)

"""The spans of one test, from the global tracer provider of the process.

The global provider can be set once, and tracers keep it. So all tests of a process share one, whose
sampler and processor each test replaces.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler, SamplingResult

from sample_app.telemetry.sampling import sampler


class _Sampler(Sampler):
    current: Sampler = ALWAYS_OFF

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        return self.current.should_sample(*args, **kwargs)

    def get_description(self) -> str:
        return "of the test"


class _Processor(SpanProcessor):
    current: SpanProcessor = SpanProcessor()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.current.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        self.current.on_end(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.current.force_flush(timeout_millis)


_sampler, _processor = _Sampler(), _Processor()
_provider = TracerProvider(sampler=_sampler, shutdown_on_exit=False)
_provider.add_span_processor(_processor)


class Recorded:
    """Finished spans."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    def all(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def by_name(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.all()}


@contextmanager
def recorded(ratio: float = 1.0, processor: SpanProcessor | None = None) -> Iterator[Recorded]:
    """Record `ratio` of the traces while inside, in memory or by a processor."""
    if trace.get_tracer_provider() is not _provider:
        trace.set_tracer_provider(_provider)
    spans = Recorded()
    _sampler.current = sampler(ratio)
    _processor.current = processor or SimpleSpanProcessor(spans.exporter)
    try:
        yield spans
    finally:
        _sampler.current, _processor.current = ALWAYS_OFF, SpanProcessor()


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A server that takes OTLP over HTTP: its address, and what it got."""
    got: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            got.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", got
        finally:
            server.shutdown()
            thread.join()

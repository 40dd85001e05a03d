"""OpenTelemetry traces of HTTP, SQL, caches and named blocks, with head sampling.

A request that is not recorded, 95 of 100 at the shipped settings, costs two random numbers, one
sampling decision and one context variable: `span` needs one check. The contributed
instrumentations for FastAPI and SQLAlchemy build all attributes before this check:
`docs/service.md` has the costs of both.

Spans are exported by OTLP over HTTP when `OTEL_EXPORTER_OTLP_ENDPOINT` is set, in batches, from a
separate thread; the exporter reads the other `OTEL_EXPORTER_OTLP_*` variables too.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sample_app.telemetry.route import method_of, route_template

UNTRACED: Final = ("/metrics", "/health", "/health/ready")
_W3C: Final = TraceContextTextMapPropagator()
_NEW: Final = context.Context()  # empty: a request never continues the context of its server

# The tracer of the request that runs here, when it is recorded.
_recorder: ContextVar[Tracer | None] = ContextVar("recorder", default=None)


def tracer_provider(service: str, version: str, ratio: float) -> TracerProvider:
    """A provider that records `ratio` of the traces that begin here, and follows its callers."""
    resource = Resource.create({"service.name": service, "service.version": version})
    provider = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(ratio)))
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        # 20 ms and 4 MB that a service without a collector does not need.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def start_span(name: str, kind: SpanKind, attributes: Mapping[str, AttributeValue]) -> Span | None:
    """A child of the current span, to be ended by the caller; None when nothing is recorded."""
    tracer = _recorder.get()
    return tracer.start_span(name, kind=kind, attributes=attributes) if tracer else None


@contextmanager
def span(name: str, **attributes: AttributeValue) -> Iterator[None]:
    """A span for the code inside.

    Example:
        with span("export.write", rows=len(rows)): ...
    """
    tracer = _recorder.get()
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(name, attributes=attributes):
        yield


class TracedRequests:
    """ASGI middleware: a span for each request, until the last byte of its answer."""

    def __init__(
        self, app: ASGIApp, provider: TracerProvider, ignored: Collection[str] = UNTRACED
    ) -> None:
        self._app = app
        self._tracer = provider.get_tracer(__name__)
        self._ignored = frozenset(ignored)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in self._ignored:
            await self._app(scope, receive, send)
            return
        parent = _parent(scope)
        request = self._tracer.start_span(method_of(scope), parent, kind=SpanKind.SERVER)
        token = context.attach(trace.set_span_in_context(request, parent))
        try:
            if request.is_recording():
                await self._recorded(request, scope, receive, send)
            else:
                await self._app(scope, receive, send)
        finally:
            context.detach(token)

    async def _recorded(self, request: Span, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_look(message: Message) -> None:
            if message["type"] == "http.response.start":
                _describe(request, scope, message["status"])
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                request.end()

        token = _recorder.set(self._tracer)
        try:
            await self._app(scope, receive, send_and_look)
        except BaseException as error:
            if request.is_recording():
                request.record_exception(error)
                request.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            _recorder.reset(token)
            if request.is_recording():  # no last byte was sent
                request.end()


def _parent(scope: Scope) -> context.Context:
    """The context of the `traceparent` header; most callers send none."""
    carrier = {
        name.decode(): value.decode("latin-1")
        for name, value in scope["headers"]
        if name in {b"traceparent", b"tracestate"}
    }
    return _W3C.extract(carrier, _NEW) if carrier else _NEW


def _describe(request: Span, scope: Scope, status: int) -> None:
    """Name and attributes, known once the router has chosen a route."""
    method, route = method_of(scope), route_template(scope)
    request.update_name(f"{method} {route}".rstrip())
    attributes: dict[str, AttributeValue] = {
        "http.request.method": method,
        "http.response.status_code": status,
        "url.path": scope["path"],
        "url.scheme": scope["scheme"],
        "network.protocol.version": scope["http_version"],
    }
    if route:
        attributes["http.route"] = route
    if status >= 500:
        attributes["error.type"] = str(status)
        request.set_status(Status(StatusCode.ERROR))
    request.set_attributes(attributes)

"""OpenTelemetry traces by the contributed instrumentations, through the global tracer provider.

The instrumentations of FastAPI, SQLAlchemy, Redis and httpx are given objects, not classes, so
that several applications in one process do not share state. Their own metrics are off: those of
this package are exact. Further spans come from the OpenTelemetry API:

    _tracer = trace.get_tracer(__name__)
    with _tracer.start_as_current_span("export.write"): ...

Spans are exported by OTLP over HTTP when `OTEL_EXPORTER_OTLP_ENDPOINT` is set, in batches, from a
separate thread; the exporter reads the other `OTEL_EXPORTER_OTLP_*` variables too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from importlib.metadata import version as version_of
from typing import Any, Final

import httpx
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor, RequestInfo
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.sqlalchemy.engine import EngineTracer
from opentelemetry.metrics import NoOpMeterProvider, NoOpUpDownCounter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span
from redis.asyncio import Redis
from sqlalchemy import Engine

from sample_app.telemetry.redacted import RedactedExporter
from sample_app.telemetry.sampling import SampledRequests, sampler

UNTRACED: Final = ("/metrics", "/health", "/health/ready", "/health/detailed")
_METERS: Final = NoOpMeterProvider()
_SQLALCHEMY: Final = "opentelemetry.instrumentation.sqlalchemy"

# The instrumentations read it once per process, before their first use. The default is the old
# names, such as http.status_code.
os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")


def set_up_traces(service: str, version: str, ratio: float, redact: Callable[[str], str]) -> None:
    """Set the global tracer provider of the process; one that is there already stays.

    Args:
        service: The name in `service.name`.
        version: The version in `service.version`.
        ratio: The share of the traces that begin here and are recorded, from 0 to 1.
        redact: Removes secrets from the messages of errors.
    """
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(tracer_provider(service, version, ratio, redact))


def tracer_provider(
    service: str, version: str, ratio: float, redact: Callable[[str], str] = str
) -> TracerProvider:
    """A provider that exports as the environment says; see `set_up_traces`."""
    resource = Resource.create({"service.name": service, "service.version": version})
    provider = TracerProvider(resource=resource, sampler=sampler(ratio))
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        # 20 ms and 4 MB that a service without a collector does not need.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = RedactedExporter(OTLPSpanExporter(), redact)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def flush_traces() -> None:
    """Export what the global provider holds: a process that a signal ends runs no exit handlers."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush()


def instrument_app(app: FastAPI, ratio: float, untraced: Collection[str] = UNTRACED) -> None:
    """A span for each request of `app`, which has not served one yet.

    The request's span ends with the last byte of its answer.

    Args:
        app: The application; `FastAPIInstrumentor.uninstrument_app` reverses this.
        ratio: The share of the traces that begin here and are recorded, from 0 to 1.
        untraced: Paths whose requests are never recorded.
    """
    paths = "|".join(re.escape(path) for path in untraced)
    FastAPIInstrumentor.instrument_app(
        app,
        server_request_hook=_without_query,
        meter_provider=_METERS,
        excluded_urls=f"^[a-z]+://[^/]+({paths})$",
        exclude_spans=["send", "receive"],
    )
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: SampledRequests(build(), ratio, untraced)  # type: ignore[method-assign]


def instrument_engine(engine: Engine) -> None:
    """A span for each statement of `engine`, with placeholders instead of values.

    This is the part of the instrumentation for one engine. `SQLAlchemyInstrumentor` would also
    replace `create_engine` and `Engine.connect` in the whole process.
    """
    tracer = trace.get_tracer(_SQLALCHEMY, version_of("opentelemetry-instrumentation-sqlalchemy"))
    EngineTracer(tracer, engine, NoOpUpDownCounter("unused"))  # type: ignore[no-untyped-call]


def instrument_redis(client: Redis) -> None:
    """A span for each command of `client`, without its arguments."""
    RedisInstrumentor.instrument_client(client)


def instrument_httpx(client: httpx.AsyncClient) -> None:
    """A span for each request of `client`, which carries `traceparent`."""
    HTTPXClientInstrumentor.instrument_client(
        client, meter_provider=_METERS, request_hook=_without_parameters
    )


def _without_query(span: Span, scope: dict[str, Any]) -> None:
    """Queries may hold personal data, such as the name that somebody searches for."""
    if scope.get("query_string") and span.is_recording():
        span.set_attribute("url.query", "[hidden]")


async def _without_parameters(span: Span, request: RequestInfo) -> None:
    if span.is_recording():
        url = httpx.URL(request.url)  # type: ignore[arg-type]
        span.set_attribute("url.full", str(url.copy_with(query=None)))

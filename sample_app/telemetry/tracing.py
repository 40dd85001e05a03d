"""OpenTelemetry traces over HTTP and SQL, sampled at the head.

The stock FastAPI instrumentation costs about half of an empty endpoint's throughput even for
requests that record no span (a sixth of one that queries a database), mostly in building
attributes; leaving out the send and receive spans and sampling keep it there. Metrics do not
come from here: its duration includes background tasks, and its SQL part has none.

Nothing is exported yet: without a span processor the traces only give logs their trace ids.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from sqlalchemy import Engine

EXCLUDED_URLS: Final = "/metrics,/health"  # regular expressions, searched in the whole URL


def tracer_provider(service: str, version: str, ratio: float) -> TracerProvider:
    """A provider that records `ratio` of the traces that begin here, and follows its callers."""
    resource = Resource.create({"service.name": service, "service.version": version})
    return TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(ratio)))


def trace_requests(app: FastAPI, provider: TracerProvider) -> None:
    """Make a span for each request of `app`, outside all its middleware."""
    # Without this the instrumentations still write their pre-1.0 attribute names.
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=provider,
        meter_provider=NoOpMeterProvider(),
        excluded_urls=EXCLUDED_URLS,
        exclude_spans=["send", "receive"],
    )


@contextmanager
def traced_queries(engine: Engine, provider: TracerProvider) -> Iterator[None]:
    """Make a span for each statement of `engine` while inside; one engine a process."""
    instrumentor = SQLAlchemyInstrumentor()
    instrumentor.instrument(
        engine=engine, tracer_provider=provider, meter_provider=NoOpMeterProvider()
    )
    try:
        yield
    finally:
        instrumentor.uninstrument()

"""The sample service with more or less telemetry: `python -m benchmarks.instrumented VARIANT PORT`.

The service itself has no option for this, so this module replaces the entry point of each part.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import uvicorn
from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from sample_app.app import create_app
from sample_app.core.logs.json_lines import configure_logs
from sample_app.settings import Settings
from sample_app.telemetry.cache import CacheWatch
from sample_app.telemetry.http import MeasuredRequests
from sample_app.telemetry.pool import PoolMetrics
from sample_app.telemetry.queries import QueryMetrics
from sample_app.telemetry.tracing import TracedRequests, tracer_provider


class Discarded(SpanExporter):
    """Receives batches of spans like a real exporter, and discards them."""

    def export(self, spans: Any) -> SpanExportResult:
        """Discard the batch."""
        return SpanExportResult.SUCCESS


def without_metrics() -> None:
    """Take every measuring hook out of the classes, before the application is made."""
    nothing: Callable[..., None] = lambda *_, **__: None  # noqa: E731
    classes: tuple[tuple[type, tuple[str, ...]], ...] = (
        (QueryMetrics, ("watch",)),
        (PoolMetrics, ("watch",)),
        (CacheWatch, ("got", "put", "evicted")),
    )
    for owner, names in classes:
        for name in names:
            setattr(owner, name, nothing)
    CacheWatch.timed = lambda *_: nullcontext()  # type: ignore[method-assign,assignment]


def remove(app: FastAPI, *classes: type) -> None:
    """Take middleware out, before the first request."""
    unwanted: set[object] = set(classes)
    app.user_middleware = [m for m in app.user_middleware if m.cls not in unwanted]


def stock(app: FastAPI, provider: TracerProvider) -> None:
    """Use the contributed instrumentations, without the costly send and receive spans.

    They instrument all engines that are created from now on.
    """
    remove(app, TracedRequests)
    meters = NoOpMeterProvider()
    FastAPIInstrumentor.instrument_app(
        app, tracer_provider=provider, meter_provider=meters, exclude_spans=["send", "receive"]
    )
    SQLAlchemyInstrumentor().instrument(tracer_provider=provider, meter_provider=meters)


def main(variant: str, port: int) -> None:
    """Serve until somebody ends the process."""
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http,database"
    settings = Settings()
    configure_logs(settings.log.level)
    provider = tracer_provider("bench", "1", 1.0 if variant == "all traces" else 0.05)
    provider.add_span_processor(BatchSpanProcessor(Discarded()))
    if variant == "bare":
        without_metrics()
    app = create_app(settings, traces=provider)
    if variant in {"bare", "metrics"}:
        remove(app, TracedRequests)
    if variant == "bare":
        remove(app, MeasuredRequests)
    if variant == "stock":
        stock(app, provider)
    gc.collect()
    gc.freeze()
    uvicorn.run(app, port=port, access_log=False, log_config=None)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

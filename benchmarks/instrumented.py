"""The sample service with more or less telemetry: `python -m benchmarks.instrumented VARIANT PORT`.

The service itself has no option for this, so this module replaces the entry point of each part.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import uvicorn
from opentelemetry import trace
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from sample_app import app as app_module
from sample_app.core.database import database
from sample_app.core.logs.json_lines import configure_logs
from sample_app.settings import Settings, TracesSettings
from sample_app.telemetry import tracing
from sample_app.telemetry.cache import CacheWatch
from sample_app.telemetry.http import MeasuredRequests
from sample_app.telemetry.pool import PoolMetrics
from sample_app.telemetry.queries import QueryMetrics
from sample_app.telemetry.sampling import SampledRequests


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


def without_traces() -> None:
    """Leave out every instrumentation; without a provider the spans of the service cost nothing."""
    nothing: Callable[..., None] = lambda *_, **__: None  # noqa: E731
    for module, name in ((app_module, "instrument_app"), (database, "instrument_engine")):
        setattr(module, name, nothing)


def without_early_decision() -> None:
    """Let each instrumentation build its attributes before the sampler is asked."""
    unchanged: Callable[..., Any] = lambda app, *_: app  # noqa: E731
    setattr(tracing, SampledRequests.__name__, unchanged)


def main(variant: str, port: int) -> None:
    """Serve until somebody ends the process."""
    ratio = 1.0 if variant == "all traces" else 0.05
    settings = Settings(traces=TracesSettings(ratio=ratio))
    configure_logs(settings.log.level)
    if variant == "bare":
        without_metrics()
    if variant in {"bare", "metrics"}:
        without_traces()
    else:
        provider = tracing.tracer_provider("bench", "1", ratio)
        provider.add_span_processor(BatchSpanProcessor(Discarded()))
        trace.set_tracer_provider(provider)
    if variant == "late":
        without_early_decision()
    app = app_module.create_app(settings)
    if variant == "bare":
        unwanted: object = MeasuredRequests
        app.user_middleware = [m for m in app.user_middleware if m.cls != unwanted]
    gc.collect()
    gc.freeze()
    uvicorn.run(app, port=port, access_log=False, log_config=None)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

"""Request metrics by a pure ASGI middleware, after the OpenTelemetry HTTP conventions.

The duration ends when the last part of the answer has been sent. In FastAPI's stock instrumentation
it ends when the application returns, which is after the background tasks: a request that takes
2 ms for the client counts as 300 ms there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from time import perf_counter
from typing import Final, NamedTuple

from opentelemetry import trace
from prometheus_client import CollectorRegistry, Gauge, Histogram, Summary
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sample_app.telemetry.route import method_of, route_template
from sample_app.telemetry.work import Work, current_work

# The convention's boundaries, and 0.2 for the latency budget. Edges at 0.1, 0.2 and 0.5 make those
# budgets exact, because no interpolation is needed.
# fmt: off
BUCKETS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)
SIZE_BUCKETS: Final = (1e2, 1e3, 1e4, 1e5, 1e6, 1e7)
QUERY_BUCKETS: Final = (0, 1, 2, 3, 5, 10, 20, 50, 100)
# fmt: on


class Answered(NamedTuple):
    """The series that an answered request belongs to."""

    duration: Histogram
    size: Histogram
    queries: Histogram
    columns: Summary


class HttpMetrics:
    """The request metrics of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        endpoint = ("http_request_method", "http_route")
        self.duration = Histogram(
            "http_server_request_duration_seconds",
            "From a request's arrival to the last byte of its answer, without background tasks.",
            (*endpoint, "http_response_status_code"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.size = Histogram(
            "http_server_response_body_size_bytes",
            "Bytes of an answer's body as sent, so after compression.",
            endpoint,
            buckets=SIZE_BUCKETS,
            registry=registry,
        )
        self.queries = Histogram(
            "http_server_request_db_queries",
            "Database statements that a request needed before its answer was sent.",
            endpoint,
            buckets=QUERY_BUCKETS,
            registry=registry,
        )
        self.columns = Summary(
            "http_server_request_db_columns",
            "Columns of the results of a request's statements, however many rows they had.",
            endpoint,
            registry=registry,
        )
        self.active = Gauge(
            "http_server_active_requests",
            "Requests that are being answered now.",
            ("http_request_method",),
            registry=registry,
        )
        # `labels` validates and locks at each call; routes and statuses are few.
        self.active_series = cache(self.active.labels)
        self.series = cache(self._series)

    def expect(self, routes: Iterable[tuple[str, str, int]]) -> None:
        """Make series exist with value 0, so that a first request is seen as an increase.

        Args:
            routes: Method, route template and usual status.
        """
        for method, route, status in routes:
            self.series(method, route, status)
            self.active_series(method)

    def _series(self, method: str, route: str, status: int) -> Answered:
        return Answered(
            self.duration.labels(method, route, status),
            self.size.labels(method, route),
            self.queries.labels(method, route),
            self.columns.labels(method, route),
        )


class MeasuredRequests:
    """ASGI middleware: counts and times every request, except on `ignored` paths."""

    def __init__(
        self, app: ASGIApp, metrics: HttpMetrics, ignored: Collection[str] = ("/metrics",)
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._ignored = frozenset(ignored)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in self._ignored:
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        method = method_of(scope)
        active = self._metrics.active_series(method)
        exemplar = _exemplar()
        work = Work()
        status, size, open_ = 500, 0, True  # 500: the client's status without an answer

        def finish() -> None:
            nonlocal open_
            if open_:
                open_ = False
                active.dec()
                series = self._metrics.series(method, route_template(scope), status)
                series.duration.observe(perf_counter() - started, exemplar)
                series.size.observe(size)
                series.queries.observe(work.queries)
                series.columns.observe(work.columns)

        async def timed_send(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body":
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    finish()

        active.inc()
        token = current_work.set(work)
        try:
            await self._app(scope, receive, timed_send)
        finally:
            current_work.reset(token)
            finish()


def _exemplar() -> dict[str, str] | None:
    """The exemplar of a histogram bucket: the trace id of one of its requests."""
    current = trace.get_current_span().get_span_context()
    if not current.trace_flags.sampled:
        return None
    return {"trace_id": trace.format_trace_id(current.trace_id)}

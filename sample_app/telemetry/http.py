"""Request metrics by a pure ASGI middleware, after the OpenTelemetry HTTP conventions.

The clock stops when the last part of the answer has been sent. FastAPI's stock instrumentation
stops it when the application returns, which is after the background tasks: a request that the
client saw in 2 ms is counted as 300 ms there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The convention's boundaries, and 0.2: our latency budget. Edges at 0.1, 0.2 and 0.5 make those
# budgets exact, because no interpolation is needed.
# fmt: off
BUCKETS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)
# fmt: on
METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY")
)
NO_ROUTE: Final = ""  # an empty label is an absent one: unknown paths must not become labels


class HttpMetrics:
    """The request metrics of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = Histogram(
            "http_server_request_duration_seconds",
            "From a request's arrival to the last byte of its answer, without background tasks.",
            ("http_request_method", "http_route", "http_response_status_code"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.active = Gauge(
            "http_server_active_requests",
            "Requests that are being answered now.",
            ("http_request_method",),
            registry=registry,
        )

    def expect(self, routes: Iterable[tuple[str, str, int]]) -> None:
        """Make series exist with value 0, so that a first request is seen as an increase.

        Args:
            routes: Method, route template and usual status.
        """
        for method, route, status in routes:
            self.duration.labels(method, route, status)
            self.active.labels(method)


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
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        active = self._metrics.active.labels(method)
        status, open_ = 500, True  # 500: what a client sees when nothing was answered

        def finish() -> None:
            nonlocal open_
            if open_:
                open_ = False
                active.dec()
                self._metrics.duration.labels(method, route_template(scope), status).observe(
                    perf_counter() - started
                )

        async def timed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                finish()

        active.inc()
        try:
            await self._app(scope, receive, timed_send)
        finally:
            finish()


def route_template(scope: Scope) -> str:
    """The template of the route that served a request, such as `/contacts/{id}`.

    `scope["route"].path` lacks the prefix that `include_router(prefix=...)` added; FastAPI keeps
    the full path in its own part of the scope.
    """
    effective = scope.get("fastapi", {}).get("effective_route_context")
    route = effective or scope.get("route")
    path = getattr(route, "path", NO_ROUTE)
    return path if isinstance(path, str) else NO_ROUTE

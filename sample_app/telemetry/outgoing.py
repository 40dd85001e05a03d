"""Metrics of requests to other services, after OpenTelemetry's `http.client.*`.

There is no convention for circuit breakers and bulkheads.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_log = logging.getLogger("sample_app.outgoing")
# The convention's boundaries.
# fmt: off
BUCKETS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)
# fmt: on


class OutgoingMetrics:
    """The metrics of other services in one registry; `peer` is the service's name here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = Histogram(
            "http_client_request_duration_seconds",
            "One attempt of a request to another service; error_type is empty when it answered.",
            ("peer", "error_type"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.active = Gauge(
            "http_client_active_requests",
            "Requests to another service that are under way.",
            ("peer",),
            registry=registry,
        )
        self.limit = Gauge(
            "http_client_active_requests_max",
            "Requests to another service that may be under way at once.",
            ("peer",),
            registry=registry,
        )
        self.rejections = Counter(
            "http_client_rejections_total",
            "Requests that were not sent, by what prevented it: breaker or bulkhead.",
            ("peer", "by"),
            registry=registry,
        )
        self.breaker = Gauge(
            "circuit_breaker_state",
            "1 for the state that the circuit breaker is in.",
            ("peer", "state"),
            registry=registry,
        )

    @contextmanager
    def timed(self, peer: str) -> Iterator[None]:
        """Time one attempt; an error is counted by its type, logged, and passed on."""
        started, error_type, reason = perf_counter(), "", ""
        try:
            yield
        except BaseException as error:
            error_type, reason = type(error).__name__, str(error)
            raise
        finally:
            seconds = perf_counter() - started
            self.duration.labels(peer, error_type).observe(seconds)
            extra = {"peer": peer, "seconds": round(seconds, 6)}
            if error_type:
                _log.warning("call failed", extra={**extra, "error": error_type, "reason": reason})
            else:
                _log.debug("call", extra=extra)

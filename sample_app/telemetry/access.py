"""Failed log-ins and refused requests."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter


class AccessMetrics:
    """The access metrics of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter(
            "auth_login_failures_total",
            "Log-ins and refreshes of a session that were refused.",
            ("reason",),
            registry=registry,
        )
        self.limited = Counter(
            "http_server_rate_limited_total",
            "Requests that were answered 429, by the limit that they exceeded.",
            ("limit",),
            registry=registry,
        )

    def expect(self, reasons: Iterable[str], limits: Iterable[str]) -> None:
        """Make series exist with value 0, so that a first event is seen as an increase."""
        for reason in reasons:
            self.failures.labels(reason)
        for limit in limits:
            self.limited.labels(limit)

    def log_in_refused(self, reason: str) -> None:
        """A log-in or a refresh was refused."""
        self.failures.labels(reason).inc()

    def rate_limited(self, limit: str) -> None:
        """A request exceeded a limit."""
        self.limited.labels(limit).inc()

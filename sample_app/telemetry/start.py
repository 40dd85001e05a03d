"""The start-up time of the service: the delay of a deployment or a recovery."""

from __future__ import annotations

from time import time

from prometheus_client import CollectorRegistry, Gauge

_IMPORTED = time()


class StartMetrics:
    """The start-up metric of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.duration = Gauge(
            "service_start_duration_seconds",
            "From the start of the process until it could serve, in seconds.",
            registry=registry,
        )

    def ready(self) -> None:
        """The service can serve from now on."""
        began = self._registry.get_sample_value("process_start_time_seconds")
        self.duration.set(time() - (began or _IMPORTED))  # `began` is None except on Linux

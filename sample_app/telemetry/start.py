"""The start-up time of the service: the delay of a deployment or a recovery."""

from __future__ import annotations

from time import time

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

_IMPORTED = time()


class StartMetrics:
    """The start-up metric of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = Gauge(
            "service_start_duration_seconds",
            "From the start of the process until it could serve, in seconds.",
            registry=registry,
        )

    def ready(self) -> None:
        """The service can serve from now on."""
        self.duration.set(time() - _began())


def _began() -> float:
    """Unix time of the start of the process; off Linux, of the import of this module."""
    for family in ProcessCollector(registry=None).collect():
        for sample in family.samples:
            if sample.name == "process_start_time_seconds":
                return sample.value
    return _IMPORTED

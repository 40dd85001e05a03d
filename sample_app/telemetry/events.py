"""How often things happen that the business cares about, by name."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter


class EventMetrics:
    """The business metric of one registry: one counter, so a new event needs no new metric."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter(
            "business_events_total",
            "Things that happened and that the business cares about, such as a new contact.",
            ("event",),
            registry=registry,
        )

    def expect(self, events: Iterable[str]) -> None:
        """Make the series of all `events` exist with value 0."""
        for event in events:
            self.events.labels(event)

    def happened(self, event: str) -> None:
        """Count one event."""
        self.events.labels(event).inc()

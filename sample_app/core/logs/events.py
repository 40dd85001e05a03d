"""Business events: each is counted and logged, under one name."""

from __future__ import annotations

import logging

from sample_app.telemetry.events import EventMetrics

_log = logging.getLogger("sample_app.business")


class BusinessEvents:
    """Records what has happened; call it after the commit.

    The log line has the caller's id and the correlation id, and the details: numbers and ids, no
    personal data.
    """

    def __init__(self, metrics: EventMetrics) -> None:
        self._metrics = metrics

    def happened(self, event: str, **details: int) -> None:
        """Count the event and log it at level INFO."""
        self._metrics.happened(event)
        _log.info(event, extra=details, stacklevel=2)

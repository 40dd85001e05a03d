"""The number of log records, by level."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter


class LogMetrics(logging.Handler):
    """The log metric of one registry, as a handler of Python's logging."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self.records = Counter(
            "log_records_total",
            "Records that were logged, by level.",
            ("level",),
            registry=registry,
        )
        self._series = {
            level: self.records.labels(level)
            for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
        }

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record; levels of other names are not counted."""
        if (series := self._series.get(record.levelname)) is not None:
            series.inc()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count the records that reach the root logger while inside."""
        root = logging.getLogger()
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)

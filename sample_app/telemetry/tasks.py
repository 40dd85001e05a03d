"""Time, failures and number of background tasks, by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# An edge at the 5 s budget.
# fmt: off
BUCKETS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)
# fmt: on


class TaskMetrics:
    """The background task metrics of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("task",)
        self.duration = Histogram(
            "background_task_duration_seconds",
            "Time of one background task, whether it failed or not.",
            labels,
            buckets=BUCKETS,
            registry=registry,
        )
        self.failures = Counter(
            "background_task_failures_total",
            "Background tasks that raised.",
            labels,
            registry=registry,
        )
        self.active = Gauge(
            "background_task_active", "Background tasks that run now.", labels, registry=registry
        )

    def expect(self, task: str) -> None:
        """Make the series of `task` exist with value 0."""
        self.duration.labels(task)
        self.failures.labels(task)
        self.active.labels(task)

    @contextmanager
    def measured(self, task: str) -> Iterator[None]:
        """Measure what runs inside; what it raises is counted and passed on."""
        started = perf_counter()
        with self.active.labels(task).track_inprogress():
            try:
                yield
            except BaseException:
                self.failures.labels(task).inc()
                raise
            finally:
                self.duration.labels(task).observe(perf_counter() - started)

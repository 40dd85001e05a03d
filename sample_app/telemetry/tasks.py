"""Time, failures and number of background tasks, by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from typing import Final

from opentelemetry import trace
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_tracer = trace.get_tracer(__name__)
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
        self.retries = Counter(
            "background_task_retries_total",
            "Attempts after the first.",
            labels,
            registry=registry,
        )
        self.recoveries = Counter(
            "background_task_recoveries_total",
            "Background tasks that were started again after their process had ended.",
            labels,
            registry=registry,
        )
        self.queue = Gauge(
            "background_task_queue_depth",
            "Background tasks that wait for others to end.",
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
        self.retries.labels(task)
        self.recoveries.labels(task)
        self.queue.labels(task)
        self.active.labels(task)

    def failed(self, task: str) -> None:
        """A task failed while no process worked on it."""
        self.failures.labels(task).inc()

    def retried(self, task: str) -> None:
        """A task is tried again."""
        self.retries.labels(task).inc()

    def recovered(self, task: str) -> None:
        """A task is started again after its process has ended."""
        self.recoveries.labels(task).inc()

    def queued(self, task: str) -> AbstractContextManager[None]:
        """Count the tasks that wait inside."""
        return self.queue.labels(task).track_inprogress()

    @contextmanager
    def measured(self, task: str) -> Iterator[None]:
        """Measure the code inside, in a span; its exceptions are counted and raised again."""
        started = perf_counter()
        span = _tracer.start_as_current_span(f"task {task}")
        with self.active.labels(task).track_inprogress(), span:
            try:
                yield
            except BaseException:
                self.failures.labels(task).inc()
                raise
            finally:
                self.duration.labels(task).observe(perf_counter() - started)

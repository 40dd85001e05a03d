"""Metrics of named caches, after Micrometer: there is no OpenTelemetry convention for caches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

OPERATIONS: Final = ("get", "put", "invalidate")
# From microseconds (a dictionary) to a slow network; an edge at the 10 ms budget.
# fmt: off
BUCKETS: Final = (
    1e-06, 2.5e-06, 5e-06, 1e-05, 2.5e-05, 5e-05, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
    0.01, 0.025, 0.05, 0.1, 0.5, 1.0,
)
# fmt: on


class CacheMetrics:
    """The cache metrics of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("cache", "level")
        self.gets = Counter(
            "cache_gets_total",
            "Lookups, by result: hit or miss.",
            (*labels, "result"),
            registry=registry,
        )
        self.puts = Counter("cache_puts_total", "Values stored.", labels, registry=registry)
        self.overwrites = Counter(
            "cache_overwrites_total",
            "Values stored over one that was still good: two callers loaded it together.",
            labels,
            registry=registry,
        )
        self.evictions = Counter(
            "cache_evictions_total",
            "Values that left because they were too many or too old.",
            labels,
            registry=registry,
        )
        self.errors = Counter(
            "cache_errors_total",
            "Operations that a level failed to do; what was asked for was done without it.",
            (*labels, "operation"),
            registry=registry,
        )
        self.size = Gauge("cache_size", "Values held now.", labels, registry=registry)
        self.duration = Histogram(
            "cache_operation_duration_seconds",
            "Time of one cache operation, without loading what is missing.",
            (*labels, "operation"),
            buckets=BUCKETS,
            registry=registry,
        )

    def watch(self, cache: str, level: str, size: Callable[[], int]) -> CacheWatch:
        """The metrics of one named cache, each present from now on with value 0.

        Args:
            cache: Its name.
            level: `memory` or `redis`.
            size: Returns the number of its values; called at each scrape.
        """
        self.size.labels(cache, level).set_function(size)
        return CacheWatch(self, cache, level)


class CacheWatch:
    """The metrics of one cache level."""

    def __init__(self, metrics: CacheMetrics, cache: str, level: str) -> None:
        self._hits = metrics.gets.labels(cache, level, "hit")
        self._misses = metrics.gets.labels(cache, level, "miss")
        self._puts = metrics.puts.labels(cache, level)
        self._overwrites = metrics.overwrites.labels(cache, level)
        self._evictions = metrics.evictions.labels(cache, level)
        self._errors = {name: metrics.errors.labels(cache, level, name) for name in OPERATIONS}
        self._durations = {name: metrics.duration.labels(cache, level, name) for name in OPERATIONS}

    def got(self, *, hit: bool) -> None:
        """A lookup ended."""
        (self._hits if hit else self._misses).inc()

    def put(self, *, over: bool = False) -> None:
        """A value was stored, perhaps over one that was still good."""
        self._puts.inc()
        if over:
            self._overwrites.inc()

    def evicted(self, number: int = 1) -> None:
        """Values left because of size or age."""
        self._evictions.inc(number)

    def failed(self, operation: str) -> None:
        """An operation failed."""
        self._errors[operation].inc()

    @contextmanager
    def timed(self, operation: str) -> Iterator[None]:
        """Time one operation: get, put or invalidate."""
        started = perf_counter()
        try:
            yield
        finally:
            self._durations[operation].observe(perf_counter() - started)

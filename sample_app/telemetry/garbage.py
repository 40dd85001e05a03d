"""The pauses of garbage collections, which stop the loop and all requests."""

from __future__ import annotations

import gc
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BUCKETS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_EDGES: Final = (*map(str, BUCKETS), "+Inf")
GENERATIONS: Final = 3


class GarbageMetrics(Collector):
    """The collector's pauses on one registry; how often it ran is in `python_gc_*`.

    It has plain numbers instead of a `Histogram`: a collection may begin while a histogram holds
    its lock, and the callback would then wait for the lock forever.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counts = [[0] * len(_EDGES) for _ in range(GENERATIONS)]
        self._sums = [0.0] * GENERATIONS
        self._started: float | None = None
        registry.register(self)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Time every collection of this process while inside."""
        gc.callbacks.append(self._note)
        try:
            yield
        finally:
            gc.callbacks.remove(self._note)
            self._started = None

    def _note(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._started = perf_counter()
        elif self._started is not None:
            seconds, generation = perf_counter() - self._started, info["generation"]
            self._counts[generation][bisect_left(BUCKETS, seconds)] += 1
            self._sums[generation] += seconds

    def collect(self) -> Iterator[Metric]:
        """One histogram, by generation."""
        family = HistogramMetricFamily(
            "python_gc_pause_seconds",
            "Time of one garbage collection, by generation.",
            labels=("generation",),
        )
        for generation, counts in enumerate(self._counts):
            buckets = list(zip(_EDGES, map(float, accumulate(counts)), strict=True))
            family.add_metric((str(generation),), buckets, self._sums[generation])
        yield family

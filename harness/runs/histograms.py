"""Recorded times as Prometheus histograms: few edges in the place of thousands of buckets."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from harness import names
from harness.runs.cells import middle_of
from harness.runs.model import LatencyKey
from harness.runs.openmetrics import Sample, reading

# Seconds; mostly half as much again from one to the next, so that a quantile that is interpolated
# between two of them is not far off.
_EDGES: Final = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0),
)
_LAG_EDGES: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_FAMILIES: Final = {
    names.LATENCY: names.RUN_LATENCY,
    names.SERVICE_TIME: names.RUN_SERVICE_TIME,
    names.START_LAG: names.RUN_START_LAG,
    names.SCHEDULER_LAG: names.RUN_SCHEDULER_LAG,
    names.GENERATOR_LOOP_LAG: names.RUN_LOOP_LAG,
    names.GENERATOR_CANARY: names.RUN_CANARY,
}
# A locustfile that names its requests by URL would make a series of each; the rest is one.
MOST_REQUESTS: Final = 200
OTHER_REQUESTS: Final = "(others)"


class HistogramSet:
    """Counts of recorded times by histogram.

    Args:
        bounds: Seconds that must be edges of the requests' histograms: the bounds of latency
            budgets, so that the share of requests over them is exact.
    """

    def __init__(self, bounds: Iterable[float]) -> None:
        # A bound such as 300 ms has float noise, and must not stand beside 0.3.
        self._edges = tuple(sorted({*_EDGES, *(float(f"{bound:.9g}") for bound in bounds)}))
        self._requests: set[str] = set()
        self._histograms: dict[tuple[str, tuple[tuple[str, str], ...]], _Histogram] = {}

    def add(self, key: LatencyKey, counts: Mapping[int, int]) -> None:
        """Count times: a bucket's lower edge in nanoseconds, and how many fell into it."""
        if key.what not in _FAMILIES:
            return  # a wait without an answer is not a time
        of_requests = key.what in {names.LATENCY, names.SERVICE_TIME}
        place = _FAMILIES[key.what], self._labels(key) if of_requests else _source(key)
        if place not in self._histograms:
            self._histograms[place] = _Histogram(self._edges if of_requests else _LAG_EDGES)
        self._histograms[place].add(counts)

    def samples(self) -> Iterator[Sample]:
        """All histograms as a scrape shows them, cumulative from the start of the load."""
        for (family, labels), histogram in self._histograms.items():
            yield from histogram.samples(family, dict(labels))
            if family == names.RUN_LATENCY:
                yield reading(names.RUN_REQUESTS, histogram.count, dict(labels))

    def _labels(self, key: LatencyKey) -> tuple[tuple[str, str], ...]:
        request = key.request
        if request not in self._requests:
            if len(self._requests) < MOST_REQUESTS:
                self._requests.add(request)
            else:
                request = OTHER_REQUESTS
        return (names.RUN_OUTCOME, key.outcome), (names.RUN_REQUEST, request)


class _Histogram:
    def __init__(self, edges: tuple[float, ...]) -> None:
        self._edges = edges
        self._counts = [0] * (len(edges) + 1)
        self._sum = 0.0

    @property
    def count(self) -> int:
        return sum(self._counts)

    def add(self, counts: Mapping[int, int]) -> None:
        for bucket, count in counts.items():
            # The middle of a bucket stands for its times, as in `Distribution`: what is over a
            # bound there is over the edge here.
            time = middle_of(bucket)
            self._counts[bisect_left(self._edges, time)] += count
            self._sum += time * count

    def samples(self, family: str, labels: Mapping[str, str]) -> Iterator[Sample]:
        *cumulative, count = accumulate(self._counts)
        for edge, seen in zip((*map(repr, self._edges), "+Inf"), (*cumulative, count), strict=True):
            yield Sample(f"{family}_bucket", {**labels, "le": edge}, seen, "histogram", family)
        yield Sample(f"{family}_sum", labels, self._sum, "histogram", family)
        yield Sample(f"{family}_count", labels, count, "histogram", family)


def _source(key: LatencyKey) -> tuple[tuple[str, str], ...]:
    """Which of several generators read a lag of itself."""
    return ((names.SOURCE, key.name),) if key.name else ()

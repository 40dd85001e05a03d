"""What happened in each part of the window: batches long enough to be nearly independent."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

from harness.budgets.model import Latency, Selector
from harness.judge.measure.deltas import bucket_edge
from harness.judge.measure.series import (
    Interval,
    edges,
    inside,
    origin,
    scrape_interval,
    scrapes,
    select,
    window,
)
from harness.names import LATENCY, OK
from harness.runs.model import Distribution, Evidence, LatencyKey, Series, batch_seconds

Batches = Mapping[int, float]


def times_in_batches(evidence: Evidence, indicator: Latency) -> list[Distribution]:
    """The times that an indicator asks for, for each batch of the window that has some."""
    found: dict[int, list[Distribution]] = defaultdict(list)
    for key, batches in evidence.batches.items():
        if (
            key.what == indicator.of
            and indicator.outcome in {key.outcome, "all"}
            and _asked(key, indicator.request)
        ):
            for number, times in batches.items():
                found[number].append(times)
    return [Distribution.merge(found[number]) for number in sorted(found)]


def failures_in_batches(evidence: Evidence, request: str | None) -> tuple[Batches, Batches]:
    """How many requests failed, and how many there were, in each batch of the window."""
    failed: dict[int, float] = defaultdict(float)
    every: dict[int, float] = defaultdict(float)
    for key, batches in evidence.batches.items():
        if key.what == LATENCY and _asked(key, request):
            for number, times in batches.items():
                failed[number] += times.count * (key.outcome != OK)
                every[number] += times.count
    return failed, every


def increases_in_batches(evidence: Evidence, selector: Selector) -> Batches:
    """The increase of all series that a selector means, in each batch; they add up to `total`.

    Raises:
        NoDataError: As for `deltas`.
    """
    return _summed(evidence, select(evidence, selector))


def buckets_in_batches(evidence: Evidence, selector: Selector) -> dict[float, Batches]:
    """A histogram's observations not over each of its edges, in each batch.

    Raises:
        NoDataError: As for `deltas`.
    """
    by_edge: dict[float, list[Series]] = defaultdict(list)
    for series in select(evidence, Selector(f"{selector.metric}_bucket", selector.where)):
        by_edge[bucket_edge(series.labels, selector)].append(series)
    return {edge: _summed(evidence, by_edge[edge]) for edge in sorted(by_edge)}


def seconds_in_batches(evidence: Evidence, selector: Selector) -> Batches:
    """How long each batch lasted by the scrapes of a selector's series, the mean of its instances.

    Raises:
        NoDataError: As for `deltas`.
    """
    places = {origin(one) for one in select(evidence, selector)}
    found: dict[int, float] = defaultdict(float)
    for place in places:
        ends = edges(evidence, place)
        moments = [t for t in scrapes(evidence, place) if ends.start <= t <= ends.end]
        for before, moment in pairwise(moments):
            found[_number(evidence, ends, moment)] += (moment - before) / len(places)
    return found


def _asked(key: LatencyKey, request: str | None) -> bool:
    return request in {key.request, None}


def _summed(evidence: Evidence, series: Iterable[Series]) -> Batches:
    found = tuple(series)
    ends = {place: edges(evidence, place) for place in {origin(one) for one in found}}
    sums: dict[int, float] = defaultdict(float)
    for one in found:
        own = ends[origin(one)]
        before = 0.0
        for moment, value in inside(one, own):
            if moment > own.start:
                # A counter that fell was reset, and counts from 0; so does one that is born.
                sums[_number(evidence, own, moment)] += value - (before if value >= before else 0)
            before = value
    return sums


def _number(evidence: Evidence, ends: Interval, moment: float) -> int:
    """The batch that ends with a scrape, which comes a little early or late."""
    seconds = window(evidence).seconds
    width = max(batch_seconds(seconds), scrape_interval(evidence))
    last = max(0, math.ceil(seconds / width) - 1)
    return min(max(0, math.floor((moment - ends.start) / width - 0.25)), last)

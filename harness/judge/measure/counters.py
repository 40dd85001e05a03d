"""What the service's counters and histograms counted within the window."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import assert_never

from harness.budgets.model import (
    Mean,
    Quantile,
    Rate,
    Ratio,
    Selector,
    selectors,
)
from harness.judge.measure.batches import increases_in_batches, seconds_in_batches
from harness.judge.measure.coverage import service_coverage
from harness.judge.measure.deltas import Delta, born, deltas, total
from harness.judge.measure.gauges import levels
from harness.judge.measure.histograms import bucket_edge, histogram
from harness.judge.measure.observation import ObservedHistogram, ObservedRate, ObservedRatio
from harness.judge.measure.series import NoDataError, origin, select
from harness.runs.model import Evidence


def observe_histogram(indicator: Quantile, evidence: Evidence) -> ObservedHistogram:
    """The observations of a histogram.

    Raises:
        NoDataError: No buckets, no edge scrape, no observations, or buckets that differ.
    """
    buckets = indicator.histogram.part("bucket")
    parts = deltas(evidence, buckets)
    found = histogram(parts, indicator.histogram)
    by_edge: dict[float, list[Delta]] = defaultdict(list)
    for part in parts:
        by_edge[bucket_edge(part.labels, indicator.histogram)].append(part)
    return ObservedHistogram(
        indicator,
        service_coverage(evidence, [buckets], [(buckets, parts)]),
        found,
        {edge: increases_in_batches(evidence, by_edge[edge]) for edge in sorted(by_edge)},
    )


def observe_ratio(indicator: Mean | Ratio, evidence: Evidence) -> ObservedRatio:
    """The increases of two counters.

    Raises:
        NoDataError: No series, no edge scrape, or the second one did not move.
    """
    match indicator:
        case Mean(histogram=selector):
            of, to = selector.part("sum"), selector.part("count")
        case Ratio(of=of, to=to):
            pass
        case _:
            assert_never(indicator)
    below = deltas(evidence, to)
    if total(below) <= 0:
        raise NoDataError(f"{to} did not move in the window; does the load reach this part?")
    above = deltas(evidence, of)
    counted = [(to, below)] if isinstance(indicator, Mean) else [(of, above), (to, below)]
    return ObservedRatio(
        indicator,
        service_coverage(evidence, (of, to), counted),
        total(above),
        total(below),
        increases_in_batches(evidence, above),
        increases_in_batches(evidence, below),
        below[0].source,
        born(above),
        born(below),
    )


def observe_rate(indicator: Rate, evidence: Evidence) -> ObservedRate:
    """The increase of a counter per second, and what it is divided by.

    Raises:
        NoDataError: No series, no edge scrape, or a gauge that is not above 0.
    """
    parts = deltas(evidence, indicator.counter)
    places = {origin(one) for one in select(evidence, indicator.counter)}
    return ObservedRate(
        indicator,
        service_coverage(evidence, selectors(indicator), [(indicator.counter, parts)]),
        math.fsum(part.value / part.seconds for part in parts),
        _divisor(indicator.to, evidence),
        max(part.scrapes for part in parts),
        increases_in_batches(evidence, parts),
        seconds_in_batches(evidence, places),
        parts[0].source,
        math.fsum(part.born / part.seconds for part in parts),
    )


def _divisor(gauge: Selector | None, evidence: Evidence) -> float:
    """The mean of a gauge, or 1 without one."""
    if gauge is None:
        return 1.0
    sizes = levels(evidence, gauge)
    size = math.fsum(sizes) / len(sizes)
    if size <= 0:
        raise NoDataError(f"{gauge} is {size:g}: there is nothing to divide by")
    return size

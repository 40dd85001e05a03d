"""What the service's counters and histograms counted within the window."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import assert_never

from harness.budgets.model import (
    ErrorRatio,
    Mean,
    PerRequest,
    Quantile,
    Rate,
    Ratio,
    Selector,
    selectors,
)
from harness.judge.measure.absent import places
from harness.judge.measure.batches import (
    increases_in_batches,
    requests_in_batches,
    seconds_in_batches,
)
from harness.judge.measure.coverage import service_coverage
from harness.judge.measure.deltas import Delta, born, deltas, deltas_or_zero, total
from harness.judge.measure.gauges import levels
from harness.judge.measure.histograms import bucket_edge, histogram
from harness.judge.measure.observation import (
    ObservedHistogram,
    ObservedPerRequest,
    ObservedRate,
    ObservedRatio,
)
from harness.judge.measure.requests import observe_failures
from harness.judge.measure.series import NoDataError
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
        {edge: born(found) for edge, found in by_edge.items()},
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
    above = deltas_or_zero(evidence, of) if isinstance(indicator, Ratio) else deltas(evidence, of)
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


def observe_per_request(indicator: PerRequest, evidence: Evidence) -> ObservedPerRequest:
    """The increase of a counter, and the requests of the window.

    Raises:
        NoDataError: No series, no edge scrape, or no request with a known outcome.
    """
    requests = observe_failures(ErrorRatio(), evidence)
    if not requests.count.total:
        raise NoDataError(f"all {requests.count.made} requests of the window are unanswered")
    parts = deltas_or_zero(evidence, indicator.counter)
    numbers = {*requests.total, *requests.unanswered}
    made = {n: requests.total.get(n, 0) + requests.unanswered.get(n, 0) for n in numbers}
    return ObservedPerRequest(
        indicator,
        service_coverage(evidence, [indicator.counter], [(indicator.counter, parts)]),
        total(parts),
        requests.count,
        increases_in_batches(evidence, parts),
        requests_in_batches(evidence, requests.total),
        requests_in_batches(evidence, made),
        parts[0].source,
    )


def observe_rate(indicator: Rate, evidence: Evidence) -> ObservedRate:
    """The increase of a counter per second, and what it is divided by.

    Raises:
        NoDataError: No series, no edge scrape, or a gauge that is not above 0.
    """
    parts = deltas_or_zero(evidence, indicator.counter)
    read_at = places(evidence, indicator.counter, counted=True)
    return ObservedRate(
        indicator,
        service_coverage(evidence, selectors(indicator), [(indicator.counter, parts)]),
        math.fsum(part.value / part.seconds for part in parts),
        _divisor(indicator.to, evidence),
        max(part.scrapes for part in parts),
        increases_in_batches(evidence, parts),
        seconds_in_batches(evidence, read_at),
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

"""What the service's counters and histograms counted within the window."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
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
    answered_in_batches,
    increases_in_batches,
    requests_in_batches,
    seconds_in_batches,
)
from harness.judge.measure.coverage import service_coverage
from harness.judge.measure.deltas import (
    Delta,
    born,
    deltas,
    deltas_or_zero,
    reported_deltas,
    total,
)
from harness.judge.measure.gauges import levels
from harness.judge.measure.histograms import bucket_edge, histogram
from harness.judge.measure.observation import (
    ObservedHistogram,
    ObservedPerRequest,
    ObservedRate,
    ObservedRatio,
    RequestCount,
)
from harness.judge.measure.requests import observe_failures
from harness.judge.measure.series import LOAD_GENERATOR, OTHER_CLIENT, NoDataError
from harness.names import GENERATOR_RECORDED, GENERATOR_REQUEST_BYTES, REPORTED_BYTES, SOURCE
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
    counter, requests = indicator.counter, observe_failures(ErrorRatio(), evidence)
    if not requests.count.total:
        raise NoDataError("no request was answered in the window; is the service too slow?")
    unanswered = requests_in_batches(evidence, requests.unanswered)
    count, divisor = requests.count, requests_in_batches(evidence, requests.total)
    if counter.metric in REPORTED_BYTES:
        parts = reported_deltas(evidence, counter)
        coverage = replace(requests.coverage, providers=(LOAD_GENERATOR,))
        # A report has both as of one moment, so each response is counted with its request.
        recorded = reported_deltas(evidence, Selector(GENERATOR_RECORDED))
        if _reports(parts) != _reports(recorded):
            of_client = counter.metric == GENERATOR_REQUEST_BYTES
            why = OTHER_CLIENT if of_client else "some of its readings are missing"
            raise NoDataError(f"{counter} does not count all requests: {why}")
        divisor = increases_in_batches(evidence, recorded)
    else:
        parts = deltas_or_zero(evidence, counter)
        coverage = service_coverage(evidence, [counter], [(counter, parts)])
        if indicator.answered:
            numbers = {*requests.total, *requests.unanswered}
            due = {n: requests.total.get(n, 0) + requests.unanswered.get(n, 0) for n in numbers}
            divisor = answered_in_batches(evidence, due)
    if indicator.answered:
        count = RequestCount(ok=round(math.fsum(divisor.values())), unanswered=count.unanswered)
        if not count.total:
            raise NoDataError("no request was answered in the window; is the service too slow?")
    return ObservedPerRequest(
        indicator,
        coverage,
        total(parts),
        count,
        increases_in_batches(evidence, parts),
        divisor,
        {n: divisor.get(n, 0) + unanswered.get(n, 0) for n in {*divisor, *unanswered}},
        parts[0].source,
        born(parts),
    )


def _reports(parts: Iterable[Delta]) -> set[tuple[str | None, float, float]]:
    """Generator, time of the first report and seconds to the last one, of each series."""
    return {(part.labels.get(SOURCE), part.start, part.seconds) for part in parts}


def observe_rate(indicator: Rate, evidence: Evidence) -> ObservedRate:
    """The increase of a counter per second, and what it is divided by.

    Raises:
        NoDataError: No series, no edge scrape, or a gauge that is not above 0.
    """
    parts = deltas_or_zero(evidence, indicator.counter)
    read_at = places(evidence, indicator.counter, counted=True)
    coverage = service_coverage(evidence, selectors(indicator), [(indicator.counter, parts)])
    return ObservedRate(
        indicator,
        coverage,
        math.fsum(part.value / part.seconds for part in parts),
        _divisor(indicator.to, evidence),
        # What is born after the window was 0 in each scrape of its instance.
        max(part.scrapes for part in parts) or coverage.readings or 0,
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

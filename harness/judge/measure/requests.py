"""What the load generator recorded of the requests that an indicator is on."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches

from harness.budgets.model import ErrorRatio, Latency, Throughput
from harness.judge.measure.observation import (
    Coverage,
    ObservedFailures,
    ObservedThroughput,
    ObservedTimes,
    RequestCount,
)
from harness.judge.measure.series import NoDataError, listed, window
from harness.names import LATENCY, OK, SERVICE_TIME
from harness.runs.model import Distribution, Evidence, LatencyKey, batch_seconds


def selects(indicator: Latency | ErrorRatio | Throughput, key: LatencyKey) -> bool:
    """Whether an indicator is on the requests of a key."""
    if indicator.request not in {None, key.request}:
        return False
    if isinstance(indicator, Latency):
        return key.what == indicator.of and indicator.outcome in {key.outcome, "all"}
    return key.what == LATENCY


def observe_times(indicator: Latency, evidence: Evidence) -> ObservedTimes:
    """The times that an indicator is on.

    Raises:
        NoDataError: There are none.
    """
    counts = request_counts(evidence)
    count = _count(counts, indicator.request)
    times = _times(indicator, evidence)
    if not times.count:
        what = "every request failed" if indicator.outcome == OK else "no request failed"
        raise NoDataError(f"{what}, so there is no time to judge")
    service_times = times
    if indicator.of != SERVICE_TIME:
        service_times = _times(replace(indicator, of=SERVICE_TIME), evidence)
    by_request: dict[str, Distribution] = {}
    if indicator.request is None:
        by_request = {name: _times(indicator, evidence, name) for name in counts}
    parts: dict[int, list[Distribution]] = defaultdict(list)
    for key, batches in evidence.batches.items():
        if selects(indicator, key):
            for number, batch in batches.items():
                parts[number].append(batch)
    merged = tuple(Distribution.merge(parts[number]) for number in sorted(parts))
    coverage = request_coverage(indicator, evidence)
    return ObservedTimes(
        *(indicator, coverage, times, service_times, by_request, merged, count, _width(evidence))
    )


def observe_failures(indicator: ErrorRatio, evidence: Evidence) -> ObservedFailures:
    """The requests that failed.

    Raises:
        NoDataError: No request was recorded.
    """
    counts = request_counts(evidence)
    count = _count(counts, indicator.request)
    failed: dict[int, float] = defaultdict(float)
    total: dict[int, float] = defaultdict(float)
    for key, batches in evidence.batches.items():
        if selects(indicator, key):
            for number, times in batches.items():
                failed[number] += times.count * (key.outcome != OK)
                total[number] += times.count
    by_request = counts if indicator.request is None else {}
    coverage = request_coverage(indicator, evidence)
    return ObservedFailures(indicator, coverage, count, by_request, failed, total)


def observe_throughput(indicator: Throughput, evidence: Evidence) -> ObservedThroughput:
    """The requests of the window, and its length.

    Raises:
        NoDataError: No request was recorded, or there is no window.
    """
    count = _count(request_counts(evidence), indicator.request)
    coverage = request_coverage(indicator, evidence)
    return ObservedThroughput(indicator, coverage, count, window(evidence).seconds)


def request_counts(evidence: Evidence) -> dict[str, RequestCount]:
    """How many requests of the window succeeded and failed, by name ("GET /contacts")."""
    found: dict[str, RequestCount] = {}
    for key, times in evidence.latency.items():
        if key.what == LATENCY and times.count:
            before, ok = found.get(key.request, RequestCount()), key.outcome == OK
            found[key.request] = RequestCount(
                before.ok + times.count * ok, before.failed + times.count * (not ok)
            )
    return found


def request_coverage(indicator: Latency | ErrorRatio | Throughput, evidence: Evidence) -> Coverage:
    """The requests that an indicator is on, and the share of the batches that have some."""
    requests = {
        key.request
        for key, times in evidence.latency.items()
        if times.count and selects(indicator, key)
    }
    workers = tuple(worker.name for worker in evidence.manifest.workers)
    try:
        seconds = window(evidence).seconds
    except NoDataError:
        return Coverage(tuple(sorted(requests)), workers)
    count = math.ceil(seconds / batch_seconds(seconds))
    filled = {
        min(number, count - 1)
        for key, batches in evidence.batches.items()
        if selects(indicator, key)
        for number, times in batches.items()
        if times.count
    }
    return Coverage(
        tuple(sorted(requests)),
        workers,
        share=len(filled) / count,
        start=0 in filled,
        end=count - 1 in filled,
    )


def _width(evidence: Evidence) -> int:
    """Seconds of a batch; of one of a long window where there is no window."""
    try:
        return batch_seconds(window(evidence).seconds)
    except NoDataError:
        return batch_seconds(math.inf)


def _count(counts: Mapping[str, RequestCount], request: str | None) -> RequestCount:
    if not counts:
        raise NoDataError("no request was recorded in the window")
    if request is None:
        return total_of(counts.values())
    if request not in counts:
        close = get_close_matches(request, counts, n=1)
        hint = f"did you mean {close[0]}?" if close else f"recorded: {listed(counts)}"
        raise NoDataError(f"no request {request} was recorded in the window; {hint}")
    return counts[request]


def total_of(counts: Iterable[RequestCount]) -> RequestCount:
    """All counts together."""
    found = tuple(counts)
    return RequestCount(sum(one.ok for one in found), sum(one.failed for one in found))


def _times(indicator: Latency, evidence: Evidence, request: str | None = None) -> Distribution:
    """The times of the window that an indicator is on, of one request name or of all."""
    return Distribution.merge(
        times
        for key, times in evidence.latency.items()
        if selects(indicator, key) and request in {key.request, None}
    )

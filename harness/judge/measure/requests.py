"""What the load generator recorded of the requests that an indicator is on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from harness.budgets.model import ErrorRatio, Latency, Throughput
from harness.judge.measure.observation import (
    Coverage,
    ObservedFailures,
    ObservedThroughput,
    ObservedTimes,
    RequestCount,
    Waits,
    unending,
)
from harness.judge.measure.series import LIKENESS, NoDataError, listed, window
from harness.judge.measure.unanswered import (
    Batched,
    stuck_users,
    unanswered_counts,
    unanswered_of,
)
from harness.names import LATENCY, OK, RECEIVE_LAG, SERVICE_TIME
from harness.runs.model import Distribution, Evidence, LatencyKey, batch_seconds


def selects(indicator: Latency | ErrorRatio | Throughput, key: LatencyKey) -> bool:
    """Whether an indicator is on the requests of a key."""
    if indicator.request not in {None, key.request}:
        return False
    if isinstance(indicator, Latency):
        return key.what == indicator.of and indicator.outcome in {key.outcome, "all"}
    return key.what == LATENCY


def observe_times(
    indicator: Latency, evidence: Evidence, arrivals: Batched | None = None
) -> ObservedTimes:
    """The times that an indicator is on.

    Args:
        indicator: Of a budget.
        evidence: The run.
        arrivals: The waits of arrivals that no user took, as far as they count for the budget.

    Raises:
        NoDataError: There are none.
    """
    arrivals = arrivals or {}
    counts = request_counts(evidence)
    count = RequestCount() if arrivals and not counts else _count(counts, indicator.request)
    waiting = unanswered_of(indicator, evidence, service_time=indicator.of == SERVICE_TIME)
    waits = _waits(indicator, evidence, arrivals)
    times = _times(indicator, evidence)
    if not times.count + waits.of(LATENCY).count:
        what = "every request failed" if indicator.outcome == OK else "no request failed"
        raise NoDataError(f"{what}, so there is no time to judge")
    service_times = times
    if indicator.of != SERVICE_TIME:
        service_times = _times(replace(indicator, of=SERVICE_TIME), evidence)
    by_request: dict[str, Distribution] = {}
    if indicator.request is None:
        by_request = {
            name: Distribution.merge(
                (_times(indicator, evidence, name), *waiting.get(name, {}).values())
            )
            for name in counts
        }
    numbers, shortest, longest = _batches(indicator, evidence, (*waiting.values(), arrivals))
    coverage = request_coverage(indicator, evidence)
    return ObservedTimes(
        *(indicator, coverage, times, service_times, by_request),
        *(shortest, longest, count, waits),
        _width(evidence),
        numbers,
        _by_kernel(indicator, evidence),
    )


def _by_kernel(indicator: Latency, evidence: Evidence) -> int:
    return sum(
        lags.count
        for key, lags in evidence.latency.items()
        if key.what == RECEIVE_LAG and selects(indicator, key._replace(what=indicator.of))
    )


def _waits(indicator: Latency, evidence: Evidence, arrivals: Batched) -> Waits:
    """The waits that an indicator is on, of the whole window."""

    def whole(*, service_time: bool) -> Distribution:
        found = unanswered_of(indicator, evidence, service_time=service_time)
        return Distribution.merge(d for batches in found.values() for d in batches.values())

    stuck = stuck_users(evidence) if arrivals else None
    return Waits(
        latencies=whole(service_time=False),
        service_times=whole(service_time=True),
        unstarted=Distribution.merge(arrivals.values()),
        blocked=stuck.text if stuck else "",
    )


def _batches(
    indicator: Latency, evidence: Evidence, waits: Iterable[Batched]
) -> tuple[tuple[int, ...], Sequence[Distribution], Sequence[Distribution]]:
    """The numbers of the batches, and these with the waits as they are, and with endless ones."""
    from harness.runs.records.intervals import BatchTimes, merged_rows, rows_of

    found = [
        rows_of(batches) for key, batches in evidence.batches.items() if selects(indicator, key)
    ]
    waiting = [of_name for of_name in waits if of_name]
    rows = merged_rows([*found, *map(rows_of, waiting)])
    numbers, shortest = tuple(rows.numbers.tolist()), BatchTimes(rows)
    if not waiting:
        return numbers, shortest, shortest
    endless = ({number: unending(batch) for number, batch in one.items()} for one in waiting)
    return numbers, shortest, BatchTimes(merged_rows([*found, *map(rows_of, endless)]))


def observe_failures(indicator: ErrorRatio, evidence: Evidence) -> ObservedFailures:
    """The requests that failed.

    Raises:
        NoDataError: No request was recorded.
    """
    from harness.runs.records.intervals import counts_of

    counts = request_counts(evidence)
    count = _count(counts, indicator.request)
    chosen = {key: one for key, one in evidence.batches.items() if selects(indicator, key)}
    total = counts_of(chosen.values())
    bad = counts_of(batches for key, batches in chosen.items() if key.outcome != OK)
    failed = dict.fromkeys(total, 0) | bad
    unanswered = counts_of(unanswered_of(indicator, evidence).values())
    by_request = counts if indicator.request is None else {}
    coverage = request_coverage(indicator, evidence)
    return ObservedFailures(indicator, coverage, count, by_request, failed, total, unanswered)


def observe_throughput(indicator: Throughput, evidence: Evidence) -> ObservedThroughput:
    """The requests of the window, and its length. A request without an answer is no throughput.

    Raises:
        NoDataError: No request was made, or there is no window.
    """
    counts = request_counts(evidence)
    stuck = stuck_users(evidence) if not counts and indicator.request is None else None
    count = RequestCount(unanswered=stuck.waiting) if stuck else _count(counts, indicator.request)
    coverage = request_coverage(indicator, evidence)
    return ObservedThroughput(indicator, coverage, count, window(evidence).seconds)


def request_counts(evidence: Evidence) -> dict[str, RequestCount]:
    """The requests of the window by name ("GET /contacts")."""
    found: dict[str, RequestCount] = {}
    for key, times in evidence.latency.items():
        if key.what == LATENCY and times.count:
            before, ok = found.get(key.request, RequestCount()), key.outcome == OK
            found[key.request] = RequestCount(
                before.ok + times.count * ok, before.failed + times.count * (not ok)
            )
    for name, unanswered in unanswered_counts(evidence).items():
        found[name] = replace(found.get(name, RequestCount()), unanswered=unanswered)
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
    from harness.runs.records.intervals import counts_of

    chosen = [batches for key, batches in evidence.batches.items() if selects(indicator, key)]
    filled = {min(number, count - 1) for number, made in counts_of(chosen).items() if made}
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
        close = get_close_matches(request, counts, n=1, cutoff=LIKENESS)
        hint = f"did you mean {close[0]}?" if close else f"recorded: {listed(counts)}"
        raise NoDataError(f"no request {request} was recorded in the window; {hint}")
    return counts[request]


def total_of(counts: Iterable[RequestCount]) -> RequestCount:
    """All counts together."""
    found = tuple(counts)
    return RequestCount(
        sum(one.ok for one in found),
        sum(one.failed for one in found),
        sum(one.unanswered for one in found),
    )


def _times(indicator: Latency, evidence: Evidence, request: str | None = None) -> Distribution:
    """The times of the window that an indicator is on, of one request name or of all."""
    return Distribution.merge(
        times
        for key, times in evidence.latency.items()
        if selects(indicator, key) and request in {key.request, None}
    )

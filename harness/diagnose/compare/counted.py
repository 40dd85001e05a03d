"""The failures and the misses that the candidate has more, counted over the timed pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Final

from harness.budgets.model import Budget, Ratio
from harness.budgets.selector import Selector
from harness.diagnose.answers import Analysis
from harness.diagnose.compare.added import Added, added_counts
from harness.diagnose.compare.changed_files import ChangedLines, path_in
from harness.diagnose.compare.differences import RecordedPair, RecordedVersion
from harness.diagnose.compare.request_parts import RegressionCause
from harness.diagnose.functions import place_of
from harness.judge.measure.deltas import deltas_or_zero
from harness.judge.measure.series import NoDataError
from harness.names import INSTANCE
from harness.runs.model import Evidence
from harness.runs.records.failed import FailureKind

_NAME: Final = 160


def added_failures(pair: RecordedPair, counted: Iterable[FailureKind]) -> Analysis:
    """The kinds of failed requests that the candidate has more, over all timed pairs.

    Args:
        pair: Both versions, with the evidence of the timed pairs.
        counted: The failures of both that the budget counts.
    """
    kept = set(counted)
    before, after = (_failures(one.windows, kept) for one in (pair.baseline, pair.candidate))
    kinds = list(dict.fromkeys((*after, *before)))
    counts = [(_number(before.get(one, ())), _number(after.get(one, ()))) for one in kinds]
    causes = []
    for kind, pair_of_counts, added in zip(kinds, counts, added_counts(counts), strict=True):
        if added.amount <= 0:
            continue
        cause = _failure(after[kind], pair_of_counts, added, pair.candidate)
        causes.append(replace(cause, changed=_clause(cause.place, pair.changed)))
    if not causes:
        return Analysis(missing="the timed pairs have no more failed requests")
    return Analysis("the added failed requests of the timed pairs", tuple(causes))


_Kind = tuple[str, str, int, str]


def _failures(
    windows: Iterable[Evidence], counted: Set[FailureKind]
) -> dict[_Kind, list[FailureKind]]:
    found: dict[_Kind, list[FailureKind]] = {}
    for one in (failure for window in windows for failure in window.failures):
        if one in counted and one.count:
            text = "" if one.varies else one.text
            found.setdefault((one.request, one.kind, one.status, text), []).append(one)
    return found


def _number(failures: Iterable[FailureKind]) -> int:
    return sum(one.count for one in failures)


def _failure(
    failures: Sequence[FailureKind],
    counts: tuple[int, int],
    added: Added,
    candidate: RecordedVersion,
) -> RegressionCause:
    first = failures[0]
    raised, place = _exception(first.request, first.status, candidate)
    text = f"{first.request}: {first.text}" + (f", {raised}" if raised else "")
    return RegressionCause(
        *("failure", " ".join(text.split())[:_NAME], *added.shares),
        f"{counts[1]} failed requests, {counts[0]} before",
        place,
        "look at this line" if place else "look at the service's log at these times",
    )


def _exception(request: str, status: int, version: RecordedVersion) -> tuple[str, str]:
    """The exception of a request of the recording that failed so, and the line that raised it."""
    ids = {one.trace_id for one in version.recording.slowest if one.request == request}
    endpoints = {one.endpoint for one in version.traces if one.root.trace_id in ids} or {request}
    for trace in version.traces:
        if trace.endpoint in endpoints and trace.fails_with(status):
            for event in (event for span in trace.spans for event in span.exceptions):
                place = path_in(place_of(event.stacktrace), version.root)
                return f"{event.type}: {event.message}"[:_NAME], place
    return "", ""


def _clause(place: str, changed: ChangedLines) -> str:
    file, _, line = place.rpartition(":")
    found = changed.at(file, int(line)) if line.isdecimal() else None
    return found.clause if found else ""


def added_misses(pair: RecordedPair, budget: Budget) -> Analysis:
    """The look-ups of each cache that missed more often, over all timed pairs."""
    indicator = budget.indicator
    if not isinstance(indicator, Ratio):
        return Analysis(missing="the budget does not count hits")
    try:
        before, after = (_misses(one.windows, indicator) for one in (pair.baseline, pair.candidate))
    except NoDataError as error:
        return Analysis(missing=str(error))
    caches = list(dict.fromkeys((*after, *before)))
    counts = [(before[one], after[one]) for one in caches]
    causes = tuple(
        RegressionCause(
            *("cache", cache, *added.shares),
            f"{misses} misses, {earlier} before",
            advice="look at the size, the time to live and the invalidation of this cache",
        )
        for cache, (earlier, misses), added in zip(
            caches, counts, added_counts(counts), strict=True
        )
        if added.amount > 0
    )
    if not causes:
        return Analysis(missing="the timed pairs have no more misses")
    return Analysis("the added misses of the caches in the timed pairs", causes)


def _misses(windows: Iterable[Evidence], ratio: Ratio) -> Counter[str]:
    found: Counter[str] = Counter()
    for window in windows:
        hits, gets = (_by_cache(window, selector) for selector in (ratio.of, ratio.to))
        for cache, count in gets.items():
            found[cache] += max(0, round(count - hits.get(cache, 0.0)))
    return found


def _by_cache(window: Evidence, selector: Selector) -> Mapping[str, float]:
    """Look-ups by the labels that tell caches apart."""
    found: dict[str, float] = {}
    for delta in deltas_or_zero(window, selector):
        other = {INSTANCE, "result", *selector.where}
        labels = sorted((name, value) for name, value in delta.labels.items() if name not in other)
        name = ", ".join(f"{label} {value}" for label, value in labels) or "the cache"
        found[name] = found.get(name, 0.0) + delta.value
    return found

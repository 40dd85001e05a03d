"""Exact increases of counters over the window, per series, from the scrapes at its edges.

PromQL's `increase()` extrapolates and misses a series that is born within the window (its first
failures); here a counter that was absent at the start was 0. Increases are taken per series and
summed afterwards: the increase of a sum hides the reset of one of its parts.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.budgets.selector import Selector
from harness.judge.measure.absent import zero_at
from harness.judge.measure.series import (
    SERVICE_METRICS,
    Interval,
    NoDataError,
    Origin,
    edges,
    inside,
    origin,
    scrapes,
    select,
    source,
)
from harness.names import INSTANCE
from harness.runs.model import Evidence, Series


@dataclass(frozen=True, slots=True)
class Delta:
    """The increase of one counter between the two edge scrapes of its instance.

    Attributes:
        value: Events, or whatever the counter counts.
        start: The scrape at the window's start, seconds since the epoch.
        seconds: Between the two scrapes.
        resets: How often the counter fell, or vanished; `value` is then a lower bound.
        born: The first reading of a counter that was absent at the start. It was 0 before, unless
            the counter is older than its first reading: then `value` is too high by as much.
        scrapes: Samples of the series within the window.
        source: Where it was measured, for people.
        steps: Each scrape after the start, with the increase since the one before.
    """

    labels: Mapping[str, str]
    value: float
    start: float
    seconds: float
    resets: int
    born: float
    scrapes: int
    source: str
    steps: tuple[tuple[float, float], ...] = ()


def deltas(evidence: Evidence, selector: Selector) -> tuple[Delta, ...]:
    """The increase of every series that a selector matches.

    Raises:
        NoDataError: No series, no scrape at an edge, or a value that is not finite.
    """
    return _deltas(evidence, select(evidence, selector))


def deltas_or_zero(evidence: Evidence, selector: Selector) -> tuple[Delta, ...]:
    """The increase of every series that a selector matches; 0 for a counter that is not born yet.

    Raises:
        NoDataError: As for `deltas`, where nothing shows that the counter exists.
    """
    unborn = sorted(zero_at(evidence, selector))
    return tuple(_zero(evidence, place) for place in unborn) or deltas(evidence, selector)


def _zero(evidence: Evidence, place: Origin) -> Delta:
    """The increase of a counter that is not born yet."""
    ends = edges(evidence, place)
    read = [t for t in scrapes(evidence, place) if ends.start <= t <= ends.end]
    return Delta(
        labels={INSTANCE: place.instance},
        value=0.0,
        start=ends.start,
        seconds=ends.seconds,
        resets=0,
        born=0.0,
        scrapes=len(read),
        source=place.provider or SERVICE_METRICS,
        steps=tuple((moment, 0.0) for moment in read[1:]),
    )


def _deltas(evidence: Evidence, found: Sequence[Series]) -> tuple[Delta, ...]:
    ends = {place: edges(evidence, place) for place in {origin(s) for s in found}}
    return tuple(_delta(series, ends[origin(series)]) for series in found)


def total(parts: Iterable[Delta]) -> float:
    """The increase of all series together."""
    return math.fsum(part.value for part in parts)


def born(parts: Iterable[Delta]) -> float:
    """By how much the increase of all series may be too high, see `Delta.born`."""
    return math.fsum(part.born for part in parts)


def without_resets(values: Sequence[float]) -> tuple[list[float], int]:
    """A counter that goes on from where it was when it fell, and how often it fell."""
    totals, lost, falls, before = [], 0.0, 0, -math.inf
    for value in values:
        if value < before:
            falls += 1
            lost += before
        before = value
        totals.append(value + lost)
    return totals, falls


def value_at(moment: float, times: Sequence[float], values: Sequence[float]) -> float:
    """A value on the line between its readings; constant before the first and after the last."""
    after = bisect_right(times, moment)
    if after == 0 or after == len(times):
        return values[min(after, len(values) - 1)]
    share = (moment - times[after - 1]) / (times[after] - times[after - 1])
    return values[after - 1] + share * (values[after] - values[after - 1])


def _delta(series: Series, ends: Interval) -> Delta:
    samples = inside(series, ends)
    values = [value for _, value in samples]
    if not all(map(math.isfinite, values)):
        raise NoDataError(f"{series.name} has a value that is NaN or infinite")
    there_at_start = bool(samples) and samples[0][0] == ends.start
    later = samples[1:] if there_at_start else samples
    totals, resets = without_resets(values if there_at_start else [0.0, *values])
    # Seen earlier, but not at the start: it vanished. Likewise one that is missing at the end.
    resets += int(not there_at_start and any(t < ends.start for t in series.times))
    resets += int(bool(samples) and samples[-1][0] != ends.end)
    increases = (after - before for before, after in pairwise(totals))
    return Delta(
        labels=series.labels,
        value=totals[-1] - totals[0],
        start=ends.start,
        seconds=ends.seconds,
        resets=resets,
        born=0.0 if there_at_start or not values else values[0],
        scrapes=len(samples),
        source=source((series,)),
        steps=tuple(zip((moment for moment, _ in later), increases, strict=True)),
    )

"""Exact increases of counters over the window, per series, from the scrapes at its edges.

PromQL's `increase()` extrapolates and misses a series that is born within the window (its first
failures); here a counter that was absent at the start was 0. Increases are taken per series and
summed afterwards: the increase of a sum hides the reset of one of its parts.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.budgets.model import Selector
from harness.judge.measure.series import (
    Interval,
    NoDataError,
    edges,
    inside,
    origin,
    select,
    source,
)
from harness.runs.model import Evidence, Series

_LE = "le"


@dataclass(frozen=True, slots=True)
class Delta:
    """The increase of one counter between the two edge scrapes of its instance.

    Attributes:
        value: Events, or whatever the counter counts.
        seconds: Between the two scrapes.
        resets: How often the counter fell, or vanished; `value` is then a lower bound.
        scrapes: Samples of the series within the window.
        source: Where it was measured, for people.
    """

    labels: Mapping[str, str]
    value: float
    seconds: float
    resets: int
    scrapes: int
    source: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Observations of a window by bucket.

    Attributes:
        edges: Upper bounds, ascending; the last is infinite.
        cumulative: How many observations do not exceed each edge.
    """

    edges: tuple[float, ...]
    cumulative: tuple[float, ...]
    source: str

    @property
    def count(self) -> float:
        """All observations."""
        return self.cumulative[-1]


def deltas(evidence: Evidence, selector: Selector) -> tuple[Delta, ...]:
    """The increase of every series that a selector means.

    Raises:
        NoDataError: No series, no scrape at an edge, or a value that is not finite.
    """
    found = select(evidence, selector)
    ends = {place: edges(evidence, place) for place in {origin(s) for s in found}}
    return tuple(_delta(series, ends[origin(series)]) for series in found)


def total(parts: Iterable[Delta]) -> float:
    """The increase of all series together."""
    return math.fsum(part.value for part in parts)


def histogram(evidence: Evidence, selector: Selector) -> Histogram:
    """A histogram's observations within the window, all matching series together.

    Args:
        evidence: The run.
        selector: Names the histogram without `_bucket`.

    Raises:
        NoDataError: No buckets, no observations, or series whose bucket layouts differ.
    """
    groups: dict[tuple[tuple[str, str], ...], dict[float, float]] = defaultdict(dict)
    parts = deltas(evidence, Selector(f"{selector.metric}_bucket", selector.where))
    for part in parts:
        rest = tuple(sorted((k, v) for k, v in part.labels.items() if k != _LE))
        groups[rest][bucket_edge(part.labels, selector)] = part.value
    moved = [group for group in groups.values() if any(group.values())]
    if not moved:
        raise NoDataError(f"{selector} observed nothing in the window; does the load use it?")
    layouts = {tuple(sorted(group)) for group in moved}
    if len(layouts) > 1:
        raise NoDataError(
            f"the series of {selector} have {len(layouts)} different bucket layouts, which"
            " cannot be added; give all instances the same buckets, or narrow `where`"
        )
    layout = layouts.pop()
    if layout[-1] != math.inf:
        raise NoDataError(f'{selector.metric} has no bucket le="+Inf"')
    return Histogram(layout, cumulative(layout, moved), parts[0].source)


def cumulative(
    layout: tuple[float, ...], groups: Sequence[Mapping[float, float]]
) -> tuple[float, ...]:
    """How many observations of all groups do not exceed each edge."""
    sums: list[float] = []
    for edge in layout:
        here = math.fsum(group[edge] for group in groups)
        # A client library that is not atomic may write a bucket before a smaller one's increment.
        sums.append(max(here, sums[-1]) if sums else here)
    return tuple(sums)


def bucket_edge(labels: Mapping[str, str], selector: Selector) -> float:
    """The upper bound of a bucket.

    Raises:
        NoDataError: Its label `le` is missing, or no number.
    """
    try:
        return float(labels[_LE])  # "1" and "1.0" are one edge
    except (KeyError, ValueError):
        found = labels.get(_LE)
        raise NoDataError(f"{selector.metric}_bucket has a bucket with le={found!r}") from None


def _delta(series: Series, ends: Interval) -> Delta:
    samples = inside(series, ends)
    values = [value for _, value in samples]
    if not all(map(math.isfinite, values)):
        raise NoDataError(f"{series.name} has a value that is NaN or infinite")
    there_at_start = bool(samples) and samples[0][0] == ends.start
    base = values.pop(0) if there_at_start else 0.0
    # Seen earlier, but not at the start: it vanished. Likewise one that is missing at the end.
    resets = int(not there_at_start and any(t < ends.start for t in series.times))
    resets += int(bool(samples) and samples[-1][0] != ends.end)
    lost = 0.0
    before = base
    for value in values:
        if value < before:
            resets += 1
            lost += before
        before = value
    increase = before - base + lost
    return Delta(series.labels, increase, ends.seconds, resets, len(samples), source((series,)))

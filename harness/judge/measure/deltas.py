"""Exact increases of counters over the window, per series, from the scrapes at its edges.

PromQL's `increase()` extrapolates and misses a series that is born within the window (its first
failures); here a counter that was absent at the start was 0. Increases are taken per series and
summed afterwards: the increase of a sum hides the reset of one of its parts.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.budgets.selector import Selector
from harness.judge.measure.absent import zero_at
from harness.judge.measure.series import (
    EDGE_SLACK,
    LOAD_GENERATOR,
    SERVICE_METRICS,
    Interval,
    NoDataError,
    Origin,
    edges,
    origin,
    scrapes,
    select,
    source,
    window,
)
from harness.names import INSTANCE
from harness.runs.model import Evidence, Series

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

# Why a value that holds is not known to hold; see `Delta.born`.
BORN = (
    "a counter appeared within the window, and what it had counted before its first reading"
    " changes the verdict; expose it from the start of the service, or raise `warm_up`"
)

_Shared = dict[tuple[int, int, int], tuple[float, ...]]


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
        moments: Of each scrape after the start.
        increases: In each of them, since the scrape before.
    """

    labels: Mapping[str, str]
    value: float
    start: float
    seconds: float
    resets: int
    born: float
    scrapes: int
    source: str
    moments: Sequence[float] = ()
    increases: Sequence[float] | Floats = ()


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


def reported_deltas(evidence: Evidence, selector: Selector) -> tuple[Delta, ...]:
    """The increase of every series of the load generators that a selector matches.

    A generator reports at whole seconds of the load, several of them at different moments. So each
    series has edges of its own: the reports that are nearest to those of the window. It counts from
    0 at the start of the load. After the loss of a worker neither its requests nor what it counted
    of them are known, so its last report is the end.

    Raises:
        NoDataError: No series.
    """
    return tuple(
        replace(_delta(series, ends, {}), source=LOAD_GENERATOR)
        for series, ends in (_reported(evidence, one) for one in select(evidence, selector))
    )


def _reported(evidence: Evidence, series: Series) -> tuple[Series, Interval]:
    """A series of a generator, which begins at the window at the latest, and its edges."""
    planned = window(evidence)
    if series.times[0] > planned.start + EDGE_SLACK:
        times, values = (planned.start, *series.times), (0.0, *series.values)
        series = replace(series, times=times, values=values)
    start, end = (min(series.times, key=lambda moment: abs(moment - edge)) for edge in planned)
    return series, Interval(start, end)


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
        moments=read[1:],
        increases=array("d", bytes(8 * len(read[1:]))),
    )


def _deltas(evidence: Evidence, found: Sequence[Series]) -> tuple[Delta, ...]:
    ends = {place: edges(evidence, place) for place in {origin(s) for s in found}}
    shared: _Shared = {}
    return tuple(_delta(series, ends[origin(series)], shared) for series in found)


def total(parts: Iterable[Delta]) -> float:
    """The increase of all series together."""
    return math.fsum(part.value for part in parts)


def born(parts: Iterable[Delta]) -> float:
    """By how much the increase of all series may be too high, see `Delta.born`."""
    return math.fsum(part.born for part in parts)


def without_resets(values: Sequence[float] | Floats) -> tuple[Floats, int]:
    """A counter that goes on from where it was when it fell, and how often it fell."""
    import numpy as np  # 0.1 s

    found = np.array(values, dtype=np.float64)
    falls = np.flatnonzero(found[1:] < found[:-1])
    lost = np.zeros(len(found))
    lost[falls + 1] = found[falls]
    return found + np.cumsum(lost), len(falls)


def values_at(moments: Floats, times: Floats, values: Floats) -> Floats:
    """Values on the lines between readings; constant before the first and after the last."""
    import numpy as np

    after = np.searchsorted(times, moments, side="right")
    right, left = np.minimum(after, len(times) - 1), np.maximum(after - 1, 0)
    span = np.where(right > left, times[right] - times[left], 1.0)
    share = np.where((after > 0) & (after < len(times)), (moments - times[left]) / span, 0.0)
    start = np.where(after == 0, values[0], values[left])
    found: Floats = start + share * (values[right] - values[left])
    return found


def _delta(series: Series, ends: Interval, shared: _Shared) -> Delta:
    """The increase of a series; `shared` has the moments that series have in common."""
    import numpy as np

    times = series.times
    first, after = bisect_left(times, ends.start), bisect_right(times, ends.end)
    values = np.array(series.values[first:after], dtype=np.float64)
    if not np.isfinite(values).all():
        raise NoDataError(f"{series.name} has a value that is NaN or infinite")
    there_at_start = first < after and times[first] == ends.start
    totals, resets = without_resets(
        values if there_at_start else np.concatenate((np.zeros(1), values))
    )
    # Seen earlier, but not at the start: it vanished. Likewise one that is missing at the end.
    resets += int(not there_at_start and first > 0)
    resets += int(first < after and times[after - 1] != ends.end)
    place = id(times), first + there_at_start, after
    moments = shared.setdefault(place, times[place[1] : after])
    return Delta(
        labels=series.labels,
        value=float(totals[-1] - totals[0]),
        start=ends.start,
        seconds=ends.seconds,
        resets=resets,
        born=0.0 if there_at_start or not len(values) else float(values[0]),
        scrapes=len(values),
        source=source((series,)),
        moments=moments,
        increases=np.diff(totals),
    )

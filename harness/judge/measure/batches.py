"""The parts of a window: batches long enough to be nearly independent of each other."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from harness.judge.measure.deltas import Delta
from harness.judge.measure.observation import Batches
from harness.judge.measure.series import EDGE_SLACK, Origin, edges, scrape_interval, scrapes, window
from harness.names import GENERATOR_BACKLOG, GENERATOR_IN_FLIGHT
from harness.runs.model import Evidence, Series, batch_seconds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]


class _Layout(NamedTuple):
    """How scrapes fall into batches."""

    width: float
    last: int

    def numbers(self, start: float, moments: Sequence[float]) -> Integers:
        """The batches that end with some scrapes, which come a little early or late.

        Args:
            start: The scrape at the window's start.
            moments: The scrapes.
        """
        import numpy as np  # 0.1 s

        found = np.floor((np.array(moments, dtype=np.float64) - start) / self.width - 0.25)
        return np.clip(found, 0, self.last).astype(np.int64)


def increases_in_batches(evidence: Evidence, parts: Iterable[Delta]) -> Batches:
    """The increase of all counters in each batch; the increases add up to the sum of `parts`."""
    import numpy as np  # 0.1 s

    layout = _layout(evidence)
    sums = np.zeros(layout.last + 1)
    used = np.zeros(layout.last + 1, dtype=bool)
    numbers: dict[tuple[int, float], Integers] = {}  # series of one scrape share their moments
    for part in (parts := tuple(parts)):
        key = id(part.moments), part.start
        if key not in numbers:
            numbers[key] = layout.numbers(part.start, part.moments)
        np.add.at(sums, numbers[key], part.increases)
        used[numbers[key]] = True
    every = np.flatnonzero(used)
    return dict(zip(every.tolist(), sums[every].tolist(), strict=True))


def requests_in_batches(evidence: Evidence, counts: Batches) -> Batches:
    """Requests of the load generator's batches in batches of scrapes, which may be longer."""
    layout = _layout(evidence)
    width = batch_seconds(window(evidence).seconds)
    found: dict[int, float] = dict.fromkeys(range(layout.last + 1), 0.0)
    for number, count in counts.items():
        middle = (number + 0.5) * width
        found[min(math.floor(middle / layout.width), layout.last)] += count
    return found


def answered_in_batches(evidence: Evidence, due: Batches) -> Batches:
    """The requests that were answered in each batch.

    These are the requests that were due in it, and those that were outstanding at its start, but
    without those that were outstanding at its end: in flight, or due and not sent yet.

    Args:
        evidence: The run.
        due: The requests that were due, in the load generator's batches.
    """
    layout, planned = _layout(evidence), window(evidence)
    found = dict(requests_in_batches(evidence, due))
    edges_of = [planned.start + number * layout.width for number in sorted(found)]
    reported = [
        series
        for series in evidence.series
        if series.name in {GENERATOR_IN_FLIGHT, GENERATOR_BACKLOG} and series.times
    ]
    waiting = [_outstanding(reported, moment) for moment in (*edges_of, planned.end)]
    for number, (before, after) in zip(sorted(found), pairwise(waiting), strict=True):
        found[number] += before - after
    return found


def _outstanding(reported: Iterable[Series], moment: float) -> float:
    """Requests of all generators that were due and not answered at a moment, by their reports.

    Between two reports it is the smaller number of both: the windows of comparisons begin and end
    in a pause of the load, between reports from within the load. A number that is large because the
    service falls behind is about the same in both.
    """
    total = 0.0
    for series in reported:
        times = series.times
        after = bisect_right(times, moment)
        near = range(max(0, after - 1), min(after + 1, len(times)))
        nearest = min(near, key=lambda n: abs(times[n] - moment))
        if abs(times[nearest] - moment) <= EDGE_SLACK:
            total += series.values[nearest]
        elif after:  # else it had not started yet
            total += min(series.values[after - 1 : after + 1])
    return total


def seconds_in_batches(evidence: Evidence, places: set[Origin]) -> Batches:
    """The length of each batch by its scrapes, the mean of all origins.

    Raises:
        NoDataError: There is no scrape at an edge of the window.
    """
    layout = _layout(evidence)
    found: dict[int, float] = defaultdict(float)
    for place in places:
        ends = edges(evidence, place)
        moments = [t for t in scrapes(evidence, place) if ends.start <= t <= ends.end]
        numbers = layout.numbers(ends.start, moments[1:]).tolist()
        for number, (before, moment) in zip(numbers, pairwise(moments), strict=True):
            found[number] += (moment - before) / len(places)
    return found


def _layout(evidence: Evidence) -> _Layout:
    seconds = window(evidence).seconds
    width = max(batch_seconds(seconds), scrape_interval(evidence))
    return _Layout(width, max(0, math.ceil(seconds / width) - 1))

"""The parts of a window: batches long enough to be nearly independent of each other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from harness.judge.measure.deltas import Delta
from harness.judge.measure.observation import Batches
from harness.judge.measure.series import Origin, edges, scrape_interval, scrapes, window
from harness.runs.model import Evidence, batch_seconds


class _Layout(NamedTuple):
    """How scrapes fall into batches."""

    width: float
    last: int

    def number(self, start: float, moment: float) -> int:
        """The batch that ends with a scrape, which comes a little early or late.

        Args:
            start: The scrape at the window's start.
            moment: The scrape.
        """
        return min(max(0, math.floor((moment - start) / self.width - 0.25)), self.last)


def increases_in_batches(evidence: Evidence, parts: Iterable[Delta]) -> Batches:
    """The increase of all counters in each batch; the increases add up to the sum of `parts`."""
    layout = _layout(evidence)
    sums: dict[int, float] = defaultdict(float)
    for part in parts:
        for moment, increase in part.steps:
            sums[layout.number(part.start, moment)] += increase
    return sums


def requests_in_batches(evidence: Evidence, counts: Batches) -> Batches:
    """Requests of the load generator's batches in batches of scrapes, which may be longer."""
    layout = _layout(evidence)
    width = batch_seconds(window(evidence).seconds)
    found: dict[int, float] = dict.fromkeys(range(layout.last + 1), 0.0)
    for number, count in counts.items():
        middle = (number + 0.5) * width
        found[min(math.floor(middle / layout.width), layout.last)] += count
    return found


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
        for before, moment in pairwise(moments):
            found[layout.number(ends.start, moment)] += (moment - before) / len(places)
    return found


def _layout(evidence: Evidence) -> _Layout:
    seconds = window(evidence).seconds
    width = max(batch_seconds(seconds), scrape_interval(evidence))
    return _Layout(width, max(0, math.ceil(seconds / width) - 1))

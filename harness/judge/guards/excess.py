"""By how much a disturbance may have made times too long, batch by batch of the window.

A disturbance that lasts a part of the window says nothing of the other parts. So each batch counts
the requests that are over the bound in spite of its own disturbance, and a breach stands when these
are more than may exceed the bound.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import NamedTuple

from harness.judge.measure.observation import ObservedTimes
from harness.judge.measure.series import Interval
from harness.runs.model import Distribution, batch_seconds

# Seconds lost in each batch, by its number from the window's start; those before it are negative.
LossByBatch = Mapping[int, float]
# How many requests of a batch, by its number, are over a bound for certain.
CertainlyOver = Callable[[int, Distribution, float], float]

_STEPS = 12  # of the bisection: to a four thousandth of the value
_NOISE = 1e-9


class Tail:
    """How many times of a distribution are over a bound, for many bounds.

    Args:
        times: The distribution.
    """

    def __init__(self, times: Distribution) -> None:
        self._values = times.values
        self._over = [*accumulate(reversed(times.counts), initial=0)][::-1]

    def over(self, bound: float) -> int:
        """The times above a bound."""
        return self._over[bisect_right(self._values, bound)]


class Loss(NamedTuple):
    """An interval in which a process was held back, and for how many seconds of it."""

    start: float
    end: float
    seconds: float


def lost_by_batch(losses: Iterable[Loss], window: Interval) -> dict[int, float]:
    """The seconds lost in each batch.

    Args:
        losses: Of one process. One that reaches into two batches counts in full for both.
        window: Of the run.
    """
    width, found = batch_seconds(window.seconds), dict[int, float]()
    for loss in losses:
        first = math.floor((loss.start - window.start) / width)
        last = max(first, math.ceil((loss.end - window.start) / width) - 1)
        for number in range(first, last + 1):
            found[number] = found.get(number, 0.0) + min(loss.seconds, width)
    return found


def longest(parts: Iterable[LossByBatch]) -> dict[int, float]:
    """The largest loss of each batch: a request meets one of several generators."""
    found: dict[int, float] = {}
    for lost in parts:
        for number, seconds in lost.items():
            found[number] = max(found.get(number, 0.0), seconds)
    return found


def too_long(
    lost: LossByBatch, medians: Mapping[int, float], number: int, limit: float, width: float
) -> float:
    """The seconds by which requests that are due in a batch may have taken too long.

    While a process is held back, requests queue up, and those that follow wait for them. The queue
    is longer by at most the seconds that were lost since a moment, and by its length then (Lindley
    1952, Proceedings of the Cambridge Philosophical Society 48). A request takes at least as long
    as the queue that it meets, so half of the time the queue was no longer than the median.
    A request waits until its answer, which may be in a later batch.

    Args:
        lost: By batch; those that are not in it lost nothing.
        medians: Of the latencies of each batch with requests.
        number: Of the batch.
        limit: How long the request may take without the loss, seconds.
        width: Seconds of a batch.
    """
    last, latest = number, max(lost, default=number)
    while True:
        seconds = _since(lost, min(lost, default=number), last)
        if seconds:
            queued = (m + _since(lost, n, last) for n, m in medians.items() if n < number)
            seconds = min(seconds, min(queued, default=math.inf))
        end = min(latest, number + math.ceil((limit + seconds) / width))
        if end <= last:
            return seconds
        last = end


def _since(lost: LossByBatch, first: int, last: int) -> float:
    return math.fsum(lost.get(number, 0.0) for number in range(first, last + 1))


def breached(observed: ObservedTimes, quantile: float, bound: float, over: CertainlyOver) -> bool:
    """Whether more requests are over a bound for certain than a quantile allows."""
    certain = sum(
        over(number, times, bound)
        for number, times in zip(observed.numbers, observed.batches, strict=True)
    )
    return certain > (1 - quantile) * observed.shortest.count + _NOISE


def breached_in_spite_of(lost: LossByBatch, observed: ObservedTimes) -> Callable[[float], bool]:
    """Whether a bound on a latency is breached whatever these losses have added."""
    quantile, width = observed.indicator.quantile, observed.width
    batches = dict(zip(observed.numbers, observed.batches, strict=True))
    medians = {number: times.quantile(0.5) or 0.0 for number, times in batches.items()}
    if quantile is None:
        added = sum(
            times.count * too_long(lost, medians, number, times.quantile(1.0) or 0.0, width)
            for number, times in batches.items()
        )
        mean = (observed.shortest.mean or 0.0) - added / max(1, observed.shortest.count)
        return lambda bound: mean > bound

    def over(number: int, times: Distribution, bound: float) -> float:
        reach = bound + too_long(lost, medians, number, bound, width)
        return (times.share_over(reach) or 0.0) * times.count

    return lambda bound: breached(observed, quantile, bound, over)


def may_be_off(value: float, is_breached: Callable[[float], bool]) -> float:
    """By how much a value may be too high: its distance to the highest bound breached for certain.

    Args:
        value: As measured.
        is_breached: Whether a bound is breached for certain; false from some bound on.
    """
    low, high = 0.0, value
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_breached(middle) else (low, middle)
    return value - low

"""By how much a disturbance may have made times too long, batch by batch of the window.

A disturbance that lasts a part of the window says nothing of the other parts. So each batch counts
the requests that are over the bound in spite of its own disturbance, and a breach stands when these
are more than may exceed the bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from harness.judge.bounds import FLOAT_NOISE
from harness.judge.measure.observation import ObservedTimes
from harness.judge.measure.series import Interval
from harness.runs.model import batch_seconds

if TYPE_CHECKING:
    from harness.judge.guards.tails import Floats, Integers
    from harness.runs.records.intervals import IntervalRows

_STEPS = 12  # of the bisection: to a four thousandth of the value
_AS_SHORT = 1.5  # times the shortest latency of the window: a request that met no queue either


class Loss(NamedTuple):
    """An interval in which a process was held back, and for how many seconds of it."""

    start: float
    end: float
    seconds: float


@dataclass(frozen=True)
class LossByBatch:
    """The seconds lost, by the number of a batch from the window's start, negative before it.

    Where in its interval a loss occurred is not known. So a loss counts in full in each batch that
    it reaches into, and no more than once in several batches together.

    Attributes:
        within: The seconds of each loss, in every batch that it reaches into.
        begun: The seconds of each loss, in the batch in which it begins.
        reach: The most batches that a loss reaches into after the batch in which it begins.
    """

    within: Mapping[int, float] = field(default_factory=dict)
    begun: Mapping[int, float] = field(default_factory=dict)
    reach: int = 0

    @cached_property
    def last(self) -> int | None:
        """The last batch with a loss; None without one."""
        return max(self.within, default=None)

    @property
    def total(self) -> float:
        """The seconds lost in all batches."""
        return math.fsum(self.begun.values())

    def up_to(self, last: int) -> float:
        """The most seconds lost in a batch and in all batches before it."""
        return self.since(self.first, last)

    def since(self, first: int, last: int) -> float:
        """The most seconds lost from one batch to another, both of them included."""
        return min(
            total - before
            for total, before in zip(self.totals(last), self.before(first), strict=True)
        )

    def totals(self, last: int) -> tuple[float, float]:
        """The seconds of `within` and of `begun` up to a batch, which is included."""
        within, begun = self.sums
        return self._to(within, last), self._to(begun, last)

    def before(self, first: int) -> tuple[float, float]:
        """The seconds of `within` and of `begun` that do not count from a batch on."""
        within, begun = self.sums
        return self._to(within, first - 1), self._to(begun, first - self.reach - 1)

    @cached_property
    def first(self) -> int:
        """The first batch with a loss; 0 without one."""
        return min(self.within, default=0)

    @cached_property
    def sums(self) -> tuple[list[float], list[float]]:
        """The seconds of `within` and of `begun` up to each batch, from `first` on."""
        numbers = range(self.first, (self.last or 0) + 1)
        return (
            [*accumulate(self.within.get(number, 0.0) for number in numbers)],
            [*accumulate(self.begun.get(number, 0.0) for number in numbers)],
        )

    def _to(self, sums: Sequence[float], last: int) -> float:
        place = min(last - self.first, len(sums) - 1)
        return sums[place] if place >= 0 else 0.0


def lost_by_batch(losses: Iterable[Loss], window: Interval) -> LossByBatch:
    """The seconds lost in each batch.

    Args:
        losses: Of one process.
        window: Of the run.
    """
    width, reach = batch_seconds(window.seconds), 0
    within, begun = dict[int, float](), dict[int, float]()
    for loss in losses:
        first = math.floor((loss.start - window.start) / width)
        last = max(first, math.ceil((loss.end - window.start) / width) - 1)
        reach = max(reach, last - first)
        begun[first] = begun.get(first, 0.0) + min(loss.seconds, width * (last - first + 1))
        for number in range(first, last + 1):
            within[number] = within.get(number, 0.0) + min(loss.seconds, width)
    return LossByBatch(within, begun, reach)


def longest(parts: Iterable[LossByBatch]) -> LossByBatch:
    """The largest loss of each batch: a request meets one of several generators."""
    return _merged(list(parts), max)


def summed(parts: Iterable[LossByBatch]) -> LossByBatch:
    """The losses of several processes together: a request meets all of them."""
    return _merged(list(parts), math.fsum)


def _merged(parts: Sequence[LossByBatch], merge: Callable[[Iterable[float]], float]) -> LossByBatch:
    def each(found: Sequence[Mapping[int, float]]) -> dict[int, float]:
        numbers = {number for one in found for number in one}
        return {n: merge([one.get(n, 0.0) for one in found]) for n in numbers}

    return LossByBatch(
        each([one.within for one in parts]),
        each([one.begun for one in parts]),
        max((one.reach for one in parts), default=0),
    )


class Queue:
    """What requests may have waited for because of losses.

    While a process is held back, requests queue up, and those that follow wait for them. The queue
    is longer by at most the seconds that were lost since a moment, and by its length then (Lindley
    1952, Proceedings of the Cambridge Philosophical Society 48).

    Args:
        lost: By batch.
        lengths: Seconds of the queue of each batch with requests, at some moment of it, at most.
    """

    def __init__(self, lost: LossByBatch, lengths: Mapping[int, float]) -> None:
        import numpy as np  # 0.1 s, which a run without a disturbed breach saves

        self._last, self._first = lost.last, lost.first
        self._numbers = np.array(sorted(lengths), dtype=np.int64)
        self._sums = [np.array(sums) for sums in lost.sums]
        # since(n, last) + lengths[n] for all n before a batch: the smallest of each of its two sums
        before = np.array([lost.before(n) for n in sorted(lengths)]).reshape(-1, 2)
        own = np.array([lengths[n] for n in sorted(lengths)], dtype=np.float64)
        least = (np.minimum.accumulate(own - sums) for sums in before.T)
        self._least = [np.concatenate(([math.inf], sums)) for sums in least]

    def too_long(self, numbers: Integers, limits: Floats, width: float) -> Floats:
        """The seconds by which requests that are due in some batches may have taken too long.

        A request waits until its answer, which may be in a later batch.

        Args:
            numbers: Of the batches.
            limits: How long the requests of each batch may take without the loss, seconds.
            width: Seconds of a batch.
        """
        import numpy as np

        latest = numbers if self._last is None else np.full_like(numbers, self._last)
        last, found = numbers.copy(), np.zeros(len(numbers))
        rest = np.arange(len(numbers))
        while len(rest):
            seconds = found[rest] = self._waited(numbers[rest], last[rest])
            ends = numbers[rest] + np.ceil((limits[rest] + seconds) / width)
            ends = np.minimum(latest[rest], ends).astype(np.int64)
            longer = ends > last[rest]
            rest = rest[longer]
            last[rest] = ends[longer]
        return found

    def _waited(self, numbers: Integers, last: Integers) -> Floats:
        """The seconds lost up to some batches, or the queue before a batch with those since."""
        import numpy as np

        places = np.searchsorted(self._numbers, numbers)
        parts = []
        for sums, least in zip(self._sums, self._least, strict=True):
            ends = np.minimum(last - self._first, len(sums) - 1)
            total = np.where(ends >= 0, sums[np.maximum(ends, 0)], 0.0)
            parts.append((total, total + least[places]))
        lost = np.minimum(parts[0][0], parts[1][0])
        queued = np.minimum(parts[0][1], parts[1][1])
        return np.where(lost != 0, np.minimum(lost, queued), lost)


def queues(rows: IntervalRows) -> Floats:
    """The seconds of the queue in each batch, at some moment of it, at most.

    A request waits for the queue that it meets, and then takes its own time. So half of the time
    the queue was no longer than the median latency less the time of a request without a queue,
    which is the shortest of the window. Only a service that the load saturates has no such request:
    its queue grows, so the later half of the window has none that is nearly as short. Then nothing
    is taken off.
    """
    import numpy as np

    shortest, medians = np.nan_to_num(rows.quantile(0.0)), np.nan_to_num(rows.quantile(0.5))
    if not len(shortest):
        return medians
    later = shortest[len(shortest) // 2 :].min()
    return medians - shortest.min() if later <= _AS_SHORT * shortest.min() else medians


def breached_in_spite_of(lost: LossByBatch, observed: ObservedTimes) -> Callable[[float], bool]:
    """Whether a bound on a latency is breached whatever these losses have added."""
    import numpy as np

    from harness.judge.guards.tails import Tails
    from harness.runs.records.intervals import rows_of

    quantile, width = observed.indicator.quantile, observed.width
    shortest, tails = observed.shortest, Tails(observed.batches)
    numbers = np.array(observed.numbers, dtype=np.int64)
    rows = rows_of(observed.batches)
    queue = Queue(lost, dict(zip(observed.numbers, queues(rows).tolist(), strict=True)))
    if quantile is None:
        added = (rows.sums * queue.too_long(numbers, np.maximum(tails.highest, 0.0), width)).sum()
        mean = (shortest.mean or 0.0) - float(added) / max(1, shortest.count)
        return lambda bound: mean > bound
    allowed = (1 - quantile) * shortest.count + FLOAT_NOISE

    def certainly(bound: float) -> bool:
        which = np.flatnonzero(tails.highest > bound)
        bounds = np.full(len(which), bound)
        return tails.over(bounds + queue.too_long(numbers[which], bounds, width), which) > allowed

    return certainly


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

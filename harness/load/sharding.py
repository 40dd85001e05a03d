"""Division of a schedule of arrivals between several generators, repeated when one is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import inf

KEPT = 5.0  # s for which the arrivals of other generators are kept, in case one of them is lost

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


class ScheduleShard:
    """Every `count`-th arrival of a schedule, from number `index` on.

    Attributes:
        due: Time of the next arrival, seconds from the start of the schedule; inf after the last.
        place: Number of the next arrival in the whole schedule.
    """

    def __init__(self, schedule: Iterable[float], index: int = 0, count: int = 1) -> None:
        self._all = enumerate(schedule)
        self._rules = [(-inf, index, count)]  # (start of validity, index, count), the latest first
        self._others: deque[tuple[int, float]] = deque()  # of other generators, not older than KEPT
        self._recovered: deque[tuple[int, float]] = deque()  # of other generators before a resplit
        self.place, self.due = -1, inf
        self._seek()

    def advance(self) -> None:
        """Proceed to the next arrival."""
        while self._others and self._others[0][1] < self.due - KEPT:
            self._others.popleft()
        self._seek()

    def _seek(self) -> None:
        if self._recovered:
            self.place, self.due = self._recovered.popleft()
            return
        for place, due in self._all:
            if self._is_own(place, due):
                self.place, self.due = place, due
                return
            self._others.append((place, due))
        self.due = inf

    def resplit(self, index: int, count: int, moment: float) -> None:
        """Divide the arrivals from `moment` on anew; emitted arrivals are not repeated.

        Args:
            index: Number of this generator among the remaining ones.
            count: Number of the remaining generators.
            moment: Seconds from the start of the schedule. It may lie up to `KEPT` seconds back:
                missed arrivals become due at once.
        """
        ahead = (
            list(self._recovered) if self.due == inf else [(self.place, self.due), *self._recovered]
        )
        self._rules.insert(0, (moment, index, count))
        known = sorted({*ahead, *self._others})
        self._others = deque(arrival for arrival in known if not self._is_own(*arrival))
        self._recovered = deque(arrival for arrival in known if self._is_own(*arrival))
        self._seek()

    def _is_own(self, place: int, due: float) -> bool:
        for since, index, count in self._rules:
            if due >= since:
                return place % count == index
        return False


def draw(seed: int, place: int) -> float:
    """A number in [0, 1) that depends only on a seed and a place in the schedule.

    SplitMix64 can start at any place (Steele, Lea & Flood 2014, "Fast splittable pseudorandom
    number generators"), so generators that serve different arrivals need not share their state.
    """
    return (_mix(_mix(seed & _MASK) + (place + 1) * _GOLDEN & _MASK) >> 11) * 2.0**-53


def apportion(total: int, shares: Iterable[float]) -> list[int]:
    """Whole parts of `total` in proportion to the shares, at least 1 each.

    The largest remainders are rounded up (Hamilton's method). When `total` is less than the number
    of shares, the sum of the parts exceeds it.
    """
    quotas = [total * share for share in shares]
    parts = [int(quota + 1e-9) for quota in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda i: parts[i] - quotas[i])
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    while 0 in parts and max(parts) > 1:
        parts[parts.index(max(parts))] -= 1
        parts[parts.index(0)] += 1
    return [max(1, part) for part in parts]


def _mix(state: int) -> int:
    state = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ state >> 27) * 0x94D049BB133111EB) & _MASK
    return state ^ state >> 31

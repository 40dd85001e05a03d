"""Inside the generator: measures whether requests are spread over a second or sent in bursts."""

from __future__ import annotations

from collections.abc import Iterable

SLOTS = 20  # per second
_KEPT = 60  # s; a start that is counted later begins a new count of its second


class BurstMeter:
    """Counts the requests in the busiest slot of each second.

    Attributes:
        total: The sum over all seconds: the number of all requests if those of each second are
            sent at once, and about a twentieth of it if many requests are spread evenly.
    """

    __slots__ = ("_counts", "_in_slot", "_most", "_peaks", "_slot", "total")

    def __init__(self) -> None:
        self.total = 0
        self._slot = self._in_slot = 0
        self._most = 0  # in a slot of this second
        self._counts: dict[int, int] = {}  # slot -> requests
        self._peaks: dict[int, int] = {}  # second -> requests in its busiest slot

    def count(self, starts: Iterable[float]) -> None:
        """Count requests that were sent at `starts`; fastest for ascending times."""
        for start in starts:
            slot = int(start * SLOTS)
            if slot != self._slot:
                self._change_slot(slot)
            self._in_slot += 1
            if self._in_slot > self._most:
                self._most += 1
                self.total += 1

    def _change_slot(self, slot: int) -> None:
        self._counts[self._slot] = self._in_slot
        self._peaks[self._slot // SLOTS] = self._most
        self._slot = slot
        self._in_slot = self._counts.get(slot, 0)
        self._most = self._peaks.get(slot // SLOTS, 0)
        if len(self._peaks) > _KEPT:
            oldest = min(self._peaks)
            del self._peaks[oldest]
            for old in range(oldest * SLOTS, (oldest + 1) * SLOTS):
                self._counts.pop(old, None)

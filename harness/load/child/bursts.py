"""Inside the generator: whether requests are spread over a second, or come in step."""

from __future__ import annotations

SLOTS = 20  # of a second
_REMEMBERED = 60  # s; a start that is told later than that begins a count of its own


class BurstMeter:
    """Of each second's requests those in its fullest slot, added up.

    Attributes:
        total: So far; the number of requests if those of each second came at one moment, and about
            a twentieth of it if they are spread evenly and are many.
    """

    __slots__ = ("_counts", "_in_slot", "_most", "_peaks", "_slot", "total")

    def __init__(self) -> None:
        self.total = 0
        self._slot = self._in_slot = 0
        self._most = 0  # in a slot of this second
        self._counts: dict[int, int] = {}  # slot -> requests
        self._peaks: dict[int, int] = {}  # second -> requests in its fullest slot

    def count(self, start: float) -> None:
        """A request was sent at this moment; moments come in order, or it takes a little longer."""
        slot = int(start * SLOTS)
        if slot != self._slot:
            self._turn_to(slot)
        self._in_slot += 1
        if self._in_slot > self._most:
            self._most += 1
            self.total += 1

    def _turn_to(self, slot: int) -> None:
        self._counts[self._slot] = self._in_slot
        self._peaks[self._slot // SLOTS] = self._most
        self._slot = slot
        self._in_slot = self._counts.get(slot, 0)
        self._most = self._peaks.get(slot // SLOTS, 0)
        if len(self._peaks) > _REMEMBERED:
            oldest = min(self._peaks)
            del self._peaks[oldest]
            for old in range(oldest * SLOTS, (oldest + 1) * SLOTS):
                self._counts.pop(old, None)

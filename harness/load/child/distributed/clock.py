"""The clock of another machine, as far as messages there and back can tell it."""

from __future__ import annotations

from dataclasses import dataclass

GROUP = 5  # messages for each measurement after the first
FIRST = 10  # messages for the first measurement


@dataclass(frozen=True, slots=True)
class Measurement:
    """Its clock minus ours, known to half of the round trip; both in seconds."""

    offset: float
    round_trip: float


class RemoteClock:
    """What a monotonic clock elsewhere shows, relative to ours.

    Of a group of messages the one with the shortest round trip tells most: the reading was taken
    within it, so the midpoint is wrong by at most half of it (Cristian 1989, "Probabilistic clock
    synchronization").

    Attributes:
        first: The first measurement; None before it is complete.
        latest: The last one.
        drift: How much the offset has surely changed since the first measurement: what the two
            round trips cannot explain, seconds.
    """

    def __init__(self) -> None:
        self.first: Measurement | None = None
        self.latest: Measurement | None = None
        self.drift = 0.0
        self._group: list[Measurement] = []

    def add(self, sent: float, there: float, received: float) -> bool:
        """A message left and came back by our clock, and read theirs; whether that is news."""
        self._group.append(Measurement(there - (sent + received) / 2, received - sent))
        if len(self._group) < (GROUP if self.first else FIRST):
            return False
        best = min(self._group, key=lambda one: one.round_trip)
        self._group = []
        self.latest = best
        self.first = self.first or best
        known = (best.round_trip + self.first.round_trip) / 2
        self.drift = max(self.drift, abs(best.offset - self.first.offset) - known)
        return True

    def theirs(self, ours: float) -> float:
        """The moment that their clock shows when ours shows `ours`."""
        return ours + self._offset()

    def ours(self, theirs: float) -> float:
        """The moment that our clock shows when theirs shows `theirs`."""
        return theirs - self._offset()

    def _offset(self) -> float:
        # The start was told with the first one: one offset for all of a run keeps its seconds.
        return self.first.offset if self.first else 0.0

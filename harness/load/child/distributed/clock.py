"""The clock of another machine, measured by messages and their replies."""

from __future__ import annotations

from dataclasses import dataclass

GROUP = 5  # messages for each measurement after the first
FIRST = 10  # messages for the first measurement
MOST = 200  # messages for the first measurement while all round trips are too long
ROUND_TRIP = 0.1  # s, the longest that allows the comparison of clocks


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """The remote clock minus the local one, accurate to half of the round trip; in seconds."""

    offset: float
    round_trip: float


SAME = ClockOffset(0.0, 0.0)  # of a process of the same machine


class RemoteClock:
    """The offset of a remote monotonic clock from the local one.

    Of a group of messages, the one with the shortest round trip is the most accurate: the clock was
    read within it, so the midpoint is wrong by at most half of it (Cristian 1989, "Probabilistic
    clock synchronization"). A busy machine may stand still as its worker joins: the first group
    goes on until one round trip is short enough.

    Attributes:
        first: The first measurement; None before it is complete.
        latest: The last measurement.
        drift: Largest change of the offset since the first measurement that the two round trips do
            not explain, seconds.
    """

    def __init__(self, known: ClockOffset | None = None) -> None:
        """Begin to measure.

        Args:
            known: The offset of a clock that need not be measured.
        """
        self.first = known
        self.latest = known
        self.drift = 0.0
        self._group: list[ClockOffset] = []

    def add(self, sent: float, remote: float, received: float) -> bool:
        """Add a message: local times of sending and reply, and the remote time in the reply.

        Returns:
            Whether it completes a measurement.
        """
        self._group.append(ClockOffset(remote - (sent + received) / 2, received - sent))
        best = min(self._group, key=lambda offset: offset.round_trip)
        first = FIRST if best.round_trip <= ROUND_TRIP else MOST
        if len(self._group) < (GROUP if self.first else first):
            return False
        self._group = []
        self.latest = best
        self.first = self.first or best
        uncertainty = (best.round_trip + self.first.round_trip) / 2
        self.drift = max(self.drift, abs(best.offset - self.first.offset) - uncertainty)
        return True

    def to_remote(self, local: float) -> float:
        """Convert a local time to the time of the remote clock."""
        return local + self._offset()

    def to_local(self, remote: float) -> float:
        """Convert a time of the remote clock to the local time."""
        return remote - self._offset()

    def _offset(self) -> float:
        # The start was sent with the first offset: one offset in all of a run keeps its seconds.
        return self.first.offset if self.first else 0.0

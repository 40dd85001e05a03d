"""Inside the generator: the times of one endpoint and outcome, until they are reported."""

from __future__ import annotations

from collections.abc import Iterator

from harness.load.child.records.slowest import Slowest
from harness.names import ERROR, LATENCY, OK, RECEIVE_LAG, SERVICE_TIME
from harness.runs.cells import Cell

Counts = dict[int, int]  # of a cell
_KINDS = (LATENCY, SERVICE_TIME, RECEIVE_LAG)


class RequestSeries:
    """Unreported times: second -> the counts of latencies, service times and receive lags."""

    __slots__ = ("failed", "method", "name", "seconds", "slowest")

    def __init__(self, method: str, name: str, slowest: Slowest, *, failed: bool) -> None:
        self.method, self.name, self.failed = method, name, failed
        self.slowest = slowest
        self.seconds: dict[float, tuple[Counts, Counts, Counts]] = {}

    def begin(self, second: float) -> tuple[Counts, Counts, Counts]:
        """The counts of a second that has none yet."""
        counts = self.seconds[second] = ({}, {}, {})
        return counts

    def take_cells(self) -> Iterator[Cell]:
        """The cells since the last call."""
        seconds, self.seconds = self.seconds, {}
        key = (ERROR if self.failed else OK, self.method, self.name)
        for second, of_kinds in seconds.items():
            for what, counts in zip(_KINDS, of_kinds, strict=True):
                if counts:
                    yield Cell(what, *key, int(second), counts)

    def rebase(self, shift: float, last: int) -> None:
        """Count seconds from a zero that is `shift` earlier; none becomes later than `last`."""
        before, self.seconds = self.seconds, {}
        for second, of_kinds in before.items():
            at = min(last, (second + shift) // 1.0)
            place = self.seconds.setdefault(at, ({}, {}, {}))
            for into, counts in zip(place, of_kinds, strict=True):
                for bucket, count in counts.items():
                    into[bucket] = into.get(bucket, 0) + count

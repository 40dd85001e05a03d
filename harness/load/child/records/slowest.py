"""Inside the generator: keeps the slowest requests of an endpoint, to find their traces."""

from __future__ import annotations

import math
from operator import attrgetter

from harness.load.protocol.frames import Slow

KEPT = 5


class Slowest:
    """The slowest requests of one endpoint and outcome, and its slowest sampled requests.

    The service records no trace of most requests, so the slowest of all seldom have one.

    Attributes:
        bar: Latency in seconds; only a request above it is among the slowest.
    """

    __slots__ = ("_kept", "_sampled", "_taken", "bar")

    def __init__(self, *, sampling: bool) -> None:
        """Keep sampled requests separately if `sampling`."""
        self._kept: list[Slow] = []
        self._sampled: list[Slow] | None = [] if sampling else None
        self._taken: list[Slow] = []
        self.bar = -math.inf

    def offer(self, slow: Slow) -> None:
        """Keep the request if it is among the slowest."""
        self.bar = _insert(self._kept, slow)
        if self._sampled is not None:
            if slow.sampled:
                _insert(self._sampled, slow)
            self.bar = min(self.bar, _bar(self._sampled))

    def take(self) -> list[Slow]:
        """The slowest requests that the previous calls have not returned."""
        # A sampled request may be in both lists; they are short, so comparing all pairs is cheap.
        kept = list(dict.fromkeys(self._kept + (self._sampled or [])))
        fresh = [slow for slow in kept if slow not in self._taken]
        self._taken = kept
        return fresh


def _insert(kept: list[Slow], slow: Slow) -> float:
    kept.append(slow)
    kept.sort(key=attrgetter("latency"), reverse=True)
    del kept[KEPT:]
    return _bar(kept)


def _bar(kept: list[Slow]) -> float:
    return kept[-1].latency if len(kept) == KEPT else -math.inf

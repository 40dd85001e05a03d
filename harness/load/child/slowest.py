"""Inside the generator: the slowest requests of an endpoint, so that their traces can be found."""

from __future__ import annotations

import math
from operator import attrgetter

from harness.load.protocol.frames import Slow

KEPT = 5


class Slowest:
    """The slowest requests so far of one endpoint and outcome, and the slowest of its sampled ones.

    Of most requests the service records no trace, so the slowest of all seldom have one.

    Attributes:
        bar: Seconds; a latency that is not above it cannot be among them.
    """

    __slots__ = ("_kept", "_sampled", "_told", "bar")

    def __init__(self, *, sampling: bool) -> None:
        """Keep the sampled ones on their own if there are to be any."""
        self._kept: list[Slow] = []
        self._sampled: list[Slow] | None = [] if sampling else None
        self._told: list[Slow] = []
        self.bar = -math.inf

    def offer(self, slow: Slow) -> None:
        """Keep it if it is among the slowest."""
        self.bar = _insert(self._kept, slow)
        if self._sampled is not None:
            if slow.sampled:
                _insert(self._sampled, slow)
            self.bar = min(self.bar, _bar(self._sampled))

    def take(self) -> list[Slow]:
        """Those that were not among them when this was last called."""
        # A sampled one may be in both; they are few, so comparing all with all is cheap.
        kept = list(dict.fromkeys(self._kept + (self._sampled or [])))
        fresh = [slow for slow in kept if slow not in self._told]
        self._told = kept
        return fresh


def _insert(kept: list[Slow], slow: Slow) -> float:
    kept.append(slow)
    kept.sort(key=attrgetter("latency"), reverse=True)
    del kept[KEPT:]
    return _bar(kept)


def _bar(kept: list[Slow]) -> float:
    return kept[-1].latency if len(kept) == KEPT else -math.inf

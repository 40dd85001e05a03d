"""The level in this process: bounded in number and age, microseconds away."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import ClassVar, Final, Generic, TypeVar

from sample_app.core.cache.levels import matcher
from sample_app.telemetry.cache import CacheMetrics

V = TypeVar("V")


class MemoryLevel(Generic[V]):
    """Least recently used entries are evicted first; an entry older than `ttl` is a miss.

    Args:
        name: The cache's name, which labels its metrics.
        max_size: Entries it holds at most.
        ttl: Seconds an entry is good for.
        metrics: Where gets, puts, evictions and times go.
        clock: Monotonic seconds.
    """

    LEVEL: Final = "memory"
    local: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        max_size: int,
        ttl: float,
        metrics: CacheMetrics,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._max_size = max_size
        self._ttl = ttl
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, V]] = OrderedDict()
        self._watch = metrics.watch(name, self.LEVEL, self._entries.__len__)

    async def get(self, key: str) -> V | None:
        """The value of `key`, or None when it is missing or too old."""
        with self._watch.timed("get"):
            entry = self._entries.get(key)
            if entry is not None and entry[0] <= self._clock():
                del self._entries[key]
                self._watch.evicted()
                entry = None
            if entry is None:
                self._watch.got(hit=False)
                return None
            self._entries.move_to_end(key)
            self._watch.got(hit=True)
            return entry[1]

    async def put(self, key: str, value: V) -> None:
        """Store a value; evict the least recently used one if full."""
        with self._watch.timed("put"):
            now = self._clock()
            over = key in self._entries and self._entries[key][0] > now
            self._entries[key] = (now + self._ttl, value)
            self._entries.move_to_end(key)
            self._watch.put(over=over)
            while len(self._entries) > self._max_size:
                self._entries.popitem(last=False)
                self._watch.evicted()

    async def invalidate(self, *keys: str) -> None:
        """Remove keys."""
        with self._watch.timed("invalidate"):
            for key in keys:
                self._entries.pop(key, None)

    async def invalidate_matching(self, pattern: str) -> None:
        """Remove all keys that match."""
        with self._watch.timed("invalidate"):
            matches = matcher(pattern).fullmatch
            for key in [key for key in self._entries if matches(key)]:
                del self._entries[key]

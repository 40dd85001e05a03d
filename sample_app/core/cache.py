"""An in-process cache with a size and a time to live, safe against stampedes and stale writes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, Generic, TypeVar

from sample_app.telemetry.cache import CacheMetrics

K = TypeVar("K")
V = TypeVar("V")


class MemoryCache(Generic[K, V]):
    """Least recently used entries leave first; an entry older than `ttl` is a miss.

    Args:
        name: Labels its metrics.
        max_size: Entries it holds at most.
        ttl: Seconds an entry is good for.
        metrics: Where gets, puts, evictions and times go.
        clock: Monotonic seconds.
    """

    LEVEL: Final = "memory"

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
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._loading: dict[K, asyncio.Task[V]] = {}
        self._watch = metrics.watch(name, self.LEVEL, self._entries.__len__)

    async def ping(self) -> bool:
        """Whether the cache answers; not counted as a get."""
        return True

    async def get(self, key: K) -> V | None:
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

    async def put(self, key: K, value: V) -> None:
        """Store a value; the least recently used one makes room."""
        with self._watch.timed("put"):
            self._entries[key] = (self._clock() + self._ttl, value)
            self._entries.move_to_end(key)
            self._watch.put()
            while len(self._entries) > self._max_size:
                self._entries.popitem(last=False)
                self._watch.evicted()

    async def invalidate(self, key: K) -> None:
        """Forget a key, and let no load that is under way bring its old value back."""
        with self._watch.timed("invalidate"):
            self._entries.pop(key, None)
            self._loading.pop(key, None)

    async def get_or_load(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        """The cached value, or the loaded one; of callers that miss together, one loads."""
        value = await self.get(key)
        if value is not None:
            return value
        loading = self._loading.get(key)
        if loading is None:
            loading = asyncio.create_task(self._load(key, load))
            self._loading[key] = loading
        return await asyncio.shield(loading)  # one caller's cancellation is not the others'

    async def _load(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        this = asyncio.current_task()
        try:
            value = await load()
            if self._loading.get(key) is this:  # nobody invalidated it meanwhile
                await self.put(key, value)
            return value
        finally:
            if self._loading.get(key) is this:
                del self._loading[key]

"""Every named cache of the service, on the levels of the settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar, cast

from pydantic import TypeAdapter

from sample_app.core.cache.announcements import follow
from sample_app.core.cache.cache import Cache
from sample_app.core.cache.levels import Level
from sample_app.core.cache.link import RedisLink
from sample_app.core.cache.memory import MemoryLevel
from sample_app.core.cache.redis import RedisLevel, channel
from sample_app.settings import Settings
from sample_app.telemetry.cache import CacheMetrics

V = TypeVar("V")


class Caches:
    """Creates named caches, has their connection, and announces changes between processes."""

    def __init__(self, settings: Settings, metrics: CacheMetrics) -> None:
        self._metrics = metrics
        self._redis = settings.redis
        self._levels = settings.cache_levels
        self._link = RedisLink(settings.redis) if "redis" in self._levels else None
        self._caches: dict[str, Cache[object]] = {}

    def named(self, name: str, kind: type[V], ttl: float, max_size: int) -> Cache[V]:
        """A cache of values of one type.

        Args:
            name: Label of its metrics and prefix of its keys in Redis.
            kind: The type of its values; pydantic must be able to write it as JSON.
            ttl: Seconds an entry is good for, at each level.
            max_size: Entries that a level holds at most.
        """
        levels: list[Level[V]] = []
        if "memory" in self._levels:
            levels.append(MemoryLevel(name, max_size, ttl, self._metrics))
        if self._link is not None:
            levels.append(
                RedisLevel(
                    self._link,
                    name,
                    TypeAdapter(kind),
                    self._metrics,
                    prefix=self._redis.prefix,
                    max_size=max_size,
                    ttl=ttl,
                )
            )
        cache = Cache(levels)
        self._caches[name] = cast("Cache[object]", cache)
        return cache

    async def clear(self) -> None:
        """Remove all entries at all levels."""
        for cache in self._caches.values():
            await cache.invalidate_matching("*")

    async def ping(self) -> bool:
        """Whether every level answers."""
        return self._link is None or await self._link.ping()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Apply changes by other processes while inside; then close the connections."""
        if self._link is None:
            yield
            return
        try:
            if "memory" in self._levels:
                async with self._following(self._link):
                    yield
            else:
                yield
        finally:
            await self._link.close()

    @asynccontextmanager
    async def _following(self, link: RedisLink) -> AsyncIterator[None]:
        told, tried = channel(self._redis.prefix), asyncio.Event()
        task = asyncio.create_task(follow(link, told, self._caches, self._redis.pause, tried))
        try:
            await tried.wait()
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

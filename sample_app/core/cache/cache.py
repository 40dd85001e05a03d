"""A named cache over its levels, safe against stampedes and stale values."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

from opentelemetry import trace

from sample_app.core.cache.levels import Level, matcher

V = TypeVar("V")
_tracer = trace.get_tracer(__name__)


class Cache(Generic[V]):
    """Values by key; the nearest level is read first.

    Args:
        levels: From the nearest to the farthest, at least one.
    """

    def __init__(self, levels: Sequence[Level[V]]) -> None:
        self._levels = tuple(levels)
        self._loading: dict[str, asyncio.Task[V]] = {}

    async def get_or_load(self, key: str, load: Callable[[], Awaitable[V]]) -> V:
        """The cached value, or the loaded one; of concurrent misses, one loads.

        Raises:
            Exception: What `load` raises, to each caller that waited for it. No value is stored.
        """
        value = await self._levels[0].get(key) if self._levels[0].local else None
        if value is not None:
            return value
        loading = self._loading.get(key)
        if loading is None:
            loading = asyncio.create_task(self._fetch(key, load))
            self._loading[key] = loading
        return await asyncio.shield(loading)  # a cancelled caller must not cancel the others

    async def invalidate(self, *keys: str) -> None:
        """Remove keys; a load in progress does not store its old value."""
        self._drop(keys)
        # From the farthest: a nearer level would otherwise be filled from it again.
        for level in reversed(self._levels):
            await level.invalidate(*keys)
            self._drop(keys)

    async def invalidate_matching(self, pattern: str) -> None:
        """Remove all keys that match: `*` is any text, `?` any character."""
        self._drop_loads(pattern)
        for level in reversed(self._levels):
            await level.invalidate_matching(pattern)
            self._drop_loads(pattern)

    async def forget_nearest(self, pattern: str) -> None:
        """Remove matching keys from this process's level after a change by another process."""
        self._drop_loads(pattern)
        await self._levels[0].invalidate_matching(pattern)

    def _drop(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._loading.pop(key, None)

    def _drop_loads(self, pattern: str) -> None:
        matches = matcher(pattern).fullmatch
        for key in [key for key in self._loading if matches(key)]:
            del self._loading[key]

    async def _fetch(self, key: str, load: Callable[[], Awaitable[V]]) -> V:
        """Read the farther levels, then load; fill the levels without a value."""
        this = asyncio.current_task()
        try:
            value, empty = await self._find(key)
            if value is None:
                with _tracer.start_as_current_span("cache load"):
                    value = await load()
            for level in reversed(empty):
                if self._loading.get(key) is not this:
                    break  # invalidated meanwhile
                await level.put(key, value)
            if self._loading.get(key) is not this:  # perhaps during a put, which came too late
                for level in reversed(empty):
                    await level.invalidate(key)
            return value
        finally:
            if self._loading.get(key) is this:
                del self._loading[key]

    async def _find(self, key: str) -> tuple[V | None, Sequence[Level[V]]]:
        """The value of the nearest level that is not local and has one, and the empty levels."""
        for depth, level in enumerate(self._levels):
            value = None if level.local else await level.get(key)
            if value is not None:
                return value, self._levels[:depth]
        return None, self._levels

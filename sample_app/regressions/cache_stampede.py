"""Concurrent cache misses that each load the value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sample_app.core.cache.cache import Cache
from sample_app.regressions.planting import Replace
from sample_app.settings import Settings

V = TypeVar("V")


def plant(settings: Settings, replace: Replace) -> Settings:
    """A simplified cache: concurrent misses of a key each load it.

    When a popular entry expires, all its readers query the database at once.

    Noticed by `cache-overwrites`.
    """

    async def get_or_load(self: Cache[V], key: str, load: Callable[[], Awaitable[V]]) -> V:
        for level in self._levels:
            found = await level.get(key)
            if found is not None:
                return found
        value = await load()
        for level in self._levels:
            await level.put(key, value)
        return value

    replace(Cache, "get_or_load", get_or_load)
    return settings

"""`@cached`: stores the results of a function in a cache."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from sample_app.core.cache.cache import Cache

P = ParamSpec("P")
V = TypeVar("V")


def cached(
    cache: Cache[V], *, key: Callable[P, str]
) -> Callable[[Callable[P, Awaitable[V]]], Callable[P, Awaitable[V]]]:
    """Cache the results of an async function; of concurrent misses, one runs.

        @cached(profiles, key=str)
        async def profile(user: int) -> Profile: ...

    Args:
        cache: Stores the results, which are invalidated by their key.
        key: The key of a call, from the same arguments. A function must not return None.
    """

    def decorate(function: Callable[P, Awaitable[V]]) -> Callable[P, Awaitable[V]]:
        @wraps(function)
        async def from_cache(*args: P.args, **kwargs: P.kwargs) -> V:
            return await cache.get_or_load(key(*args, **kwargs), lambda: function(*args, **kwargs))

        return from_cache

    return decorate

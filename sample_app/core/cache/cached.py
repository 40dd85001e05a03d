"""`@cached`: a function whose results a cache keeps."""

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
    """Keep what an async function returns; of calls that miss together, one runs.

        @cached(profiles, key=str)
        async def profile(company: int) -> Profile: ...

    Args:
        cache: Where results are kept, and by which key they are invalidated.
        key: The key of a call, from the same arguments. A function must not return None.
    """

    def decorate(function: Callable[P, Awaitable[V]]) -> Callable[P, Awaitable[V]]:
        @wraps(function)
        async def from_cache(*args: P.args, **kwargs: P.kwargs) -> V:
            return await cache.get_or_load(key(*args, **kwargs), lambda: function(*args, **kwargs))

        return from_cache

    return decorate

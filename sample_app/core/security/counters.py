"""Counts with an expiry: in Redis, where replicas agree, and in memory while it does not answer.

Failing open without Redis would remove the protection when it is needed; failing closed would make
every answer depend on the cache's server.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, TypeVar

from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.errors import StorageError
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sample_app.settings import RedisSettings

T = TypeVar("T")
PATIENCE: Final = 0.5  # seconds for one command of a storage
PAUSE: Final = 5.0  # seconds without calls to a storage that did not answer
_log = logging.getLogger("sample_app.counters")


class Counters:
    """Asks `shared`; the memory of this process without it, or while it does not answer."""

    def __init__(self, shared: Storage | None = None) -> None:
        self._memory = MemoryStorage()
        self._shared = shared or self._memory
        self._paused_until = 0.0

    async def ask(self, question: Callable[[Storage], Awaitable[T]]) -> T:
        """The answer of a storage to `question`, which is asked again after a failure."""
        if monotonic() >= self._paused_until:
            try:
                return await question(self._shared)
            except (StorageError, OSError):
                self._paused_until = monotonic() + PAUSE
                _log.warning("the storage of the rate limits does not answer", exc_info=True)
        return await question(self._memory)


def redis_pool(settings: RedisSettings) -> BlockingConnectionPool:
    """Connections with short time-outs; no retries, because they multiply the waiting time.

    When all are in use, the next request waits for one: a burst must not count as an outage.
    """
    return BlockingConnectionPool.from_url(
        settings.url,
        max_connections=settings.pool_size,
        timeout=PATIENCE,  # for a free connection of the pool
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )


def redis_storage(settings: RedisSettings, pool: BlockingConnectionPool) -> RedisStorage:
    """Counts that several replicas of the service share; the caller closes `pool`."""
    return RedisStorage(
        f"async+{settings.url}",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix=f"{settings.prefix}:counts",
        connection_pool=pool,  # type: ignore[arg-type]  # documented, but not annotated
    )

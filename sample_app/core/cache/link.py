"""The Redis client of the process, with pauses after failures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final
from uuid import uuid4

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from sample_app.settings import RedisSettings
from sample_app.telemetry.tracing import instrument_redis

FAILURES: Final = (RedisError, OSError)  # asyncio's TimeoutError is an OSError
_log = logging.getLogger("sample_app.redis")


class RedisLink:
    """A pooled client with short time-outs, without retries, and with pauses.

    A cache that answers late is worse than none. So after a failure there are no calls for `pause`
    seconds. Then one caller tries; the others continue without Redis until it has succeeded.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, settings: RedisSettings, clock: Callable[[], float] = monotonic) -> None:
        self.identity = uuid4().hex  # the sender of this process's announcements
        self._pause = settings.pause
        self._clock = clock
        self._again_at: float | None = None  # None while it works
        pool = BlockingConnectionPool.from_url(
            settings.url,
            max_connections=settings.pool_size,
            timeout=settings.timeout,  # for a free connection of the pool
            socket_timeout=settings.timeout,
            socket_connect_timeout=settings.timeout,
            retry=Retry(NoBackoff(), 0),
        )
        self.client: Redis = Redis.from_pool(pool)
        instrument_redis(self.client)

    def usable(self) -> bool:
        """Whether to call Redis now; if true, the caller must report the outcome."""
        if self._again_at is None:
            return True
        if self._clock() < self._again_at:
            return False
        self._again_at = self._clock() + self._pause
        return True

    def failed(self, error: Exception) -> None:
        """Record that Redis did not answer: pause."""
        if self._again_at is None:
            _log.warning("Redis does not answer; going on without", extra={"error": str(error)})
        self._again_at = self._clock() + self._pause

    def worked(self) -> None:
        """Record that Redis answered."""
        if self._again_at is not None:
            _log.warning("Redis answers again")
        self._again_at = None

    async def ping(self) -> bool:
        """Whether it answers now, pause or not."""
        try:
            await self.client.ping()
        except FAILURES as error:
            self.failed(error)
            return False
        self.worked()
        return True

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()

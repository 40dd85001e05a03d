"""Idempotency keys in Redis: shared by several replicas of the service."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from sample_app.core.idempotency.store import Answer, MemoryIdempotencyStore, Record
from sample_app.telemetry.tracing import instrument_redis

T = TypeVar("T")
PAUSE: Final = 5.0  # seconds without calls to a Redis that did not answer
_log = logging.getLogger("sample_app.idempotency")


class RedisIdempotencyStore:
    """In Redis, and in memory while Redis does not answer.

    Args:
        redis: The client.
        prefix: Begins every key.
        life: Seconds that an answer is kept.
        claim: Seconds for which a request without an answer counts as in progress; a process
            that dies must not block its keys for long.
    """

    def __init__(self, redis: Redis, prefix: str, life: float, claim: float) -> None:
        self._redis = redis
        instrument_redis(redis)
        self._prefix = f"{prefix}:idempotency:"
        self._life = round(life * 1000)
        self._claim = round(claim * 1000)
        self._memory = MemoryIdempotencyStore(life)
        self._paused_until = 0.0

    async def claim(self, key: str, fingerprint: str) -> Record | None:
        """See `IdempotencyStore`; one atomic command, so that of two processes one claims."""

        async def ask() -> Record | None:
            found = await self._redis.set(
                self._prefix + key, _text(Record(fingerprint)), nx=True, get=True, px=self._claim
            )
            return _record(found) if isinstance(found, str | bytes) else None

        return await self._or_in_memory(ask, lambda: self._memory.claim(key, fingerprint))

    async def keep(self, key: str, record: Record) -> None:
        """See `IdempotencyStore`."""

        async def ask() -> None:
            await self._redis.set(self._prefix + key, _text(record), px=self._life)

        await self._or_in_memory(ask, lambda: self._memory.keep(key, record))

    async def release(self, key: str) -> None:
        """See `IdempotencyStore`."""

        async def ask() -> None:
            await self._redis.delete(self._prefix + key)

        await self._or_in_memory(ask, lambda: self._memory.release(key))

    async def _or_in_memory(
        self, ask: Callable[[], Awaitable[T]], memory: Callable[[], Awaitable[T]]
    ) -> T:
        if monotonic() >= self._paused_until:
            try:
                return await ask()
            except (RedisError, OSError) as error:
                self._paused_until = monotonic() + PAUSE
                extra = {"error": str(error)}
                _log.warning("Redis does not keep idempotency keys; memory does", extra=extra)
        return await memory()


def _text(record: Record) -> str:
    answer = record.answer
    stored = answer and [answer.status, answer.headers, answer.body]
    return json.dumps([record.fingerprint, stored])


def _record(text: bytes | str) -> Record:
    fingerprint, stored = json.loads(text)
    if stored is None:
        return Record(fingerprint)
    status, headers, body = stored
    return Record(fingerprint, Answer(status, tuple((k, v) for k, v in headers), body))

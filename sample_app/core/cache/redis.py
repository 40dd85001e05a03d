"""The level in Redis: shared by all processes, independent of their lifetime.

Values are JSON, validated against their type when read, so foreign data counts as no value.
(Pickle would execute foreign data.)

In addition to the values each cache has an index, a sorted set of its keys by expiry time. It
limits the number of entries, counts the expired ones, and finds keys by pattern without a scan of
all keys of the server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from time import time
from typing import ClassVar, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from sample_app.core.cache.levels import redis_glob
from sample_app.core.cache.link import FAILURES, RedisLink
from sample_app.telemetry.cache import CacheMetrics

V = TypeVar("V")
BATCH: Final = 500  # keys that one command deletes


class RedisLevel(Generic[V]):
    """When there are too many entries, those that expire first are evicted.

    Args:
        link: The client.
        name: The cache's name, which labels its metrics.
        kind: Writes and reads its values as JSON.
        metrics: Where gets, puts, evictions, errors and times go.
        prefix: Begins every key of this service, so that a server can be shared.
        max_size: Entries it holds at most.
        ttl: Seconds an entry is good for.
    """

    LEVEL: Final = "redis"
    local: ClassVar[bool] = False

    def __init__(
        self,
        link: RedisLink,
        name: str,
        kind: TypeAdapter[V],
        metrics: CacheMetrics,
        *,
        prefix: str,
        max_size: int,
        ttl: float,
    ) -> None:
        self._link = link
        self._name = name
        self._kind = kind
        self._values = f"{prefix}:{name}:"
        self._index = f"{prefix}:index:{name}"
        self._channel = channel(prefix)
        self._max_size = max_size
        self._ttl = ttl
        self._size = 0  # as of the last write from here
        self._outdated = False  # an invalidation did not get through
        self._watch = metrics.watch(name, self.LEVEL, lambda: self._size)

    async def get(self, key: str) -> V | None:
        """The value of `key`, or None."""
        if self._link.usable():
            with self._asking("get"):
                await self._catch_up()
                text = await self._link.client.get(self._values + key)
                value = None if text is None else self._read(text)
                self._watch.got(hit=value is not None)
                return value
        return None

    async def put(self, key: str, value: V) -> None:
        """Store a value, in one round trip while there is room."""
        if not self._link.usable():
            return
        with self._asking("put"):
            await self._catch_up()
            now = time()
            async with self._link.client.pipeline() as together:
                text = self._kind.dump_json(value)
                together.set(self._values + key, text, px=max(1, round(self._ttl * 1000)))
                together.zremrangebyscore(self._index, 0, now)
                together.zadd(self._index, {key: now + self._ttl})
                together.zcard(self._index)
                _, expired, _, self._size = await together.execute()
            self._watch.put()
            self._watch.evicted(expired)
            if self._size > self._max_size:
                await self._make_room(self._size - self._max_size)

    async def invalidate(self, *keys: str) -> None:
        """Remove keys, and announce them to the memory levels of all other processes."""
        await self._forget(list(keys), *keys)

    async def invalidate_matching(self, pattern: str) -> None:
        """Remove matching keys, and announce it to the memory levels of all other processes."""
        await self._forget(None, pattern)

    async def _forget(self, keys: list[str] | None, *patterns: str) -> None:
        """A failed invalidation empties the cache before the next use.

        Args:
            keys: The keys to remove; None is all that match the only pattern.
            patterns: The announcement.
        """
        done = False
        if self._link.usable():
            with self._asking("invalidate"):
                await self._catch_up()
                await self._delete(await self._matching(*patterns) if keys is None else keys)
                await self._announce(*patterns)
                done = True
        self._outdated = self._outdated or not done

    async def _catch_up(self) -> None:
        """Empty the cache after an outage with changes: the changed keys are unknown."""
        if self._outdated:
            await self._delete(await self._matching("*"))
            await self._announce("*")
            self._outdated = False

    async def _matching(self, pattern: str) -> list[str]:
        found = self._link.client.zscan_iter(self._index, match=redis_glob(pattern), count=BATCH)
        return [_text(entry[0]) async for entry in found]

    async def _delete(self, keys: list[str]) -> None:
        for start in range(0, len(keys), BATCH):
            some = keys[start : start + BATCH]
            async with self._link.client.pipeline() as together:
                together.unlink(*(self._values + key for key in some))
                together.zrem(self._index, *some)
                together.zcard(self._index)
                self._size = (await together.execute())[-1]

    async def _make_room(self, surplus: int) -> None:
        leaving = await self._link.client.zpopmin(self._index, surplus)
        await self._delete([_text(entry[0]) for entry in leaving])
        self._watch.evicted(len(leaving))

    async def _announce(self, *patterns: str) -> None:
        async with self._link.client.pipeline(transaction=False) as together:
            for pattern in patterns:
                change = {"cache": self._name, "pattern": pattern, "by": self._link.identity}
                together.publish(self._channel, json.dumps(change))
            await together.execute()

    def _read(self, text: bytes | str) -> V | None:
        try:
            return self._kind.validate_json(text)
        except ValidationError:  # written by another version, or by somebody else
            self._watch.failed("get")
            return None

    @contextmanager
    def _asking(self, operation: str) -> Iterator[None]:
        """Time an operation; a failure is counted, and remembered by the link."""
        with self._watch.timed(operation):
            try:
                yield
            except FAILURES as error:
                self._watch.failed(operation)
                self._link.failed(error)
            else:
                self._link.worked()


def _text(key: object) -> str:
    """A key as it was written: Redis answers bytes."""
    return key.decode() if isinstance(key, bytes) else str(key)


def channel(prefix: str) -> str:
    """The channel of the announcements."""
    return f"{prefix}:changed"

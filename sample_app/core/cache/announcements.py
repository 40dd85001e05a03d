"""Invalidates the memory level after changes by other processes.

It uses Redis publish/subscribe and takes milliseconds. Messages may be lost with the connection, so
a new subscription empties the memory levels first. While Redis is down, another process's change
is visible at the latest after the memory level's time to live.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Final, NoReturn

from sample_app.core.cache.cache import Cache
from sample_app.core.cache.link import FAILURES, RedisLink

PATIENCE: Final = 5.0  # seconds between two checks of a silent connection
_log = logging.getLogger("sample_app.redis")


async def follow(
    link: RedisLink,
    channel: str,
    caches: Mapping[str, Cache[object]],
    pause: float,
    tried: asyncio.Event,
) -> NoReturn:
    """Listen until cancelled; after a failure, again in `pause` seconds.

    `tried` is set when it listens for the first time, or could not.
    """
    while True:
        try:
            async with link.client.pubsub() as subscription:
                await subscription.subscribe(channel)
                for cache in caches.values():
                    await cache.forget_nearest("*")
                tried.set()
                while True:
                    message = await subscription.get_message(
                        ignore_subscribe_messages=True, timeout=PATIENCE
                    )
                    if message is not None:
                        await _obey(message["data"], caches, link.identity)
        except FAILURES as error:
            _log.info("not following changes", extra={"error": str(error)})
        tried.set()
        await asyncio.sleep(pause)


async def _obey(text: bytes, caches: Mapping[str, Cache[object]], myself: str) -> None:
    try:
        change = json.loads(text)
        cache, pattern, by = caches[change["cache"]], str(change["pattern"]), change["by"]
    except (ValueError, KeyError, TypeError):  # of another version, which may have other caches
        return
    if by != myself:
        await cache.forget_nearest(pattern)

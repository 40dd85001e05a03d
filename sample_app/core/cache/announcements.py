"""What other processes changed leaves this process's memory level too.

By Redis publish/subscribe, so within milliseconds. A message may be lost with the connection;
whoever subscribes again therefore empties the memory levels first. While Redis is away, another
process's change is seen after the memory level's time to live at the latest.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Final, NoReturn

from sample_app.core.cache.cache import Cache
from sample_app.core.cache.link import FAILURES, RedisLink

PATIENCE: Final = 5.0  # seconds between two looks at a silent connection
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

"""Rate limits per caller.

A caller is the user of a valid token, from any address, and else the address: an unauthenticated
caller must not choose its own limit. Log-ins and registrations are always counted by address and
have a lower limit, because each may be a guess at a password or costs a hash.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import ceil
from time import monotonic, time
from typing import Final

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter as SlidingWindow
from limits.errors import StorageError
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sample_app.api.edge.identity import address_of, caller_key
from sample_app.api.errors import error_answer
from sample_app.settings import RateSettings

LOGIN_PATHS: Final = frozenset({"/api/v1/auth/token", "/api/v1/users"})
UNLIMITED: Final = ("/health", "/metrics")  # monitoring must always work
PATIENCE: Final = 0.5  # seconds for one command of a storage
PAUSE: Final = 5.0  # seconds without calls to a storage that did not answer
_log = logging.getLogger("sample_app.rate_limit")


@dataclass(frozen=True, slots=True)
class Allowance:
    """The remaining requests of a caller; `reset` is in seconds from now."""

    allowed: bool
    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """The headers of every answer."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }


class Rates:
    """Counts requests in a sliding window, in `storage`; in memory while the storage is down.

    Failing open without Redis would remove the protection when it is needed; failing closed would
    make every answer depend on the cache's server.
    """

    def __init__(self, settings: RateSettings, storage: Storage | None = None) -> None:
        self._user = parse(settings.user)
        self._address = parse(settings.address)
        self._login = parse(settings.login)
        self._memory = SlidingWindow(MemoryStorage())
        self._shared = SlidingWindow(storage) if storage else self._memory
        self._paused_until = 0.0

    async def count(self, scope: Scope) -> Allowance:
        """Count one request against its caller's limit."""
        if scope["method"] == "POST" and scope["path"] in LOGIN_PATHS:
            item, key = self._login, f"login:{address_of(scope)}"
        else:
            key = caller_key(scope)
            item = self._user if key.startswith("user:") else self._address
        if monotonic() >= self._paused_until:
            try:
                return await _hit(self._shared, item, key)
            except (StorageError, OSError):
                self._paused_until = monotonic() + PAUSE
                _log.warning("the storage of the rate limits does not answer", exc_info=True)
        return await _hit(self._memory, item, key)


def redis_pool(url: str) -> ConnectionPool:
    """Connections with short time-outs; no retries, because they multiply the waiting time."""
    return ConnectionPool.from_url(
        url,
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )


def redis_storage(url: str, pool: ConnectionPool) -> RedisStorage:
    """Counts that several replicas of the service share; the caller closes `pool`."""
    return RedisStorage(
        f"async+{url}",
        wrap_exceptions=True,
        implementation="redispy",
        connection_pool=pool,  # type: ignore[arg-type]  # documented, but not annotated
    )


async def _hit(limiter: SlidingWindow, item: RateLimitItem, key: str) -> Allowance:
    allowed = await limiter.hit(item, key)
    window = await limiter.get_window_stats(item, key)
    reset = max(1, ceil(window.reset_time - time()))
    return Allowance(allowed, item.amount, max(0, window.remaining), reset)


class RateLimit:
    """ASGI middleware that answers 429 to a caller over its limit."""

    def __init__(self, app: ASGIApp, rates: Rates) -> None:
        self._app = app
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(UNLIMITED):
            await self._app(scope, receive, send)
            return
        allowance = await self._rates.count(scope)
        headers = allowance.headers()
        if not allowance.allowed:
            text = f"More than {allowance.limit} requests. Try again in {allowance.reset} s."
            headers["Retry-After"] = str(allowance.reset)
            await error_answer(429, "too_many_requests", text, None, headers)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)

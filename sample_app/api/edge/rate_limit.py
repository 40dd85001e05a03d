"""Rate limits per caller.

A caller is the user of a valid token, from any address, and else the address: an unauthenticated
caller must not choose its own limit. Log-ins and registrations are always counted by address and
have a lower limit, because each may be a guess at a password or costs a hash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from time import time
from typing import Final

from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter as SlidingWindow
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sample_app.api.edge.identity import address_of, caller_key
from sample_app.api.errors import error_answer
from sample_app.core.security.counters import Counters
from sample_app.core.security.origin import network_of
from sample_app.settings import RateSettings

LIMITS: Final = ("user", "address", "login")
LOGIN_PATHS: Final = frozenset({"/api/v1/auth/token", "/api/v1/users"})
UNLIMITED: Final = ("/health", "/metrics")  # monitoring must always work


@dataclass(frozen=True, slots=True)
class Allowance:
    """The remaining requests of a caller; `reset` is in seconds from now."""

    name: str  # one of LIMITS
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
    """Counts requests in a sliding window."""

    def __init__(self, settings: RateSettings, counters: Counters) -> None:
        self._items: dict[str, RateLimitItem] = {
            name: parse(getattr(settings, name)) for name in LIMITS
        }
        self._counters = counters

    async def count(self, scope: Scope) -> Allowance:
        """Count one request against its caller's limit."""
        if scope["method"] == "POST" and scope["path"] in LOGIN_PATHS:
            name, key = "login", f"login:{network_of(address_of(scope))}"
        else:
            key = caller_key(scope)
            name = key.partition(":")[0]
        item = self._items[name]

        async def hit(storage: Storage) -> Allowance:
            limiter = SlidingWindow(storage)
            allowed = await limiter.hit(item, key)
            window = await limiter.get_window_stats(item, key)
            reset = max(1, ceil(window.reset_time - time()))
            return Allowance(name, allowed, item.amount, max(0, window.remaining), reset)

        return await self._counters.ask(hit)


class RateLimit:
    """ASGI middleware that answers 429 to a caller over its limit.

    Args:
        app: The wrapped application.
        rates: Counts.
        limited: Called with the name of the limit for each refused request.
    """

    def __init__(self, app: ASGIApp, rates: Rates, limited: Callable[[str], None]) -> None:
        self._app = app
        self._rates = rates
        self._limited = limited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(UNLIMITED):
            await self._app(scope, receive, send)
            return
        allowance = await self._rates.count(scope)
        headers = allowance.headers()
        if not allowance.allowed:
            self._limited(allowance.name)
            text = f"More than {allowance.limit} requests. Try again in {allowance.reset} s."
            headers["Retry-After"] = str(allowance.reset)
            await error_answer(429, "too_many_requests", text, None, headers)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)

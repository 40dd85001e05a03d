"""The order of the middlewares between the network and the routes."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.middleware.gzip import GZipMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from sample_app.api.edge.body_limit import BodyLimit
from sample_app.api.edge.cors import Cors
from sample_app.api.edge.identity import Identity
from sample_app.api.edge.rate_limit import RateLimit, Rates
from sample_app.api.edge.security_headers import SecurityHeaders
from sample_app.api.edge.time_out import TimeOut
from sample_app.api.imports import PATH as IMPORTS
from sample_app.core.idempotency.redis import RedisIdempotencyStore
from sample_app.core.idempotency.store import MemoryIdempotencyStore
from sample_app.core.security.access import Access
from sample_app.settings import Settings

LEVEL = 1  # 9 makes a page of a hundred contacts a seventh smaller and takes six times as long


def add_edge(
    app: FastAPI, settings: Settings, access: Access, limited: Callable[[str], None]
) -> None:
    """Add the middleware from the inside out (the last one gets a request first).

    Args:
        app: The application.
        settings: Its configuration.
        access: Verifies and counts callers.
        limited: Called with the name of a rate limit for each request that exceeds it.
    """
    http = settings.http
    app.state.fingerprint_key = settings.auth.secret.get_secret_value().encode()
    app.state.idempotency = (
        RedisIdempotencyStore(
            Redis(connection_pool=access.redis),
            settings.redis.prefix,
            http.idempotency_life,
            claim=2 * http.timeout,
        )
        if access.redis
        else MemoryIdempotencyStore(http.idempotency_life)
    )
    app.add_middleware(GZipMiddleware, minimum_size=http.compress_over, compresslevel=LEVEL)
    app.add_middleware(TimeOut, seconds=http.timeout)
    app.add_middleware(BodyLimit, most=http.max_body, others={IMPORTS: settings.imports.max_body})
    app.add_middleware(RateLimit, rates=Rates(settings.rate, access.counters), limited=limited)
    app.add_middleware(Identity, tokens=access.tokens, standings=access.standings)
    if http.origins:
        app.add_middleware(Cors, origins=http.origins)
    encrypted = settings.environment == "production"
    app.add_middleware(SecurityHeaders, encrypted=encrypted, pages=("/docs",))
    if http.proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=[str(n) for n in http.proxies])

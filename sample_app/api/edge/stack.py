"""The order of the middlewares between the network and the routes."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from sample_app.api.edge.body_limit import BodyLimit
from sample_app.api.edge.cors import Cors
from sample_app.api.edge.identity import Identity
from sample_app.api.edge.rate_limit import RateLimit, Rates, redis_storage
from sample_app.api.edge.security_headers import SecurityHeaders
from sample_app.api.edge.time_out import TimeOut
from sample_app.core.settings import Settings
from sample_app.core.tokens import Tokens

LEVEL = 1  # of compression: 9 makes a page of contacts a tenth smaller and takes 3 times as long


def add_edge(app: FastAPI, settings: Settings, tokens: Tokens) -> None:
    """From the inside out: the last one added sees a request first."""
    storage = redis_storage(settings.redis.url) if settings.redis.url else None
    http = settings.http
    app.add_middleware(GZipMiddleware, minimum_size=http.compress_over, compresslevel=LEVEL)
    app.add_middleware(TimeOut, seconds=http.timeout)
    app.add_middleware(BodyLimit, most=http.max_body)
    app.add_middleware(RateLimit, rates=Rates(settings.rate, storage))
    app.add_middleware(Identity, tokens=tokens)
    if http.origins:
        app.add_middleware(Cors, origins=http.origins)
    encrypted = settings.environment == "production"
    app.add_middleware(SecurityHeaders, encrypted=encrypted, pages=("/docs",))

"""`/metrics` as a plain route: a mounted application answers 307 to `/metrics/` first.

The text encoder needs tens of milliseconds for some thousand lines. Without a pause no request
would be served in this time, which would determine the p95 of a service that is scraped each
second. So the exposition yields to the event loop after each family.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from secrets import compare_digest

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_END = b"# EOF\n"  # of OpenMetrics


class _Family(Collector):
    """One family as a registry of its own, which is what the encoders take."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


def metrics_route(registry: CollectorRegistry, token: str = "", path: str = "/metrics") -> Route:
    """A route that writes `registry` as Prometheus text or OpenMetrics, as the client accepts.

    With a `token` it answers 401 to requests without `Authorization: Bearer <token>`.
    """
    needed = f"bearer {token}".encode()

    async def metrics(request: Request) -> Response:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if token and not compare_digest(f"{scheme.lower()} {given.strip()}".encode(), needed):
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        parts = []
        for family in registry.collect():
            parts.append(encode(_Family(family)).removesuffix(_END))
            await asyncio.sleep(0)
        end = _END if content_type.startswith("application/openmetrics-text") else b""
        return Response(b"".join(parts) + end, headers={"Content-Type": content_type})

    return Route(path, metrics, methods=["GET"], include_in_schema=False)

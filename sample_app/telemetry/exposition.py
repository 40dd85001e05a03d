"""`/metrics` as a plain route: a mounted application answers 307 to `/metrics/` first."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def metrics_route(registry: CollectorRegistry, path: str = "/metrics") -> Route:
    """A route that writes `registry` as Prometheus text or OpenMetrics, as the client accepts."""

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    return Route(path, metrics, methods=["GET"], include_in_schema=False)

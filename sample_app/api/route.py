"""The route classes of the API: `APIRouter(route_class=ResourceRoute)`."""

from __future__ import annotations

from fastapi.routing import APIRoute

from sample_app.api.http_cache import Handler, conditional
from sample_app.api.idempotency import idempotent


class IdempotentRoute(APIRoute):
    """POST requests may carry an `Idempotency-Key`."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler with idempotency for POST."""
        handler = super().get_route_handler()
        return idempotent(handler) if "POST" in (self.methods or ()) else handler


class ResourceRoute(IdempotentRoute):
    """GET answers carry an `ETag`, too."""

    def get_route_handler(self) -> Handler:
        """The handler with ETags for GET."""
        handler = super().get_route_handler()
        return conditional(handler) if "GET" in (self.methods or ()) else handler


class UploadRoute(APIRoute):
    """POST requests may carry an `Idempotency-Key`; their bodies are streamed."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler with idempotency for POST."""
        handler = super().get_route_handler()
        return idempotent(handler, streamed=True) if "POST" in (self.methods or ()) else handler

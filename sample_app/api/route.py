"""The route class of the API's resources: `APIRouter(route_class=ResourceRoute)`."""

from __future__ import annotations

from fastapi.routing import APIRoute

from sample_app.api.http_cache import Handler, conditional
from sample_app.api.idempotency import idempotent


class ResourceRoute(APIRoute):
    """GET answers carry an `ETag`, POST requests may carry an `Idempotency-Key`."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler with ETags for GET and idempotency for POST."""
        handler = super().get_route_handler()
        methods = self.methods or ()
        if "GET" in methods:
            return conditional(handler)
        return idempotent(handler) if "POST" in methods else handler

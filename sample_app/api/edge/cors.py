"""CORS: the origins whose pages may call the API from a browser."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from sample_app.api.errors import error_answer


class Cors(CORSMiddleware):
    """Starlette's middleware for exact origins; a refused preflight gets a standard error."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=(
                "Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-ID",
            ),
            expose_headers=(
                "ETag", "Location", "Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining",
                "X-RateLimit-Reset", "X-Request-ID",
            ),
        )  # fmt: skip

    def preflight_response(self, request_headers: Headers) -> Response:
        """Whether the browser may send the real request."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        refusal = bytes(response.body).decode()
        return error_answer(400, "cors_refused", f"{refusal}.", None, {"Vary": "Origin"})

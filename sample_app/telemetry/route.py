"""Names of requests in metrics and traces: a small, closed set."""

from __future__ import annotations

from typing import Final

from starlette.types import Scope

METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY")
)
NO_ROUTE: Final = ""  # an empty label is an absent one: unknown paths must not become labels


def method_of(scope: Scope) -> str:
    """The method of a request; an unknown one is `_OTHER`."""
    method = scope["method"]
    return method if method in METHODS else "_OTHER"


def route_template(scope: Scope) -> str:
    """The template of the route that served a request, such as `/contacts/{id}`.

    `scope["route"].path` lacks the prefix that `include_router(prefix=...)` added; FastAPI keeps
    the full path in its own part of the scope.
    """
    effective = scope.get("fastapi", {}).get("effective_route_context")
    route = effective or scope.get("route")
    path = getattr(route, "path", NO_ROUTE)
    return path if isinstance(path, str) else NO_ROUTE

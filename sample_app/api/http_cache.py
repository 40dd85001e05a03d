"""Conditional requests (RFC 9110, 13): a client with the current answer gets 304 without a body.

The tag is computed from the whole answer, so it covers all fields. It saves the transfer; the cache
in `core/cache` saves the work. It is weak, because compression changes the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from hashlib import blake2b
from typing import Any, Final

from fastapi import Request, Response, status

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
# Stored only by the client, not by proxies, and revalidated each time: a stale answer is never
# shown.
CACHE_CONTROL: Final = "private, no-cache"
NOT_MODIFIED: Final[dict[int | str, dict[str, object]]] = {
    304: {"description": "What the client has (`If-None-Match`) is current."}
}


def conditional(handler: Handler) -> Handler:
    """Add `ETag` and `Cache-Control` to the 200 answers of a GET, and answer 304 instead."""

    async def handle(request: Request) -> Response:
        response = await handler(request)
        body = getattr(response, "body", None)  # a stream has none
        if response.status_code != status.HTTP_200_OK or not isinstance(body, bytes):
            return response
        tag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'
        if _matches(request.headers.get("If-None-Match", ""), tag):
            response = Response(status_code=status.HTTP_304_NOT_MODIFIED)
        response.headers["ETag"] = tag
        response.headers["Cache-Control"] = CACHE_CONTROL
        return response

    return handle


def _matches(header: str, tag: str) -> bool:
    """Whether `If-None-Match` names the tag; the comparison is weak (RFC 9110, 8.8.3.2)."""
    if header.strip() == "*":
        return True
    return tag.removeprefix("W/") in (
        given.strip().removeprefix("W/") for given in header.split(",")
    )

"""Conditional requests (RFC 9110, 13): who has the current answer already gets 304 without it.

The tag is made of the whole answer, so it cannot forget a field. That saves the transfer, not the
work; the work is saved by the cache below. It is weak, because compression changes the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from hashlib import blake2b
from typing import Any, Final

from fastapi import Request, Response, status

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
# Kept by the client that asked, nobody between, and asked for again each time: an answer that is
# out of date is never shown.
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

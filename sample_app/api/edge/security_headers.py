"""Security headers for browsers (OWASP's recommendations for APIs)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
YEAR: Final = 31_536_000


class SecurityHeaders:
    """ASGI middleware that adds them to every answer.

    Args:
        app: The wrapped application.
        encrypted: Whether clients only ever come by https; browsers then require it for a year.
        pages: Paths of pages for people, which load scripts and styles.
    """

    def __init__(self, app: ASGIApp, encrypted: bool, pages: Collection[str] = ()) -> None:
        self._app = app
        extra = {"Strict-Transport-Security": f"max-age={YEAR}"} if encrypted else {}
        self._always = [(k.lower().encode(), v.encode()) for k, v in (ALWAYS | extra).items()]
        self._policy = (b"content-security-policy", POLICY.encode())
        self._pages = frozenset(pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # Cacheable answers set their own header (`api/http_cache.py`).
                headers.setdefault("Cache-Control", "no-store")
                headers.raw.extend(self._always)
                if scope["path"] not in self._pages:
                    headers.raw.append(self._policy)
            await send(message)

        await self._app(scope, receive, send_with_headers)

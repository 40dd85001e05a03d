"""One log line for each request, written when the answer has been sent."""

from __future__ import annotations

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("sample_app.access")


class AccessLog:
    """ASGI middleware: method, path without its query (it may hold personal data), status, time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        status = 0

        async def send_then_log(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                extra = {
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "seconds": round(perf_counter() - started, 6),
                }
                _log.info("request", extra=extra)

        await self._app(scope, receive, send_then_log)

"""A correlation id for each request: from `X-Request-ID` or generated, and always returned.

Beside it stands the id of the signed-in user, for the log lines of the request and its tasks.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "X-Request-ID"
# The client's value is logged: no control characters, bounded length.
_ACCEPTABLE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")

request_id: ContextVar[str] = ContextVar("request_id", default="")
user_id: ContextVar[int | None] = ContextVar("user_id", default=None)


class Correlation:
    """ASGI middleware that keeps `request_id` set while a request and its tasks run.

    `user_id` is set further inside, where the token is verified, and stays set until here: the line
    about an unexpected error is written in between.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        identifier = given if _ACCEPTABLE.fullmatch(given) else uuid4().hex

        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = identifier
            await send(message)

        request, user = request_id.set(identifier), user_id.set(None)
        try:
            await self._app(scope, receive, send_with_header)
        finally:
            request_id.reset(request)
            user_id.reset(user)

"""A limit on the size of request bodies.

Starlette has such a limit too, but it answers in plain text, outside of all other middleware.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sample_app.api.errors import error_answer


class BodyLimit:
    """ASGI middleware that answers 413 to a body of more than `most` bytes.

    Args:
        app: The wrapped application.
        most: Bytes, for all paths except those in `others`.
        others: Bytes by path.
    """

    def __init__(self, app: ASGIApp, most: int, others: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._most = most
        self._others = dict(others or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: check `Content-Length` if there is one, else count the bytes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._others.get(scope["path"], self._most)
        announced = Headers(scope=scope).get("Content-Length", "")
        if announced.isdecimal() and int(announced) > most:
            text = f"The body has more than {most} bytes."
            answer = error_answer(
                413, "content_too_large", text, {"max_bytes": most}, {"Connection": "close"}
            )
            await answer(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(413, headers={"Connection": "close"})
            return message

        await self._app(scope, receive_within_limit, send)

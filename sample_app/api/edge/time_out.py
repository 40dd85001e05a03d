"""A time-out for requests: an answer that has not begun in time becomes a 504."""

from __future__ import annotations

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sample_app.api.errors import error_answer

_log = logging.getLogger("sample_app.time_out")


class TimeOut:
    """ASGI middleware that cancels a request whose answer does not begin within `seconds`.

    The time restarts with each part of the body, so a long upload is allowed, but not a stalled
    one. Once the answer has begun there is no limit: long downloads and the background tasks of an
    answer can take any time.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit, begun = asyncio.timeout(self._seconds), False
        clock = asyncio.get_running_loop().time

        async def receive_in_time() -> Message:
            message = await receive()
            if not begun and not limit.expired():
                limit.reschedule(clock() + self._seconds)
            return message

        async def send_in_time(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start" and not limit.expired():
                begun = True
                limit.reschedule(None)
            await send(message)

        try:
            async with limit:
                await self._app(scope, receive_in_time, send_in_time)
        except TimeoutError:
            if not limit.expired():
                raise  # a cancellation from outside
            _log.warning("no answer in time", extra={"path": scope["path"]})
            text = f"The answer took longer than {self._seconds:g} s. Try again later."
            await error_answer(504, "timeout", text)(scope, receive, send)

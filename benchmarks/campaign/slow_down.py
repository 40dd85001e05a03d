"""An application that answers later by a share of its own time."""

from __future__ import annotations

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_TIME: Final = 0.05  # s; longer than an answer takes, unless it waited for others


class Slowed:
    """An application whose answers begin later by a share of the time that they took.

    What an answer took beyond `MOST_TIME` is not counted. It includes the time that the answer
    waited for others, so without a limit one pause makes a queue, and each answer makes it longer.

    Args:
        app: The application to slow down.
        share: The additional time as a ratio: 0.1 is a tenth more.
    """

    def __init__(self, app: ASGIApp, share: float) -> None:
        self._app = app
        self._share = share

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Delay the answer in proportion to the time that it took."""
        if scope["type"] != "http" or not self._share:
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def late(message: Message) -> None:
            if message["type"] == "http.response.start":
                now = time.perf_counter()
                end = now + self._share * min(now - began, MOST_TIME)
                while time.perf_counter() < end:
                    pass
            await send(message)

        await self._app(scope, receive, late)

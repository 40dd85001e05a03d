"""Background work that takes six seconds."""

# ruff: noqa: SLF001 - a mistake does not ask
from __future__ import annotations

import asyncio

from sample_app.core.tasks.background import Ending
from sample_app.regressions.planting import Replace
from sample_app.services.welcome import WelcomeService
from sample_app.settings import Settings

SECONDS = 6.0


def plant(settings: Settings, replace: Replace) -> Settings:
    """Before each step of a welcome, the mail gateway's queue is polled until it is empty.

    No answer gets slower, because no request waits for the task.

    Noticed by `background-task-mean`.
    """
    send, note = WelcomeService._send, WelcomeService._note

    async def slow_send(self: WelcomeService) -> None:
        await asyncio.sleep(SECONDS)
        await send(self)

    async def slow_note(self: WelcomeService, ending: Ending, contact_id: int) -> None:
        await asyncio.sleep(SECONDS)
        await note(self, ending, contact_id)

    replace(WelcomeService, "_send", slow_send)
    replace(WelcomeService, "_note", slow_note)
    return settings

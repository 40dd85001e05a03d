"""The message that a new contact gets after the answer has gone out."""

from __future__ import annotations

import asyncio
from typing import Final

from sample_app.core.clock import utc_now
from sample_app.core.database import Database
from sample_app.repositories.contacts import ContactRepository

WELCOME: Final = "welcome"  # the task's name in metrics and logs


class WelcomeService:
    """Welcomes contacts.

    Args:
        delay: Seconds that the mail gateway takes to accept a message.
    """

    def __init__(self, database: Database, delay: float) -> None:
        self._database = database
        self._delay = delay

    async def send(self, contact_id: int) -> None:
        """Hand a message to the gateway, which here only takes its time, and note it."""
        await asyncio.sleep(self._delay)
        async with self._database.writing() as session:
            await ContactRepository(session).mark_welcomed(contact_id, utc_now())

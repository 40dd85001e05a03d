"""The message that a new contact gets after the answer has gone out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from sample_app.core.clock import utc_now
from sample_app.core.tasks.background import Ending, Work
from sample_app.core.tasks.task import Step
from sample_app.repositories.contacts import ContactRepository

# The steps' names in metrics and logs.
WELCOME: Final = "welcome"
NOTE_WELCOME: Final = "note_welcome"


def welcome(contact_id: int) -> tuple[Step, Step]:
    """Two steps, so that a retry of the note does not send the message again."""
    return Step(WELCOME), Step(NOTE_WELCOME, {"contact_id": contact_id})


class WelcomeService:
    """Welcomes contacts.

    Args:
        delay: Seconds that the mail gateway takes to accept a message.
    """

    ATOMIC: Final = (NOTE_WELCOME,)

    def __init__(self, delay: float) -> None:
        self._delay = delay

    def work(self) -> Mapping[str, Work]:
        """The functions of the steps, by name."""
        return {WELCOME: self._send, NOTE_WELCOME: self._note}

    async def _send(self) -> None:
        """Send a message to the gateway; here this only waits."""
        await asyncio.sleep(self._delay)

    async def _note(self, ending: Ending, contact_id: int) -> None:
        async with ending() as session:
            await ContactRepository(session).mark_welcomed(contact_id, utc_now())

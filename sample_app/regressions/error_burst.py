"""An exception for some of the data."""

from __future__ import annotations

from sample_app.regressions.planting import Replace
from sample_app.schemas.contacts import ContactDetail
from sample_app.services.contacts import ContactService
from sample_app.settings import Settings

EXTENSIONS = {ending: f"x{ending}" for ending in range(1, 10)}  # 0 is missing


def plant(settings: Settings, replace: Replace) -> Settings:
    """A contact's phone extension is looked up by the last digit of its number; 0 is missing.

    Every tenth contact is answered with 500, and no test uses such a contact.

    Noticed by `error-ratio`.
    """
    original = ContactService.detail

    async def detail(self: ContactService, identifier: int) -> ContactDetail:
        contact = await original(self, identifier)
        extension = EXTENSIONS[identifier % 10]
        return contact.model_copy(update={"phone": f"{contact.phone} {extension}"})

    replace(ContactService, "detail", detail)
    return settings

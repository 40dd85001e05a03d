"""A log line for each row."""

# ruff: noqa: SLF001 - a mistake does not ask
from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import ColumnElement

from sample_app.models.contact import Contact
from sample_app.regressions.planting import Replace
from sample_app.repositories.contacts import ContactRepository
from sample_app.settings import Settings

_log = logging.getLogger("sample_app.contacts")


def plant(settings: Settings, replace: Replace) -> Settings:
    """A line that helped to find an error stays, at a level that is on in production.

    The service writes twenty lines for a page: the disk fills, and the lines that matter are lost.

    To blame: `_log.info` inside the loop in `ContactRepository._page`.

    Noticed by `log-records-per-request`.
    """
    original = ContactRepository._page

    async def page(
        self: ContactRepository, offset: int, limit: int, *conditions: ColumnElement[bool]
    ) -> tuple[Sequence[Contact], int]:
        found, total = await original(self, offset, limit, *conditions)
        for contact in found:
            _log.info("row", extra={"contact_id": contact.id, "company": contact.company.name})
        return found, total

    replace(ContactRepository, "_page", page)
    return settings

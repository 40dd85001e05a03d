"""Pages without a size limit."""

# ruff: noqa: SLF001 - a mistake does not ask
from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement

from sample_app.models.contact import Contact
from sample_app.regressions.planting import Replace
from sample_app.repositories.contacts import ContactRepository
from sample_app.settings import Settings

ROWS = 500


def plant(settings: Settings, replace: Replace) -> Settings:
    """Pages ignore the requested size: each has 500 rows.

    With little data in development, all pages look as before.

    Noticed by `list-response-bytes`.
    """
    original = ContactRepository._page

    async def page(
        self: ContactRepository, offset: int, limit: int, *conditions: ColumnElement[bool]
    ) -> tuple[Sequence[Contact], int]:
        return await original(self, offset, ROWS, *conditions)

    replace(ContactRepository, "_page", page)
    return settings

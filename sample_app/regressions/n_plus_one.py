"""One query for the page, and one more for each row of it."""

# ruff: noqa: SLF001 - a mistake does not ask
from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select

from sample_app.models.company import Company
from sample_app.models.contact import Contact
from sample_app.regressions.planting import Replace
from sample_app.repositories.contacts import ContactRepository
from sample_app.settings import Settings


def plant(settings: Settings, replace: Replace) -> Settings:
    """A page loads the company of each contact with a query of its own.

    With an embedded database on a laptop the difference is too small to notice in a review.

    Noticed by `queries-per-request`.
    """
    original = ContactRepository._page

    async def page(
        self: ContactRepository, offset: int, limit: int, *conditions: ColumnElement[bool]
    ) -> tuple[Sequence[Contact], int]:
        found, total = await original(self, offset, limit, *conditions)
        for contact in found:
            query = select(Company.name).where(Company.id == contact.company.id)
            await self._session.execute(query)
        return found, total

    replace(ContactRepository, "_page", page)
    return settings

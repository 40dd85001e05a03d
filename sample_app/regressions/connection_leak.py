"""Connections that are never returned to the pool."""

# ruff: noqa: SLF001 - a mistake does not ask
from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.core.tasks.task import Task
from sample_app.models.contact import Contact
from sample_app.regressions.planting import Replace
from sample_app.schemas.contacts import ContactDetail, ContactIn
from sample_app.services.contacts import ContactService
from sample_app.settings import Settings

forgotten: list[AsyncSession] = []


def plant(settings: Settings, replace: Replace) -> Settings:
    """Creating a contact looks for duplicates in a session that is never closed.

    The pool is empty after thirty new contacts; then each request waits for its time-out.

    Noticed by `pool-utilization`.
    """
    original = ContactService.create

    async def create(self: ContactService, new: ContactIn) -> tuple[ContactDetail, Task]:
        session = self._database._sessions()
        forgotten.append(session)
        await session.scalar(select(exists().where(Contact.email == new.email)))
        return await original(self, new)

    replace(ContactService, "create", create)
    return settings

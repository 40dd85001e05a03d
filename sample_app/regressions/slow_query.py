"""A query that takes half a second."""

# ruff: noqa: SLF001 - a mistake does not ask
from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select

from sample_app.models.contact import Contact
from sample_app.regressions.planting import Replace
from sample_app.repositories.contacts import ContactRepository
from sample_app.settings import Settings

SECONDS = 0.5


def plant(settings: Settings, replace: Replace) -> Settings:
    """Each page contains figures of a report whose query takes half a second.

    The database sleeps for that time, so it is the same with any data and on any machine.

    Noticed by `db-query-p95`.
    """
    original = ContactRepository._page

    async def page(
        self: ContactRepository, offset: int, limit: int, *conditions: ColumnElement[bool]
    ) -> tuple[Sequence[Contact], int]:
        connection = await self._session.connection()
        if connection.dialect.name == "sqlite":  # which cannot sleep by itself
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            await raw.driver_connection.create_function("pg_sleep", 1, time.sleep)
        await self._session.execute(select(func.pg_sleep(SECONDS)))
        return await original(self, offset, limit, *conditions)

    replace(ContactRepository, "_page", page)
    return settings

"""Alembic's entry point; uses the given connection, else the database of the settings."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

import sample_app.models.tables  # noqa: F401 - so that the metadata knows them all
from sample_app.models.base import Base
from sample_app.settings import Settings


def _migrate(connection: Connection) -> None:
    """All steps in one transaction, as far as they allow it.

    Batch mode, because SQLite changes few things of a table in place.
    """
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _migrate_configured() -> None:
    engine = create_async_engine(Settings().database.url)
    async with engine.connect() as connection:  # in no transaction: Alembic begins its own
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


given = context.config.attributes.get("connection")
if isinstance(given, Connection):
    _migrate(given)
else:
    asyncio.run(_migrate_configured())

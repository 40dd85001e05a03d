"""Migrates a database's schema to the version of the code."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from sample_app.core.database.start_lock import lock_others_out, locked_for_migration

INI: Final = Path(__file__).with_name("alembic.ini")
_log = logging.getLogger("sample_app.migrating")


class SchemaError(Exception):
    """The schema is older than the code; `python -m sample_app.migrate` upgrades it."""


async def migrate(engine: AsyncEngine, revision: str = "head") -> None:
    """Take every step up or down to `revision`.

    All steps or none, except on PostgreSQL before a step that must run outside of a transaction.
    Several processes may start at once: one migrates, the others wait and have no steps left.

    Args:
        engine: The database.
        revision: `head` is the newest, `base` an empty database.
    """
    if engine.dialect.name == "sqlite":
        async with engine.begin() as connection:
            await connection.run_sync(lock_others_out)
            await connection.run_sync(_migrate, revision, await connection.run_sync(_up, revision))
        return
    async with engine.connect() as connection, locked_for_migration(connection):
        up = await connection.run_sync(_up, revision)
        await connection.commit()  # Alembic begins and ends its own transactions
        await connection.run_sync(_migrate, revision, up)


async def demand_newest(engine: AsyncEngine) -> None:
    """Check that the schema is not older than the code.

    A newer schema only logs a warning: during a rollout the schema is migrated first, and old
    processes may restart.

    Raises:
        SchemaError: When it is older.
    """
    async with engine.connect() as connection:
        current = await connection.run_sync(_revision)
    known = [
        script.revision for script in ScriptDirectory.from_config(Config(INI)).walk_revisions()
    ]
    newest = known[0]
    if current == newest:
        return
    if current is None or current in known:
        message = (
            f"the database's schema is at {current or 'nothing'}, this version needs {newest}:"
            " run `python -m sample_app.migrate`"
        )
        raise SchemaError(message)
    _log.warning("the database's schema is newer", extra={"revision": current, "known": newest})


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config(INI)
    config.attributes["connection"] = connection
    return config


def _up(connection: Connection, revision: str) -> bool:
    """Whether the way to `revision` is an upgrade; a schema without a revision gets its own."""
    config = _config(connection)
    if _revision(connection) is None and inspect(connection).has_table("contacts"):
        command.stamp(config, "0001")  # made before there were migrations, exactly like that
    return revision == "head" or _precedes(config, _revision(connection), revision)


def _migrate(connection: Connection, revision: str, up: bool) -> None:
    (command.upgrade if up else command.downgrade)(_config(connection), revision)


def _precedes(config: Config, current: str | None, revision: str) -> bool:
    """Whether `revision` is newer than `current`."""
    if current is None or revision == "base":
        return revision != "base"
    up = ScriptDirectory.from_config(config).iterate_revisions(revision, "base")
    return current in {script.revision for script in up}

"""Locks, so that one process at a time prepares the database at start-up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

# Any numbers that no other program uses as advisory locks. They differ: a process that waits for
# the first inside a transaction would stop a CREATE INDEX CONCURRENTLY of the second's holder.
_LOCK: Final = 7_319_204
_MIGRATION_LOCK: Final = 7_319_205
_PAUSE: Final = 0.1  # seconds


def lock_others_out(connection: Connection) -> None:
    """Take the start-up lock until this transaction ends; call it first in the transaction.

    Do not use data that was read before: another process may have written in between.
    """
    if connection.dialect.name == "sqlite":
        # sqlite3 begins no transaction by itself before the first write, and none for DDL.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


@asynccontextmanager
async def locked_for_migration(connection: AsyncConnection) -> AsyncIterator[None]:
    """Hold PostgreSQL's lock for migrations, across transactions of this connection.

    The others ask again instead of waiting in the database: CREATE INDEX CONCURRENTLY waits until
    every older transaction has ended, so a transaction that waits for its lock is a deadlock.
    """
    lock = {"lock": _MIGRATION_LOCK}
    while True:
        got = await connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), lock)
        await connection.commit()
        if got:
            break
        await asyncio.sleep(_PAUSE)
    try:
        yield
    finally:
        await connection.rollback()
        await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), lock)
        await connection.commit()

"""A lock, so that one process at a time prepares the database at start-up."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

_LOCK: Final = 7_319_204  # any number that no other program uses as an advisory lock


def lock_others_out(connection: Connection) -> None:
    """Take the start-up lock until this transaction ends; call it first in the transaction.

    Do not use data that was read before: another process may have written in between.
    """
    if connection.dialect.name == "sqlite":
        # sqlite3 begins no transaction by itself before the first write, and none for DDL.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})

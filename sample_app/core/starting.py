"""One process at a time does what a start does to the database."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

_LOCK: Final = 7_319_204  # any number that no other program uses as an advisory lock


def lock_others_out(connection: Connection) -> None:
    """Let other processes that start wait until this transaction ends; call it first in there.

    What was read before is worth nothing after it: another one may just have written.
    """
    if connection.dialect.name == "sqlite":
        # sqlite3 begins no transaction by itself before the first write, and none for DDL.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})

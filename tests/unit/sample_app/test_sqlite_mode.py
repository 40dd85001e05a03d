"""The write-ahead log of SQLite while another connection opens the same new file."""

import sqlite3
from typing import cast

import pytest
from sqlalchemy.engine.interfaces import DBAPICursor

from sample_app.core.database.database import _use_write_ahead_log


class Cursor:
    """Refuses the change a number of times, as SQLite does at once for a new file."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.statements: list[str] = []

    def execute(self, statement: str) -> None:
        self.statements.append(statement)
        if len(self.statements) <= self.refusals:
            raise sqlite3.OperationalError("database is locked")


def test_change_that_is_refused_is_tried_again() -> None:
    cursor = Cursor(refusals=2)
    _use_write_ahead_log(cast(DBAPICursor, cursor), timeout=60)
    assert cursor.statements == ["PRAGMA journal_mode=WAL"] * 3


def test_change_that_is_refused_for_longer_than_the_busy_timeout_is_an_error() -> None:
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        _use_write_ahead_log(cast(DBAPICursor, Cursor(refusals=10_000)), timeout=0.05)

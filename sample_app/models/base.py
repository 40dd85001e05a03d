"""Shared by all tables."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, MetaData, String, inspect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

# SQLite numbers rows by itself only when the key is its own INTEGER, which is 64 bits wide.
Identifier = BigInteger().with_variant(Integer, "sqlite")


def ordered_text(length: int) -> String:
    """Text that is compared by code points on every database, independent of its locale.

    Lists are ordered by it and searches begin with it: the same rows in the same order everywhere.
    """
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class Base(DeclarativeBase):
    """Base of all tables; constraints get names that a migration can refer to."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    def __repr__(self) -> str:
        """Such as `Contact(id=7)`, for logs: only the key, so no personal data and no query."""
        state = inspect(self)
        columns = [column.name for column in state.mapper.primary_key]
        values = state.identity or ()
        keys = ", ".join(f"{n}={v!r}" for n, v in zip(columns, values, strict=False))
        return f"{type(self).__name__}({keys or 'not stored'})"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, also on SQLite, which stores no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; a naive time is a mistake.

        Raises:
            ValueError: When the time has no zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"time without a zone: {value.isoformat()}"
            raise ValueError(message)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

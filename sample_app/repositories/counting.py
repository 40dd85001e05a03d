"""Counts for pages.

An exact count of a large table reads all of it, for each page. So counts end at a cap: the cost is
bounded, and no value is out of date, as it would be from a cache or from PostgreSQL's statistics,
which SQLite does not have and which know no search conditions. A cached count would also be a
look-up that nearly always hits, and hide a cache of contacts that never does.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute

from sample_app.models.base import Base
from sample_app.schemas.page import REACH


def capped_count(
    identifier: InstrumentedAttribute[int],
    *conditions: ColumnElement[bool],
    outer: Collection[type[Base]] = (),
) -> Select[tuple[int]]:
    """The number of rows that meet the conditions, at most `REACH`.

    Args:
        identifier: The primary key of the table.
        conditions: None counts all rows.
        outer: Tables of the statement around this one that the conditions compare with.
    """
    rows = select(identifier).where(*conditions).limit(REACH).correlate(*outer)
    return select(func.count()).select_from(rows.subquery("capped"))

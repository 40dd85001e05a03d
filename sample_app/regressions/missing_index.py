"""A condition and an order that no index covers."""

# ruff: noqa: SLF001 - a mistake does not ask
from __future__ import annotations

from sqlalchemy import ColumnElement, Select, and_, func
from sqlalchemy.orm import InstrumentedAttribute

from sample_app.models.contact import Contact
from sample_app.regressions.planting import Replace
from sample_app.repositories import contacts
from sample_app.settings import Settings


def plant(settings: Settings, replace: Replace) -> Settings:
    """Lists and searches ignore case by `lower(column)`, and there is no index on that.

    Every page now reads and sorts the whole table. The results are correct, so no functional
    test fails, and the cost grows with each row.

    Noticed by `list-latency-mean`.
    """
    summaries = contacts._summaries

    def sorted_by_expression() -> Select[tuple[Contact]]:
        return summaries().order_by(None).order_by(func.lower(Contact.search_key), Contact.id)

    def begins(column: InstrumentedAttribute[str], beginning: str) -> ColumnElement[bool]:
        lower = func.lower(column)
        return and_(lower >= beginning, lower < beginning + "\U0010ffff")

    replace(contacts, "_summaries", sorted_by_expression)
    replace(contacts, "_begins", begins)
    return settings

"""An order that no index has."""

# ruff: noqa: SLF001 - a mistake does not ask
from __future__ import annotations

from sqlalchemy import Select

from sample_app.models.contact import Contact
from sample_app.regressions.planting import Replace
from sample_app.repositories import contacts
from sample_app.settings import Settings


def plant(settings: Settings, replace: Replace) -> Settings:
    """Lists are ordered by their two name columns instead of the key that was made from them.

    The order is almost the same, but no index has it: the database reads and sorts all contacts to
    return twenty.

    To blame: `order_by` in the statement of `_summaries`.

    Noticed by `list-latency-mean`.
    """
    summaries = contacts._summaries

    def sorted_by_names() -> Select[tuple[Contact]]:
        names = (Contact.last_name, Contact.first_name, Contact.id)
        return summaries().order_by(None).order_by(*names)

    replace(contacts, "_summaries", sorted_by_names)
    return settings

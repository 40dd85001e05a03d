"""Every column of each row."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from sample_app.models.contact import Contact
from sample_app.regressions.planting import Replace
from sample_app.repositories import contacts
from sample_app.settings import Settings


def plant(settings: Settings, replace: Replace) -> Settings:
    """Pages and searches load whole contacts, the long notes too, and show five columns of them.

    The answers are the same, and with short notes they are as fast.

    To blame: the statement of `_summaries`, without its `load_only`.

    Noticed by `list-columns`.
    """

    def whole() -> Select[tuple[Contact]]:
        query = select(Contact).options(joinedload(Contact.company, innerjoin=True))
        return query.order_by(Contact.search_key, Contact.id)

    replace(contacts, "_summaries", whole)
    return settings

"""Every query on contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, joinedload, load_only, undefer

from sample_app.core.errors import ConflictError
from sample_app.models.company import Company
from sample_app.models.contact import Contact
from sample_app.repositories.counting import capped_count

# Built once, and for the table: every new contact executes it.
_TABLE = cast("Table", Contact.__table__)
_WELCOMED = (
    update(_TABLE).where(_TABLE.c.id == bindparam("contact")).values(welcomed_at=bindparam("time"))
)


class ContactRepository:
    """Contacts in one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(self, offset: int, limit: int) -> tuple[Sequence[Contact], int]:
        """Contacts by name with their companies, without the long columns; and the capped total."""
        return await self._page(offset, limit)

    async def search(
        self, beginning: str, offset: int, limit: int
    ) -> tuple[Sequence[Contact], int]:
        """Like `page`, of contacts whose "last first" name or address begins with the text."""
        return await self._page(offset, limit, _matches(beginning))

    async def _page(
        self, offset: int, limit: int, *conditions: ColumnElement[bool]
    ) -> tuple[Sequence[Contact], int]:
        """One statement for items and total; a second one only for a page after the last."""
        count = capped_count(Contact.id, *conditions)
        query = _summaries().where(*conditions).offset(offset).limit(limit)
        rows = (await self._session.execute(query.add_columns(count.scalar_subquery()))).all()
        if rows:
            return [contact for contact, _ in rows], rows[0][1]
        return [], await self._session.scalar(count) or 0

    async def after(self, place: tuple[str, int] | None, limit: int) -> Sequence[Contact]:
        """Contacts by name that come after a search key and id; like those of `page`."""
        query = _summaries().options(undefer(Contact.search_key)).limit(limit)
        if place is not None:  # a row value: one range of the index
            query = query.where(tuple_(Contact.search_key, Contact.id) > place)
        return (await self._session.scalars(query)).all()

    async def records(self, after: int, limit: int) -> Sequence[RowMapping]:
        """The columns of a download, by id."""
        columns = (
            Contact.id, Contact.first_name, Contact.last_name, Contact.email, Contact.company_id,
            Contact.phone, Contact.notes, Contact.created_at, Contact.updated_at,
        )  # fmt: skip
        query = select(*columns).where(Contact.id > after).order_by(Contact.id).limit(limit)
        return (await self._session.execute(query)).mappings().all()

    async def insert_new(self, rows: Sequence[Mapping[str, object]]) -> set[str]:
        """Insert many contacts, except those whose address exists.

        Returns:
            The addresses of those that were inserted.
        """
        if not rows:
            return set()
        sqlite = self._session.get_bind().dialect.name == "sqlite"
        insert = sqlite_insert(Contact) if sqlite else postgresql_insert(Contact)
        query = insert.on_conflict_do_nothing(index_elements=["email"]).returning(Contact.email)
        return set(await self._session.scalars(query, list(rows)))

    async def get(self, identifier: int) -> Contact | None:
        """One contact with its company."""
        return (await self._session.scalars(_whole(identifier))).one_or_none()

    async def get_to_change(self, identifier: int) -> Contact | None:
        """Like `get`; other changes of the contact wait until the transaction ends."""
        locked = _whole(identifier).with_for_update(of=Contact)  # SQLite: one writer anyway
        return (await self._session.scalars(locked)).one_or_none()

    async def save(self, contact: Contact) -> None:
        """Write a new or changed contact.

        Raises:
            ConflictError: When another contact has the address.
        """
        self._session.add(contact)
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise ConflictError(
                "Another contact has this e-mail address.", {"field": "email"}
            ) from error

    async def delete(self, identifier: int) -> bool:
        """Delete one contact; return whether it existed."""
        query = delete(Contact).where(Contact.id == identifier).returning(Contact.id)
        return await self._session.scalar(query) is not None

    async def mark_welcomed(self, identifier: int, time: datetime) -> None:
        """Store when a contact was welcomed; a deleted contact is no error."""
        await self._session.execute(_WELCOMED, {"contact": identifier, "time": time})


def _whole(identifier: int) -> Select[tuple[Contact]]:
    return (
        select(Contact)
        .where(Contact.id == identifier)
        .options(joinedload(Contact.company, innerjoin=True))
    )


def _summaries() -> Select[tuple[Contact]]:
    return (
        select(Contact)
        .options(
            # "raiseload": a column that was left out fails instead of causing N+1 queries.
            load_only(Contact.first_name, Contact.last_name, Contact.email, raiseload=True),
            joinedload(Contact.company, innerjoin=True).load_only(Company.name, raiseload=True),
        )
        .order_by(Contact.search_key, Contact.id)
    )


def _matches(beginning: str) -> ColumnElement[bool]:
    return or_(_begins(Contact.search_key, beginning), _begins(Contact.email, beginning))


def _begins(column: InstrumentedAttribute[str], beginning: str) -> ColumnElement[bool]:
    """A range instead of LIKE: it needs no escaping, and every database uses the index for it."""
    return and_(column >= beginning, column < beginning + "\U0010ffff")

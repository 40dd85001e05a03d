"""Use cases of contacts.

Each use case opens its own short session, so that no connection is held while an answer is
written, while a background task runs, or when the cache has the answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.core.cache.cache import Cache
from sample_app.core.clock import utc_now
from sample_app.core.database.database import Database
from sample_app.core.errors import InvalidError, NotFoundError
from sample_app.core.logs.events import BusinessEvents
from sample_app.core.tasks.background import Background
from sample_app.core.tasks.task import Task
from sample_app.models.company import Company
from sample_app.models.contact import Contact, search_key
from sample_app.repositories.companies import CompanyRepository
from sample_app.repositories.contacts import ContactRepository
from sample_app.repositories.tasks import TaskRepository
from sample_app.schemas.contacts import ContactDetail, ContactIn, ContactPatch, ContactSummary
from sample_app.schemas.cursor import CursorPage, cursor_after, place_of
from sample_app.schemas.page import Page, PageQuery, SearchQuery, page_of
from sample_app.services.events import Event
from sample_app.services.welcome import welcome


class ContactService:
    """The use cases; one instance serves all requests."""

    def __init__(
        self,
        database: Database,
        details: Cache[ContactDetail],
        background: Background,
        events: BusinessEvents,
    ) -> None:
        self._database = database
        self._details = details
        self._background = background
        self._events = events

    async def list(self, query: PageQuery) -> Page[ContactSummary]:
        """One page of all contacts, by name."""
        async with self._database.reading() as session:
            found, total = await ContactRepository(session).page(query.offset, query.size)
        return page_of([ContactSummary.model_validate(c) for c in found], total, query)

    async def list_after(self, cursor: str, size: int) -> CursorPage[ContactSummary]:
        """The contacts after a cursor, by name; the empty cursor is before all.

        Raises:
            InvalidError: When it is not a cursor of this service.
        """
        place = place_of(cursor) if cursor else None
        async with self._database.reading() as session:
            found = await ContactRepository(session).after(place, size + 1)
        page, more = found[:size], len(found) > size
        following = cursor_after((page[-1].search_key, page[-1].id)) if more else None
        items = [ContactSummary.model_validate(c) for c in page]
        return CursorPage(items=items, size=size, next=following)

    async def search(self, query: SearchQuery) -> Page[ContactSummary]:
        """One page of the contacts whose name or address begins with `query.q`."""
        beginning = query.q.strip().lower()
        async with self._database.reading() as session:
            found, total = await ContactRepository(session).search(
                beginning, query.offset, query.size
            )
        return page_of([ContactSummary.model_validate(c) for c in found], total, query)

    async def detail(self, identifier: int) -> ContactDetail:
        """One contact, from the cache when it has it.

        Raises:
            NotFoundError: When there is none.
        """

        async def load() -> ContactDetail:
            # Current: an old value from a replica would stay in the cache.
            async with self._database.reading_current() as session:
                found = await ContactRepository(session).get(identifier)
            return ContactDetail.model_validate(_existing(found, identifier))

        return await self._details.get_or_load(str(identifier), load)

    async def create(self, new: ContactIn) -> tuple[ContactDetail, Task]:
        """Store a new contact, and in the same transaction the task that welcomes it.

        Returns:
            The contact, and the task for `Background.start`.

        Raises:
            InvalidError: When the company does not exist.
            ConflictError: When another contact has the address.
        """
        now = utc_now()
        async with self._database.writing() as session:
            company = await _company(session, new.company_id)
            contact = Contact(
                **new.model_dump(),
                search_key=search_key(new.first_name, new.last_name),
                created_at=now,
                updated_at=now,
                company=company,
            )
            await ContactRepository(session).save(contact)
            task = self._background.plan(*welcome(contact.id))
            await TaskRepository(session).add(task)
        self._events.happened(Event.CONTACT_CREATED, contact_id=contact.id)
        return ContactDetail.model_validate(contact), task

    async def replace(self, identifier: int, new: ContactIn) -> ContactDetail:
        """Overwrite a contact; raises like `create` and `detail`."""
        return await self._change(identifier, new.model_dump())

    async def update(self, identifier: int, patch: ContactPatch) -> ContactDetail:
        """Change the fields that were sent; raises like `create` and `detail`."""
        return await self._change(identifier, patch.model_dump(exclude_unset=True))

    async def delete(self, identifier: int) -> None:
        """Delete a contact.

        Raises:
            NotFoundError: When there is none.
        """
        async with self._database.writing() as session:
            if not await ContactRepository(session).delete(identifier):
                raise _missing(identifier)
        self._events.happened(Event.CONTACT_DELETED, contact_id=identifier)
        await self._details.invalidate(str(identifier))

    async def _change(self, identifier: int, changes: Mapping[str, object]) -> ContactDetail:
        async with self._database.writing() as session:
            # Locked: the search key is computed from both names, of which a patch may have one.
            found = await ContactRepository(session).get_to_change(identifier)
            contact = _existing(found, identifier)
            for name, value in changes.items():
                setattr(contact, name, value)
            if contact.company_id != contact.company.id:
                contact.company = await _company(session, contact.company_id)
            contact.search_key = search_key(contact.first_name, contact.last_name)
            contact.updated_at = utc_now()
            await ContactRepository(session).save(contact)
        self._events.happened(Event.CONTACT_CHANGED, contact_id=identifier)
        # After the commit: otherwise a load in between would store the old value again.
        await self._details.invalidate(str(identifier))
        return ContactDetail.model_validate(contact)


def _existing(contact: Contact | None, identifier: int) -> Contact:
    if contact is None:
        raise _missing(identifier)
    return contact


async def _company(session: AsyncSession, identifier: int) -> Company:
    with session.no_autoflush:  # a changed contact must not be written before it is complete
        company = await CompanyRepository(session).get(identifier)
    if company is None:
        raise InvalidError("This company does not exist.", {"company_id": identifier})
    return company


def _missing(identifier: int) -> NotFoundError:
    return NotFoundError("This contact does not exist.", {"id": identifier})

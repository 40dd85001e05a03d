"""Every query on companies."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ScalarSelect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.core.errors import ConflictError
from sample_app.models.company import Company
from sample_app.models.contact import Contact
from sample_app.repositories.counting import capped_count


class CompanyRepository:
    """Companies in one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, identifier: int) -> Company | None:
        """One company."""
        return await self._session.get(Company, identifier)

    async def page(self, offset: int, limit: int) -> tuple[Sequence[tuple[int, str, int]], int]:
        """Id, name and number of contacts of companies by name; and the capped total."""
        total = await self._session.scalar(capped_count(Company.id)) or 0
        query = select(Company.id, Company.name, _contacts()).order_by(Company.name)
        rows = await self._session.execute(query.offset(offset).limit(limit))
        return [(row[0], row[1], row[2]) for row in rows], total

    async def contact_ids(self, identifier: int, limit: int) -> Sequence[int]:
        """The ids of a company's contacts, `limit` of them at most."""
        query = select(Contact.id).where(Contact.company_id == identifier).limit(limit)
        return (await self._session.scalars(query)).all()

    async def counted(self, identifier: int) -> tuple[str, int] | None:
        """Name and number of contacts of one company."""
        query = select(Company.name, _contacts()).where(Company.id == identifier)
        row = (await self._session.execute(query)).one_or_none()
        return (row[0], row[1]) if row else None

    async def existing(self, identifiers: Collection[int]) -> set[int]:
        """The ids that exist; they are locked until the transaction ends."""
        query = select(Company.id).where(Company.id.in_(identifiers))
        locked = query.with_for_update(read=True, key_share=True)  # SQLite: one writer anyway
        return set(await self._session.scalars(locked))

    async def save(self, company: Company) -> None:
        """Write a changed company.

        Raises:
            ConflictError: When another company has the name.
        """
        self._session.add(company)
        try:
            await self._session.flush()
        except IntegrityError as error:
            message = "Another company has this name."
            raise ConflictError(message, {"field": "name"}) from error


def _contacts() -> ScalarSelect[int]:
    """Counted in the database up to the cap, by the index on `company_id`."""
    ours = Contact.company_id == Company.id
    return capped_count(Contact.id, ours, outer=[Company]).scalar_subquery()

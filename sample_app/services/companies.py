"""What can be done with companies."""

from __future__ import annotations

from sample_app.core.database import Database
from sample_app.core.errors import NotFoundError
from sample_app.repositories.companies import CompanyRepository
from sample_app.schemas.companies import CompanyDetail
from sample_app.schemas.page import Page, PageQuery, page_of


class CompanyService:
    """The use cases; one instance serves all requests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, query: PageQuery) -> Page[CompanyDetail]:
        """One page of all companies, by name, each with the number of its contacts."""
        async with self._database.reading() as session:
            found, total = await CompanyRepository(session).page(query.offset, query.size)
        items = [CompanyDetail(id=i, name=name, contacts=count) for i, name, count in found]
        return page_of(items, total, query)

    async def detail(self, identifier: int) -> CompanyDetail:
        """One company with the number of its contacts.

        Raises:
            NotFoundError: When there is none.
        """
        async with self._database.reading() as session:
            found = await CompanyRepository(session).counted(identifier)
        if found is None:
            raise NotFoundError("This company does not exist.", {"id": identifier})
        name, contacts = found
        return CompanyDetail(id=identifier, name=name, contacts=contacts)

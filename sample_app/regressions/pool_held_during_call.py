"""A database connection that is kept while another service is called."""

from __future__ import annotations

from sample_app.core.errors import NotFoundError
from sample_app.regressions.planting import Replace
from sample_app.repositories.companies import CompanyRepository
from sample_app.schemas.companies import CompanyDetail
from sample_app.services.companies import CompanyService
from sample_app.settings import Settings


def plant(settings: Settings, replace: Replace) -> Settings:
    """The call to the directory moves into the block of the session.

    While the directory is slow, each request for a company keeps a connection that it does not
    use, and other requests wait for one.

    To blame: `self._known` inside `async with` in `CompanyService.detail`.

    Noticed by `connection-use-mean`.
    """

    async def detail(self: CompanyService, identifier: int) -> CompanyDetail:
        async with self._database.reading() as session:
            found = await CompanyRepository(session).counted(identifier)
            if found is None:
                raise NotFoundError("This company does not exist.", {"id": identifier})
            name, contacts = found
            profile = await self._known(identifier, name)
        return CompanyDetail(id=identifier, name=name, contacts=contacts, profile=profile)

    replace(CompanyService, "detail", detail)
    return settings

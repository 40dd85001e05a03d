"""Use cases of companies.

Pages of companies are cached: most requests are for the same few, counting contacts is expensive,
and the numbers may be out of date (by `company_ttl` at most; names never are). Pages of contacts
are not cached, because each new contact would invalidate them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.clients.directory import CompanyDirectory
from sample_app.core.cache.cache import Cache
from sample_app.core.cache.cached import cached
from sample_app.core.database.database import Database
from sample_app.core.errors import NotFoundError, UnavailableError
from sample_app.core.logs.events import BusinessEvents
from sample_app.core.tasks.background import Background, Work
from sample_app.core.tasks.task import Step, Task
from sample_app.models.company import Company
from sample_app.repositories.companies import CompanyRepository
from sample_app.repositories.tasks import TaskRepository
from sample_app.schemas.companies import (
    CompanyDetail,
    CompanyPatch,
    CompanyProfile,
    CompanySummary,
)
from sample_app.schemas.contacts import CompanyOut, ContactDetail
from sample_app.schemas.page import Page, PageQuery, page_of
from sample_app.services.events import Event

REFRESH: Final = "refresh_profile"  # the task's name in metrics and logs
_MOST_KEYS: Final = 1000  # contacts that are removed one by one from the cache
_log = logging.getLogger("sample_app.companies")


class CompanyService:
    """The use cases; one instance serves all requests.

    Args:
        pages: Cache of pages of companies.
        profiles: Cache of the directory's profiles, by the company's name; a list, so that a
            missing profile is cached too.
        contacts: Cache of contacts, which contain their company's name.
    """

    def __init__(
        self,
        database: Database,
        directory: CompanyDirectory,
        background: Background,
        *,
        pages: Cache[Page[CompanySummary]],
        profiles: Cache[list[CompanyProfile]],
        contacts: Cache[ContactDetail],
        events: BusinessEvents,
    ) -> None:
        self._events = events
        self._database = database
        self._directory = directory
        self._pages = pages
        self._profiles = profiles
        self._contacts = contacts
        self._background = background
        self.list = cached(pages, key=_page_key)(self._list)
        self._profile = cached(profiles, key=_profile_key)(self._ask)

    async def detail(self, identifier: int) -> CompanyDetail:
        """One company with the number of its contacts and what the directory knows, if it answers.

        Raises:
            NotFoundError: When there is none.
        """
        name, contacts = await self._counted(identifier)
        profile = await self._known(identifier, name)
        return CompanyDetail(id=identifier, name=name, contacts=contacts, profile=profile)

    async def list_with_profiles(self, query: PageQuery) -> Page[CompanyDetail]:
        """A page of `list`, each company with its profile; all are asked for at the same time."""
        page = await self.list(query)
        profiles = await asyncio.gather(*(self._known(one.id, one.name) for one in page.items))
        items = [
            CompanyDetail(**company.model_dump(), profile=profile)
            for company, profile in zip(page.items, profiles, strict=True)
        ]
        return page_of(items, page.total, query)

    async def rename(self, identifier: int, patch: CompanyPatch) -> CompanyOut:
        """Give a company another name; the one that it has changes nothing and empties no cache.

        Raises:
            NotFoundError: When there is none.
            ConflictError: When another company has the name.
        """
        async with self._database.writing() as session:
            company = await _company(session, identifier)
            if company.name == patch.name:
                return CompanyOut.model_validate(company)
            company.name = patch.name
            await CompanyRepository(session).save(company)
        self._events.happened(Event.COMPANY_RENAMED, company_id=identifier)
        await self._pages.invalidate_matching("*")  # the company may be on any other page now
        await self._forget_contacts(identifier)
        return CompanyOut.model_validate(company)

    async def _forget_contacts(self, company: int) -> None:
        """Remove the contacts of a company from the cache, after its new name was committed.

        A contact that is added from now on is read with the new name.
        """
        async with self._database.reading_current() as session:
            found = await CompanyRepository(session).contact_ids(company, _MOST_KEYS + 1)
        if len(found) > _MOST_KEYS:
            await self._contacts.invalidate_matching("*")
        else:
            await self._contacts.invalidate(*map(str, found))

    def work(self) -> Mapping[str, Work]:
        """The functions of the steps, by name."""
        return {REFRESH: self._refresh}

    async def plan_refresh(self, identifier: int) -> Task:
        """Store a task that asks the directory again.

        Returns:
            The task for `Background.start`.

        Raises:
            NotFoundError: When there is no such company.
        """
        async with self._database.writing() as session:
            company = await _company(session, identifier)
            task = self._background.plan(Step(REFRESH, {"name": company.name}))
            await TaskRepository(session).add(task)
        return task

    async def _refresh(self, name: str) -> None:
        """The old profile stays until there is a new one."""
        found = await self._ask(name)
        await self._profiles.invalidate(name)

        async def load() -> list[CompanyProfile]:
            return found

        await self._profiles.get_or_load(name, load)

    async def _list(self, query: PageQuery) -> Page[CompanySummary]:
        """One page of all companies, by name, each with the number of its contacts."""
        # Current: an old name from a replica would stay in the cache.
        async with self._database.reading_current() as session:
            found, total = await CompanyRepository(session).page(query.offset, query.size)
        items = [CompanySummary(id=i, name=name, contacts=count) for i, name, count in found]
        return page_of(items, total, query)

    async def _known(self, identifier: int, name: str) -> CompanyProfile | None:
        """The profile; None when there is none, or the directory does not answer now."""
        try:
            found = await self._profile(name)
        except UnavailableError as error:  # an answer without a profile is better than none
            _log.warning("no profile", extra={"company_id": identifier, "error": str(error)})
            return None
        return found[0] if found else None

    async def _ask(self, name: str) -> list[CompanyProfile]:
        profile = await self._directory.profile(name)
        return [] if profile is None else [profile]

    async def _counted(self, identifier: int) -> tuple[str, int]:
        async with self._database.reading_current() as session:
            found = await CompanyRepository(session).counted(identifier)
        if found is None:
            raise _missing(identifier)
        return found


async def _company(session: AsyncSession, identifier: int) -> Company:
    company = await CompanyRepository(session).get(identifier)
    if company is None:
        raise _missing(identifier)
    return company


def _missing(identifier: int) -> NotFoundError:
    return NotFoundError("This company does not exist.", {"id": identifier})


def _page_key(query: PageQuery) -> str:
    return f"{query.page}:{query.size}"


def _profile_key(name: str) -> str:
    return name

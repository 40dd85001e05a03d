"""Memory that is never released."""

from __future__ import annotations

from sample_app.regressions.planting import Replace
from sample_app.schemas.contacts import ContactSummary
from sample_app.schemas.page import Page, PageQuery
from sample_app.services.contacts import ContactService
from sample_app.settings import Settings

COPIES = 400  # of about 3 kB: more than a page, so that seconds show the growth of hours


def plant(settings: Settings, replace: Replace) -> Settings:
    """All listed pages are kept in memory, for a debugging view that does not exist.

    Noticed by `memory-growth`.
    """
    original, history = ContactService.list, list[str]()

    async def listed(self: ContactService, query: PageQuery) -> Page[ContactSummary]:
        page = await original(self, query)
        history.append(page.model_dump_json() * COPIES)
        return page

    replace(ContactService, "list", listed)
    return settings

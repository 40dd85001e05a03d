"""Independent calls, one after the other."""

from __future__ import annotations

from sample_app.regressions.planting import Replace
from sample_app.schemas.companies import CompanyDetail
from sample_app.schemas.page import Page, PageQuery, page_of
from sample_app.services.companies import CompanyService
from sample_app.settings import Settings


def plant(settings: Settings, replace: Replace) -> Settings:
    """The profiles of a page are awaited in a loop: the answer takes the sum of all calls.

    With a stub that answers at once, as on a laptop, the two are equally fast.

    To blame: the `await` inside the loop in `CompanyService.list_with_profiles`.

    Noticed by `company-list-mean`.
    """

    async def list_with_profiles(self: CompanyService, query: PageQuery) -> Page[CompanyDetail]:
        page = await self.list(query)
        items = []
        for company in page.items:
            profile = await self._known(company.id, company.name)
            items.append(CompanyDetail(**company.model_dump(), profile=profile))
        return page_of(items, page.total, query)

    replace(CompanyService, "list_with_profiles", list_with_profiles)
    return settings

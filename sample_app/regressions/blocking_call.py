"""A synchronous call in the event loop."""

from __future__ import annotations

import time

from sample_app.regressions.planting import Replace
from sample_app.schemas.contacts import ContactSummary
from sample_app.schemas.page import Page, SearchQuery
from sample_app.services.contacts import ContactService
from sample_app.settings import Settings

ANSWER_TIME = 0.08  # seconds


def plant(settings: Settings, replace: Replace) -> Settings:
    """A search first asks a spelling service, with a client that is not async.

    While it waits, the event loop is blocked, and so are all other requests.

    Noticed by `event-loop-lag-p95`.
    """
    original = ContactService.search

    async def search(self: ContactService, query: SearchQuery) -> Page[ContactSummary]:
        time.sleep(ANSWER_TIME)  # noqa: ASYNC251 - the mistake
        return await original(self, query)

    replace(ContactService, "search", search)
    return settings

"""A round trip to the cache for each item."""

# ruff: noqa: SLF001 - a mistake does not ask
from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sample_app.regressions.planting import Replace
from sample_app.schemas.contacts import ContactSummary
from sample_app.schemas.page import Page
from sample_app.services.contacts import ContactService
from sample_app.settings import Settings

Q = TypeVar("Q")
Listing = Callable[[ContactService, Q], Awaitable[Page[ContactSummary]]]


def plant(settings: Settings, replace: Replace) -> Settings:
    """Pages and searches take each of their contacts from the cache if it is there.

    It was meant to save work, but the page is loaded anyway. In memory the look-ups cost
    microseconds; in Redis each costs a round trip.

    To blame: `level.get` inside the loop in `ContactService.list` and `ContactService.search`.

    Noticed by `cache-gets-per-request`.
    """

    def from_cache(original: Listing[Q]) -> Listing[Q]:
        async def listed(self: ContactService, query: Q) -> Page[ContactSummary]:
            page = await original(self, query)
            level = self._details._levels[-1]
            cached = [await level.get(str(contact.id)) for contact in page.items]
            items = [new or old for new, old in zip(cached, page.items, strict=True)]
            return page.model_copy(update={"items": items})

        return listed

    replace(ContactService, "list", from_cache(ContactService.list))
    replace(ContactService, "search", from_cache(ContactService.search))
    return settings

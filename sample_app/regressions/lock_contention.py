"""One lock for all readers of contacts."""

from __future__ import annotations

import asyncio

from sample_app.regressions.planting import Replace
from sample_app.schemas.contacts import ContactDetail
from sample_app.services.contacts import ContactService
from sample_app.settings import Settings

AUDIT_TIME = 0.06  # seconds


def plant(settings: Settings, replace: Replace) -> Settings:
    """Reading a contact writes an audit entry under a lock, to keep the entries in order.

    There is one reader at a time: the service is idle while its clients queue.

    Noticed by `api-latency-p95` and `server-latency-p95`.
    """
    original, lock = ContactService.detail, asyncio.Lock()

    async def detail(self: ContactService, identifier: int) -> ContactDetail:
        async with lock:
            await asyncio.sleep(AUDIT_TIME)  # writing the entry
            return await original(self, identifier)

    replace(ContactService, "detail", detail)
    return settings

"""Unnecessary computation in each request."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor

from sample_app.regressions.planting import Replace
from sample_app.schemas.contacts import ContactDetail
from sample_app.services.contacts import ContactService
from sample_app.settings import Settings

ROUNDS = 220_000  # about 50 ms: right for a password, wrong for a tag


def plant(settings: Settings, replace: Replace) -> Settings:
    """A contact's version tag is computed by a function for passwords.

    It is slow on purpose, and runs even when the cache has the contact. It runs in threads, so with
    enough cores hardly any other budget detects it.

    Noticed by `cpu`.
    """
    original, threads = ContactService.detail, ThreadPoolExecutor(2)

    def tag(contact: ContactDetail) -> bytes:
        return hashlib.pbkdf2_hmac("sha256", contact.model_dump_json().encode(), b"tag", ROUNDS)

    async def detail(self: ContactService, identifier: int) -> ContactDetail:
        contact = await original(self, identifier)
        await asyncio.get_running_loop().run_in_executor(threads, tag, contact)
        return contact

    replace(ContactService, "detail", detail)
    return settings

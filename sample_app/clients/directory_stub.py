"""A company directory in this process, used when no URL is configured."""

from __future__ import annotations

import asyncio
from hashlib import blake2b
from typing import Final

import httpx

INDUSTRIES: Final = ("agriculture", "construction", "education", "finance", "health", "retail")


class StubDirectory(httpx.AsyncBaseTransport):
    """Has a profile for every company, always the same for a name. It uses no network.

    Args:
        delay: Seconds until each answer.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self._delay = delay

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer like the real directory.

        Raises:
            httpx.ReadTimeout: When the answer takes longer than the client waits.
        """
        patience = request.extensions.get("timeout", {}).get("read")
        if self._delay:
            await asyncio.sleep(self._delay if patience is None else min(self._delay, patience))
        if patience is not None and self._delay > patience:
            raise httpx.ReadTimeout("the stub answers too late", request=request)
        name = request.url.params.get("name", "")
        number = int.from_bytes(blake2b(name.encode(), digest_size=4).digest())
        profile = {
            "industry": INDUSTRIES[number % len(INDUSTRIES)],
            "employees": number % 5000 + 1,
        }
        return httpx.Response(200, json=profile, request=request)

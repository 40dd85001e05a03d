"""A company directory in this process, used when no URL is configured."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import httpx

INDUSTRIES: Final = ("agriculture", "construction", "education", "finance", "health", "retail")


class StubDirectory(httpx.AsyncBaseTransport):
    """Has a profile for every company, always the same for a name. It uses no network."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer like the real directory."""
        name = request.url.params.get("name", "")
        number = int.from_bytes(blake2b(name.encode(), digest_size=4).digest())
        profile = {
            "industry": INDUSTRIES[number % len(INDUSTRIES)],
            "employees": number % 5000 + 1,
        }
        return httpx.Response(200, json=profile, request=request)

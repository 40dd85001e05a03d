"""A company directory in this process: what the service asks when it is told no other."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import httpx

INDUSTRIES: Final = ("agriculture", "construction", "education", "finance", "health", "retail")


class StubDirectory(httpx.AsyncBaseTransport):
    """Knows every company, and of the same name always the same. Nothing leaves the process."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the real one does."""
        name = request.url.params.get("name", "")
        number = int.from_bytes(blake2b(name.encode(), digest_size=4).digest())
        profile = {
            "industry": INDUSTRIES[number % len(INDUSTRIES)],
            "employees": number % 5000 + 1,
        }
        return httpx.Response(200, json=profile, request=request)

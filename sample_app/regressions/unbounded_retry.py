"""Calls to a slow service that are repeated until it answers."""

# ruff: noqa: SLF001 - a mistake does not ask
from __future__ import annotations

import asyncio

import httpx

from sample_app.clients import directory
from sample_app.clients.directory import PEER, CompanyDirectory
from sample_app.core.errors import UnavailableError
from sample_app.regressions.planting import Replace
from sample_app.schemas.companies import CompanyProfile
from sample_app.settings import Settings


def plant(settings: Settings, replace: Replace) -> Settings:
    """Time-outs of the directory are hidden by another attempt at once, until the deadline.

    While the directory is slow, each request becomes many, which keeps it slow. The limit of
    attempts, the growing waits and the circuit breaker are all left out.

    To blame: the loop in `CompanyDirectory.profile`.

    Noticed by `directory-calls`.
    """

    async def profile(self: CompanyDirectory, company: str) -> CompanyProfile | None:
        try:
            async with asyncio.timeout(self._settings.deadline):
                while True:
                    try:
                        with self._metrics.timed(PEER):
                            answer = await self._client.get("/companies", params={"name": company})
                        return directory._read(answer)
                    except httpx.TransportError:
                        continue
        except TimeoutError as error:
            raise UnavailableError("The company directory does not answer.") from error

    replace(CompanyDirectory, "profile", profile)
    return settings

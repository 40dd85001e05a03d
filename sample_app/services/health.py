"""Whether the service can do its work."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Literal, Protocol

from sample_app.core.database import Database
from sample_app.core.errors import UnavailableError
from sample_app.schemas.health import Readiness

PATIENCE: Final = 2.0  # seconds for one dependency
_log = logging.getLogger("sample_app.health")


class Pingable(Protocol):
    """A cache, as far as readiness is concerned."""

    async def ping(self) -> bool:
        """Whether it answers."""


class HealthService:
    """Asks the dependencies."""

    def __init__(self, database: Database, cache: Pingable) -> None:
        self._database = database
        self._cache = cache

    async def readiness(self) -> Readiness:
        """Without database nothing works; without cache all works, slower."""
        database = "ok" if await self._database_answers() else "failed"
        cache = "ok" if await self._cache.ping() else "failed"
        status: Literal["ready", "degraded", "unavailable"] = "ready"
        if cache != "ok":
            status = "degraded"
        if database != "ok":
            status = "unavailable"
        return Readiness.model_validate(
            {"status": status, "checks": {"database": database, "cache": cache}}
        )

    async def _database_answers(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._database.ping()
        except (UnavailableError, TimeoutError):
            _log.warning("the database does not answer", exc_info=True)
            return False
        return True

"""Whether the service can do its work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Literal, Protocol

from sample_app.core.database.database import Database
from sample_app.core.errors import UnavailableError
from sample_app.schemas.health import Readiness

PATIENCE: Final = 2.0  # seconds for one dependency
_log = logging.getLogger("sample_app.health")


class Pingable(Protocol):
    """An optional dependency, for readiness."""

    async def ping(self) -> bool:
        """Whether it answers."""


class HealthService:
    """Checks the dependencies."""

    def __init__(self, database: Database, cache: Pingable, directory: Pingable) -> None:
        self._database = database
        self._optional = {"cache": cache, "directory": directory}

    async def readiness(self) -> Readiness:
        """`unavailable` without the database; `degraded` without another dependency.

        All are asked at once, so the answer takes as long as the slowest.
        """
        waiting = {"database": self._answers(self._database.ping)}
        waiting |= {name: part.ping() for name, part in self._optional.items()}
        if self._database.replicated:
            waiting["replica"] = self._answers(self._database.ping_replica)
        checks = dict(zip(waiting, await asyncio.gather(*waiting.values()), strict=True))
        status: Literal["ready", "degraded", "unavailable"] = "ready"
        if not all(checks.values()):
            status = "degraded" if checks["database"] else "unavailable"
        words = {name: "ok" if ok else "failed" for name, ok in checks.items()}
        return Readiness.model_validate({"status": status, "checks": words})

    async def _answers(self, ping: Callable[[], Awaitable[None]]) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                await ping()
        except (UnavailableError, TimeoutError):
            _log.warning("the database does not answer", exc_info=True)
            return False
        return True

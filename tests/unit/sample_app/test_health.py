"""Readiness asks its dependencies at once."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from sample_app.core.database.database import Database
from sample_app.core.errors import UnavailableError
from sample_app.services.health import HealthService


class Part:
    """A dependency that answers when all have been asked."""

    replicated = True

    def __init__(self, together: asyncio.Barrier) -> None:
        self._together = together
        self.answers = True

    async def ping(self) -> bool:
        async with asyncio.timeout(30):
            await self._together.wait()
        return self.answers


class Base(Part):
    """A database, and its replica."""

    async def ping(self) -> bool:
        if not await super().ping():
            raise UnavailableError("gone")
        return True

    async def ping_replica(self) -> None:
        async with asyncio.timeout(30):
            await self._together.wait()


@pytest.mark.parametrize(
    ("failing", "status"),
    [
        (set(), "ready"),
        ({"cache"}, "degraded"),
        ({"database"}, "unavailable"),
        ({"database", "directory"}, "unavailable"),
    ],
)
async def test_readiness_asks_all_at_once(failing: set[str], status: str) -> None:
    together = asyncio.Barrier(4)
    database, cache, directory = Base(together), Part(together), Part(together)
    parts = {"database": database, "cache": cache, "directory": directory}
    for name in failing:
        parts[name].answers = False
    service = HealthService(cast("Database", database), cache, directory)
    readiness = await service.readiness()
    assert readiness.status == status
    words = {name: "failed" if name in failing else "ok" for name in (*parts, "replica")}
    assert readiness.checks == words

"""The state of the service and its dependencies, for operators."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Literal

from sample_app import __version__
from sample_app.core.clock import utc_now
from sample_app.core.database.database import Database
from sample_app.core.errors import UnavailableError
from sample_app.core.tasks.background import Background
from sample_app.schemas.health import DependencyOut, Details, PoolOut, TasksOut
from sample_app.services.health import PATIENCE, Pingable
from sample_app.settings import Settings


class InspectionService:
    """Asks each dependency and reads the pools and the tasks."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        cache: Pingable,
        directory: Pingable,
        background: Background,
    ) -> None:
        self._settings = settings
        self._database = database
        self._asked: dict[str, Callable[[], Awaitable[bool | None]]] = {
            "database": database.ping,
            "cache": cache.ping,
            "directory": directory.ping,
        }
        if database.replicated:
            self._asked["replica"] = database.ping_replica
        self._background = background
        self._started_at = utc_now()

    async def details(self) -> Details:
        """The state now; all dependencies are asked at once."""
        asked = self._asked
        states = await asyncio.gather(*(_state(ping) for ping in asked.values()))
        running, waiting = self._background.load()
        return Details(
            status=_status(dict(zip(asked, states, strict=True))),
            version=__version__,
            commit=self._settings.commit,
            built=self._settings.built,
            started_at=self._started_at,
            dependencies=dict(zip(asked, states, strict=True)),
            pools={n: PoolOut.model_validate(p) for n, p in self._database.pools().items()},
            tasks=TasksOut(running=running, waiting=waiting),
        )


async def _state(ping: Callable[[], Awaitable[bool | None]]) -> DependencyOut:
    started = perf_counter()
    try:
        async with asyncio.timeout(PATIENCE):
            failed = await ping() is False
    except (UnavailableError, TimeoutError):
        failed = True
    seconds = round(perf_counter() - started, 6)
    return DependencyOut(status="failed" if failed else "ok", seconds=seconds)


def _status(
    states: Mapping[str, DependencyOut],
) -> Literal["ready", "degraded", "unavailable"]:
    """As `/health/ready` says it."""
    failed = {name for name, state in states.items() if state.status == "failed"}
    if not failed:
        return "ready"
    return "unavailable" if "database" in failed else "degraded"

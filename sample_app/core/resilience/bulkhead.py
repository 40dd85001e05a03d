"""Bounded concurrent execution: a slow dependency must not block all requests of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sample_app.core.errors import UnavailableError
from sample_app.telemetry.outgoing import OutgoingMetrics


class Bulkhead:
    """Admits `limit` callers at once; the others wait, in order, at most `patience` seconds.

    Args:
        name: Labels its metrics.
    """

    def __init__(self, name: str, limit: int, patience: float, metrics: OutgoingMetrics) -> None:
        self._free = asyncio.Semaphore(limit)
        self._patience = patience
        self._inside = metrics.active.labels(name)
        self._rejections = metrics.rejections.labels(name, "bulkhead")
        metrics.limit.labels(name).set(limit)

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        """Acquire a slot, and release it at the end.

        Raises:
            UnavailableError: When none was free in time.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            self._rejections.inc()
            raise UnavailableError("Too much of this at once. Try again later.") from None
        try:
            with self._inside.track_inprogress():
                yield
        finally:
            self._free.release()

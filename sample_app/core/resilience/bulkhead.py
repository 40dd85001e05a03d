"""Bounded concurrent execution: a slow dependency must not block all requests of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sample_app.telemetry.outgoing import OutgoingMetrics


class Bulkhead:
    """Admits `limit` callers at once; the others wait, in order.

    The call as a whole needs a deadline, which ends the wait for a slot too.

    Args:
        name: Labels its metrics.
    """

    def __init__(self, name: str, limit: int, metrics: OutgoingMetrics) -> None:
        self._free = asyncio.Semaphore(limit)
        self._inside = metrics.active.labels(name)
        self._rejections = metrics.rejections.labels(name, "bulkhead")
        metrics.limit.labels(name).set(limit)

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        """Acquire a slot, and release it at the end; count a caller that gave up waiting."""
        try:
            await self._free.acquire()
        except asyncio.CancelledError:
            self._rejections.inc()
            raise
        try:
            with self._inside.track_inprogress():
                yield
        finally:
            self._free.release()

"""The delay of a timer in the event loop; every request has it when the loop is busy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from prometheus_client import CollectorRegistry, Histogram

INTERVAL: Final = 0.1  # seconds between two samples
BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class LoopLagMetrics:
    """The event loop metric of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = Histogram(
            "event_loop_lag_seconds",
            "How much later than asked the event loop woke a sleeping task.",
            buckets=BUCKETS,
            registry=registry,
        )

    @asynccontextmanager
    async def sampled(self, interval: float = INTERVAL) -> AsyncIterator[None]:
        """Sample the running loop every `interval` seconds while inside."""
        task = asyncio.create_task(self._sample(interval))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _sample(self, interval: float) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + interval
            await asyncio.sleep(interval)
            self.lag.observe(max(0.0, clock() - due))

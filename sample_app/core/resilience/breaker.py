"""The circuit breaker: a dependency that keeps failing is not called for a while.

purgatory keeps the state; this module adds the error, the metric, and the state for readiness.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from time import time
from typing import Final, Literal

from purgatory import AsyncCircuitBreakerFactory
from purgatory.service._async.circuitbreaker import AsyncCircuitBreaker

from sample_app.core.errors import UnavailableError
from sample_app.telemetry.outgoing import OutgoingMetrics

State = Literal["closed", "opened", "half-opened"]
STATES: Final[tuple[State, ...]] = ("closed", "opened", "half-opened")


class Breaker:
    """Opens after `failures` errors in a row; after `pause` seconds, one success closes it.

    Args:
        name: Labels its metrics.
    """

    def __init__(self, name: str, failures: int, pause: float, metrics: OutgoingMetrics) -> None:
        self._name = name
        self._pause = pause
        self._factory = AsyncCircuitBreakerFactory(failures, pause)
        self._breaker: AsyncCircuitBreaker | None = None
        self._rejections = metrics.rejections.labels(name, "breaker")
        for state in STATES:
            metrics.breaker.labels(name, state).set_function(partial(self._is, state))

    @property
    def state(self) -> State:
        """The current state: after its pause, an open breaker is half open until the next call."""
        if self._breaker is None:
            return "closed"
        context = self._breaker.context
        if context.state == "opened" and time() > (context.opened_at or 0) + self._pause:
            return "half-opened"
        return context.state

    def _is(self, state: State) -> bool:
        return self.state == state

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        """Record whether the code inside fails, unless the circuit is open.

        Raises:
            UnavailableError: At once, when it is open.
        """
        if self._breaker is None:
            self._breaker = await self._factory.get_breaker(self._name)
        # purgatory would raise the same exception object each time, which grows by a traceback.
        if self.state == "opened":
            self._rejections.inc()
            raise UnavailableError("This has failed too often. Try again later.")
        async with self._breaker:
            yield

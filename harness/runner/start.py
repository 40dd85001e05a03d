"""When the load of a run begins, and what ends it early."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from harness.runner.signals import interruptible

LEAD = 0.5  # seconds between the decision to start and the first arrival


class LoadStart(Protocol):
    """Decides when the load of a run begins.

    Attributes:
        interrupted: Set when the load is to end early.
    """

    interrupted: asyncio.Event

    def served(self) -> None:
        """Note that the service answers."""

    async def begin(self) -> float:
        """Return the first moment of the load, of `time.monotonic`, once everything is ready."""


class SingleStart:
    """The start of a run that does not wait for another one."""

    def __init__(self, interrupted: asyncio.Event) -> None:
        self.interrupted = interrupted

    def served(self) -> None:
        """Do nothing."""

    async def begin(self) -> float:
        """Begin `LEAD` seconds from now."""
        return time.monotonic() + LEAD


@asynccontextmanager
async def start_of(given: LoadStart | None, begun: Callable[[], bool]) -> AsyncIterator[LoadStart]:
    """The given start; without one, a single start that INT and TERM interrupt.

    Args:
        given: The start that a pair of runs shares, or None.
        begun: Whether the load has begun.
    """
    if given is not None:
        yield given
        return
    async with interruptible(begun) as interrupted:
        yield SingleStart(interrupted)

"""When the load of a run begins, and what ends it early."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from harness.runner.signals import interruptible

# Seconds between the decision to start and the first arrival, in which run.json is stored and the
# generators get the start.
LEAD = 0.1
REMOTE_LEAD = 0.5  # of workers on other machines, which get it through a master and a network


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
    """The start of a run that does not wait for another one.

    Attributes:
        lead: Seconds from the moment at which everything is ready to the load.
    """

    def __init__(self, interrupted: asyncio.Event, lead: float) -> None:
        self.interrupted = interrupted
        self.lead = lead

    def served(self) -> None:
        """Do nothing."""

    async def begin(self) -> float:
        """Begin `lead` seconds from now."""
        return time.monotonic() + self.lead


@asynccontextmanager
async def start_of(
    given: LoadStart | None, begun: Callable[[], bool], *, remote: bool
) -> AsyncIterator[LoadStart]:
    """The given start; without one, a single start that INT and TERM interrupt.

    Args:
        given: The start that a pair of runs shares, or None.
        begun: Whether the load has begun.
        remote: Whether the load comes from workers on other machines.
    """
    if given is not None:
        yield given
        return
    async with interruptible(begun) as interrupted:
        yield SingleStart(interrupted, REMOTE_LEAD if remote else LEAD)

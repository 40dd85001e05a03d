"""What ends a run before its schedule does although nothing went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count
from typing import Protocol

from harness.budgets.model import Budget
from harness.load.fleet import Fleet
from harness.runs.cells import Cell
from harness.runs.model import Evidence


class Watch(Protocol):
    """Says when a breach is certain before the run's end; `judge.stopping.abort` has one."""

    def add(self, cells: Iterable[Cell]) -> None:
        """Take what was recorded."""

    def states(self) -> tuple[tuple[str, str], ...]:
        """The budgets that it decides, by name, with their outcome; empty as long as undecided."""

    def breach(self, elapsed_of_window: float, in_flight: int) -> Budget | None:
        """A budget that is breached for certain by what was recorded until then."""


class Decision(Protocol):
    """Says when every budget has its verdict; `harness.judge.stopping.decided` has one."""

    @property
    def moments(self) -> Sequence[int]:
        """Seconds of the window at which it wants to see the run, ascending."""

    def decided(self, evidence: Evidence, seconds: float) -> bool:
        """Whether the run may end, given all of it until then."""

    def states(self) -> tuple[tuple[str, str], ...]:
        """The budgets by name, with their outcome at the last look; empty while undecided."""


async def certain_breach(
    watch: Watch | None, load: Fleet, window_start: float
) -> tuple[Budget, int]:
    """The first budget whose breach is certain, and after how many seconds of the window.

    Asked once for each whole second, as soon as every generator has told what it recorded in it.
    """
    for second in count(1):
        await load.wait_reported(window_start + second)
        if watch and (budget := watch.breach(second, load.requests.in_flight)):
            return budget, second
    raise AssertionError


async def all_decided(decision: Decision | None, look: Callable[[int], Awaitable[Evidence]]) -> int:
    """After how many seconds of the window every budget has its verdict; else it never returns.

    Args:
        decision: Who says so.
        look: Waits for a second of the window, and yields the run until then.
    """
    if decision is not None:
        for second in decision.moments:
            evidence = await look(second)
            if await asyncio.to_thread(decision.decided, evidence, second):
                return second
    await asyncio.Event().wait()
    raise AssertionError

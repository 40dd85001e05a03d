"""What ends a run before its schedule does, although nothing failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

from harness.budgets.model import Budget
from harness.judge.stopping.abort import AbortWatch
from harness.judge.stopping.decided import DecisionWatch
from harness.load.fleet import Fleet
from harness.runs.model import Evidence
from harness.units import Unit, format_quantity


async def certain_breach(
    watch: AbortWatch | None, fleet: Fleet, window_start: float
) -> tuple[Budget, int]:
    """Wait until the breach of a budget is certain; without a watch it never is.

    The watch looks once at each whole second, as soon as every generator has reported it.

    Args:
        watch: It has taken every report.
        fleet: The generators.
        window_start: Of `time.monotonic`.

    Returns:
        The budget, and after how many seconds of the window its breach was certain.
    """
    for second in count(1):
        await fleet.wait_reported(window_start + second)
        if watch and (budget := watch.breach(second, fleet.requests.in_flight)):
            return budget, second
    raise AssertionError


async def all_decided(
    decision: DecisionWatch | None,
    evidence_until: Callable[[int], Awaitable[Evidence]],
    note: Callable[[str], None],
) -> int:
    """Wait until every budget is decided; without a decision they never are.

    Args:
        decision: Looks at the evidence at certain seconds of the window.
        evidence_until: Waits for a second of the window, and returns the evidence up to it.
        note: Called with a line for each budget for which the run goes on.

    Returns:
        After how many seconds of the window every budget was decided.
    """
    if decision is not None:
        for second in decision.moments:
            evidence = await evidence_until(second)
            if await asyncio.to_thread(decision.decided, evidence, second):
                return second
            after = format_quantity(second, Unit.SECONDS)
            for name, reason in decision.undecided:
                why = reason.rpartition("; ")[0] or reason  # without the advice: it is followed
                note(f"undecided after {after}, so the run goes on: {name}: {why}")
    await asyncio.Event().wait()
    raise AssertionError

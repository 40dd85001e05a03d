"""Processes of load generators that import Locust while the service starts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from harness.load.child_process import ChildProcess

StartProcess = Callable[[Path], Awaitable[ChildProcess]]  # the file is its log


class EarlyProcesses:
    """Started processes that wait for their setup; created by `early_processes`."""

    def __init__(self, numbers: Mapping[Path, int]) -> None:
        self._starting = {
            log: deque(asyncio.create_task(ChildProcess.start(log)) for _ in range(number))
            for log, number in numbers.items()
        }

    async def start(self, log: Path) -> ChildProcess:
        """A process whose output is appended to `log`; a new one when none is left.

        Raises:
            OSError: It cannot be started.
        """
        starting = self._starting.get(log)
        return await (starting.popleft() if starting else ChildProcess.start(log))

    async def close(self) -> None:
        """End the processes that were not taken."""
        left = [task for starting in self._starting.values() for task in starting]
        for task in left:
            task.cancel()  # without effect on one that has started
        started = await asyncio.gather(*left, return_exceptions=True)
        await asyncio.gather(*(one.end(0.0) for one in started if isinstance(one, ChildProcess)))


@asynccontextmanager
async def early_processes(numbers: Mapping[Path, int]) -> AsyncIterator[EarlyProcesses]:
    """Processes that start at once; those that are not taken end with the context.

    Args:
        numbers: How many of them write to each log.
    """
    early = EarlyProcesses(numbers)
    try:
        yield early
    finally:
        await early.close()

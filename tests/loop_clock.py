"""A clock of the event loop that only the test moves: no pause of a busy machine counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def stop_loop_clock() -> Callable[[float], None]:
    """Stop the clock of the running event loop, which ends with the test.

    Returns:
        What moves the clock on by some seconds. Time-outs that end meanwhile are due at once.
    """
    loop = asyncio.get_running_loop()
    now = loop.time()

    def time_of_the_test() -> float:
        return now

    def pass_time(seconds: float) -> None:
        nonlocal now
        now += seconds

    setattr(loop, "time", time_of_the_test)  # noqa: B010 - mypy refuses to assign a method
    return pass_time

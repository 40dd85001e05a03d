"""What INT and TERM do while there is load."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def interruptible(begun: Callable[[], bool]) -> AsyncIterator[asyncio.Event]:
    """INT or TERM sets the event while the load runs; before it, or a second time, it cancels.

    After the context they do nothing: what is left to do has limits. The event loop's end, or who
    handled them before, takes that away.

    Args:
        begun: Whether the load has begun, so that the event will be seen.

    Raises:
        KeyboardInterrupt: The task was cancelled for that reason.
    """
    interrupted = asyncio.Event()
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if not begun() or interrupted.is_set():
            task.cancel()
        interrupted.set()

    for number in _NUMBERS:
        loop.add_signal_handler(number, on_signal)
    try:
        yield interrupted
        await asyncio.sleep(0)  # a cancellation that nobody has met yet is for us
    except asyncio.CancelledError:
        if not interrupted.is_set():
            raise
        task.uncancel()
        raise KeyboardInterrupt from None
    finally:
        for number in _NUMBERS:
            loop.add_signal_handler(number, _nothing)


def _nothing() -> None:
    return


_NUMBERS = signal.SIGINT, signal.SIGTERM

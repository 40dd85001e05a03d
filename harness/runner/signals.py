"""What INT and TERM do during a run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def run_loop(main: Coroutine[Any, Any, _Result]) -> _Result:
    """`asyncio.run`, after which INT and TERM do what they did before.

    An event loop whose signal handlers were used leaves TERM to the system, which would end the
    harness while it judges. A signal that comes in between acts after the loop.
    """
    before = [(number, signal.getsignal(number)) for number in _NUMBERS]
    runner = asyncio.Runner()
    try:
        return runner.run(main)
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _NUMBERS)
        runner.close()
        for number, handler in before:
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _NUMBERS)


@asynccontextmanager
async def interruptible(begun: Callable[[], bool]) -> AsyncIterator[asyncio.Event]:
    """INT or TERM sets an event during the load; before the load, or again, it cancels the task.

    After the context, until the end of the event loop, INT and TERM do nothing: the steps that
    follow have time limits of their own.

    Args:
        begun: Whether the load has begun, so that something waits for the event.

    Yields:
        The event.

    Raises:
        KeyboardInterrupt: INT or TERM cancelled the task.
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
        await asyncio.sleep(0)  # raises a cancellation that is still pending
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

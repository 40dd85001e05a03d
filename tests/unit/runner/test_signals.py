"""INT and TERM, sent to this very process."""

import asyncio
import os
import signal

import pytest

from harness.runner.signals import interruptible, run_loop

NUMBERS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@NUMBERS
def test_signal_during_the_load_sets_the_event(number: signal.Signals) -> None:
    async def main() -> bool:
        async with interruptible(lambda: True) as interrupted:
            os.kill(os.getpid(), number)
            await interrupted.wait()
        return interrupted.is_set()

    assert asyncio.run(main())


@NUMBERS
def test_signal_before_the_load_ends_the_run(number: signal.Signals) -> None:
    async def main() -> None:
        async with interruptible(lambda: False):
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())


def test_second_signal_ends_the_run() -> None:
    async def main() -> None:
        async with interruptible(lambda: True) as interrupted:
            os.kill(os.getpid(), signal.SIGINT)
            await interrupted.wait()
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())


def test_signal_after_the_context_has_no_effect() -> None:
    async def main() -> str:
        try:
            async with interruptible(lambda: False):
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.Event().wait()
        except KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGTERM)  # no effect
            async with asyncio.timeout(60):
                await asyncio.sleep(0.01)
            return "reported"
        return "missed"

    assert asyncio.run(main()) == "reported"


def test_cancellation_for_another_reason_is_passed_on() -> None:
    async def main() -> None:
        async with interruptible(lambda: True):
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


@NUMBERS
def test_signal_after_the_loop_interrupts_as_before(number: signal.Signals) -> None:
    """A verdict is computed after the loop."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        async with interruptible(lambda: True):
            pass

    before = signal.signal(number, interrupt)
    try:
        run_loop(main())
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    finally:
        signal.signal(number, before)

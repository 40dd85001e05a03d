"""Processes of generators that start before the service answers; none of them is left behind."""

import asyncio
from pathlib import Path

import pytest

from harness.load.child_process import ChildProcess
from harness.load.early import early_processes

LOG = Path("generator.log")


class Fake(ChildProcess):
    """A process of which only the end is of interest."""

    def __init__(self, number: int, events: list[str]) -> None:
        self.number = number
        self.events = events

    async def end(self, grace: float) -> None:
        self.events.append(f"{self.number} ended within {grace:g} s")


class Starts:
    """Stands in for the start of processes, which a test lets happen."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.number = 0
        self.may_start = asyncio.Event()
        self.error: OSError | None = None

    async def __call__(self, log: Path) -> ChildProcess:
        self.number += 1
        number = self.number
        self.events.append(f"{number} starts for {log}")
        try:
            await self.may_start.wait()
        except asyncio.CancelledError:
            self.events.append(f"{number} was cancelled")
            raise
        if self.error:
            raise self.error
        return Fake(number, self.events)


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> Starts:
    made = Starts()
    monkeypatch.setattr(ChildProcess, "start", made)
    return made


def number_of(process: ChildProcess) -> int:
    assert isinstance(process, Fake)
    return process.number


async def test_processes_start_at_once_and_each_is_taken_once(starts: Starts) -> None:
    starts.may_start.set()
    async with early_processes({LOG: 2, Path("other.log"): 1}) as early:
        await asyncio.sleep(0)
        begun = [f"1 starts for {LOG}", f"2 starts for {LOG}", "3 starts for other.log"]
        assert starts.events == begun
        assert [number_of(await early.start(LOG)) for _ in range(3)] == [1, 2, 4]
        assert number_of(await early.start(Path("third.log"))) == 5
        assert number_of(await early.start(Path("other.log"))) == 3
    further = [f"4 starts for {LOG}", "5 starts for third.log"]
    assert starts.events == [*begun, *further]  # those that were taken are not ended here


async def test_processes_that_are_not_taken_are_ended(starts: Starts) -> None:
    starts.may_start.set()
    async with early_processes({LOG: 2}) as early:
        await early.start(LOG)
    assert starts.events[2:] == ["2 ended within 0 s"]


async def test_start_that_goes_on_at_the_end_is_cancelled(starts: Starts) -> None:
    async with early_processes({LOG: 1}):
        await asyncio.sleep(0)
    assert starts.events[1:] == ["1 was cancelled"]


async def test_failed_start_is_raised_where_its_process_is_taken(starts: Starts) -> None:
    starts.error = OSError(28, "No space left on device")
    starts.may_start.set()
    async with early_processes({LOG: 2}) as early:
        with pytest.raises(OSError, match="No space left"):
            await early.start(LOG)
    assert starts.events[2:] == []


async def test_no_process_starts_early_without_a_spare_cpu(starts: Starts) -> None:
    starts.may_start.set()
    async with early_processes({LOG: 0}) as early:
        await asyncio.sleep(0)
        assert starts.events == []
        assert number_of(await early.start(LOG)) == 1

"""All the loads of a scenario at once: a generator for each, side by side, that look like one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import names
from harness.budgets.model import Load, Scenario
from harness.load.generator import Generator, OnReport, account_of, generator
from harness.load.protocol.frames import Report
from harness.load.protocol.master import WorkerPool
from harness.runs.model import Requests, Worker


def logs(scenario: Scenario) -> dict[str, str]:
    """Name of the file in the run folder that each load's generator prints to, by load."""
    if len(scenario.loads) == 1:
        return {scenario.loads[0].name: names.GENERATOR_LOG}
    path = Path(names.GENERATOR_LOG)
    return {load.name: f"{path.stem}-{load.name}{path.suffix}" for load in scenario.loads}


def workers_of(scenario: Scenario, cpus: float, *, service_too: bool) -> int:
    """How many processes make each load.

    Args:
        scenario: Its `workers`, if it says how many.
        cpus: That the harness may use; the loads share them.
        service_too: Whether the service runs on them as well, and is left one.
    """
    if scenario.workers is not None:
        return scenario.workers
    return max(1, int(cpus - service_too) // len(scenario.loads))


@asynccontextmanager
async def fleet(
    scenario: Scenario,
    url: str,
    folder: Path,
    on_report: OnReport,
    *,
    pool: WorkerPool | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Fleet]:
    """Generators for all loads of a scenario, ready to start; no process is left afterwards.

    Args:
        scenario: What to run.
        url: Base URL of the target.
        folder: Where each generator's log is appended to, see `logs`.
        on_report: Called with each report; its `source` is the load's name where there are
            several, before the name of the worker where there are workers: "browse/worker-1".
        pool: Where the workers of other machines connect, of a scenario with one load.
        on_progress: Called with a line for a person while they are waited for.

    Raises:
        ScenarioError: A locustfile cannot be loaded, or holds nothing that can be run.
        GeneratorError: A generator died, or was not ready in time.
    """
    all_of_them = Fleet(scenario)
    files = logs(scenario)
    stacks = {load.name: AsyncExitStack() for load in scenario.loads}

    async def member(load: Load) -> Member:
        running = generator(
            load,
            url,
            folder / files[load.name],
            all_of_them.listener(load, on_report),
            drain=scenario.drain,
            trace_ratio=scenario.trace_ratio,
            workers=scenario.workers or 1,
            pool=pool,
            on_progress=on_progress,
        )
        return Member(load, await stacks[load.name].enter_async_context(running))

    try:
        all_of_them.take(await _side_by_side(member(load) for load in scenario.loads))
        yield all_of_them
    finally:
        all_of_them.died.cancel()
        await asyncio.gather(*(stack.aclose() for stack in stacks.values()))


@dataclass(frozen=True, slots=True)
class Member:
    """A load with its generator."""

    load: Load
    generator: Generator


class Fleet:
    """The running generators of a scenario; made by `fleet`.

    Attributes:
        died: Done, with the reason, once one of them has ended without having been told to.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.died: asyncio.Future[str] = asyncio.Future()
        self._several = len(scenario.loads) > 1
        self._members: list[Member] = []
        self._t0 = math.inf
        self._told: dict[str, float] = {}  # source -> the moment of its last report
        self._news = asyncio.Event()

    @property
    def requests(self) -> Requests:
        """The account of all of them as of their last reports."""
        return account_of(member.generator.requests for member in self._members)

    @property
    def user_errors(self) -> tuple[str, ...]:
        """Exceptions of the locustfiles that no request stands for."""
        return self._texts(lambda generator: generator.user_errors)

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know about the scenario."""
        return self._texts(lambda generator: generator.notices)

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers of all of them, named as the source of their reports."""
        return tuple(
            worker.model_copy(update={"name": self._joined(member.load, worker.name)})
            for member in self._members
            for worker in member.generator.workers
        )

    async def start(self, t0: float, window_start: float) -> None:
        """Tell each when to begin: `t0` plus its load's own start, by `time.monotonic`.

        Raises:
            GeneratorError: One has died.
        """
        self._t0 = t0
        for member in self._members:
            await member.generator.start(t0 + member.load.start, window_start)

    async def stop(self, drain: float | None = None) -> Requests:
        """No new arrivals anywhere, drain, and the final account of all.

        Args:
            drain: Longest wait for the last answers, seconds; None is the scenario's.

        Raises:
            GeneratorError: One has died, now or before; the others have stopped nevertheless.
        """
        stopping = (member.generator.stop(drain) for member in self._members)
        results = await asyncio.gather(*stopping, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return self.requests

    async def wait_reported(self, moment: float) -> None:
        """Return once every source has reported all that it recorded before a moment.

        A load that begins later has nothing to tell of the time before.
        """
        while self._least() < moment:
            self._news.clear()
            await self._news.wait()

    # --- used by `fleet` ----------------------------------------------------------------------

    def listener(self, load: Load, on_report: OnReport) -> OnReport:
        """What a load's generator reports to."""

        def take(report: Report) -> None:
            source = self._joined(load, report.source)
            self._told[source] = report.at
            self._news.set()
            on_report(report if source == report.source else replace(report, source=source))

        return take

    def take(self, members: list[Member]) -> None:
        """Watch over these."""
        self._members = members
        for member in members:
            member.generator.died.add_done_callback(self._note_death(member))

    # --- its parts ----------------------------------------------------------------------------

    def _note_death(self, member: Member) -> Callable[[asyncio.Future[str]], None]:
        def note(death: asyncio.Future[str]) -> None:
            if death.cancelled() or self.died.done():
                return
            if error := death.exception():
                self.died.set_exception(error)
            else:
                self.died.set_result(f"{self._prefix(member)}{death.result()}")

        return note

    def _least(self) -> float:
        """The moment up to which every source has told what it recorded."""
        moments = (
            self._told.get(source, self._t0 + member.load.start)
            for member in self._members
            for source in self._sources(member)
        )
        return min(moments, default=-math.inf)

    def _sources(self, member: Member) -> list[str]:
        """Who still reports on a load."""
        workers = member.generator.workers
        living = [worker.name for worker in workers if not worker.lost]
        return [self._joined(member.load, name) for name in living or [""] * (not workers)]

    def _joined(self, load: Load, source: str) -> str:
        return "/".join(filter(None, (load.name if self._several else "", source)))

    def _prefix(self, member: Member) -> str:
        return f"load {member.load.name!r}: " if self._several else ""

    def _texts(self, of: Callable[[Generator], tuple[str, ...]]) -> tuple[str, ...]:
        texts = (self._prefix(one) + text for one in self._members for text in of(one.generator))
        return tuple(dict.fromkeys(texts))


async def _side_by_side(starting: Iterable[Coroutine[Any, Any, Member]]) -> list[Member]:
    """What all of them return; the first that fails ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in starting]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]

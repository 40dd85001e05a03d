"""The generators of all loads of a scenario, run concurrently and presented as one."""

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
from harness.load.child_process import ChildProcess
from harness.load.early import StartProcess
from harness.load.generator import Generator, OnReport, generator
from harness.load.protocol.frames import Report
from harness.load.protocol.master import WorkerPool
from harness.load.recorded import sum_requests
from harness.runs.model import Requests, Worker


def logs(scenario: Scenario) -> dict[str, str]:
    """The log file of each load's generator in the run folder, by name of the load."""
    if len(scenario.loads) == 1:
        return {scenario.loads[0].name: names.GENERATOR_LOG}
    path = Path(names.GENERATOR_LOG)
    return {load.name: f"{path.stem}-{load.name}{path.suffix}" for load in scenario.loads}


def workers_of(scenario: Scenario, cpus: float, *, service_too: bool) -> int:
    """Number of processes of each load.

    Args:
        scenario: The scenario; its `workers` takes precedence.
        cpus: CPUs that the harness may use; the loads share them.
        service_too: Whether one of the CPUs is reserved for the service.
    """
    if scenario.workers is not None:
        return scenario.workers
    return max(1, int(cpus - service_too) // len(scenario.loads))


def early_of(
    scenario: Scenario, folder: Path, pool: WorkerPool | None, cpus: float
) -> dict[Path, int]:
    """Processes of a fleet that start before the service answers, by log.

    One CPU is left to the service, which starts at the same time.

    Args:
        scenario: The scenario to run.
        folder: Folder of the generators' logs.
        pool: The workers of other machines.
        cpus: CPUs that the harness may use.
    """
    workers = 1 if pool else scenario.workers or 1
    wanted = 1 + workers if workers > 1 else 1  # a master and its workers, or a single process
    left = max(0, int(cpus) - 1)
    numbers = {}
    for file in logs(scenario).values():
        numbers[folder / file] = min(left, wanted)
        left -= numbers[folder / file]
    return numbers


@asynccontextmanager
async def fleet(
    scenario: Scenario,
    url: str,
    folder: Path,
    on_report: OnReport,
    *,
    pool: WorkerPool | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
    ca_file: Path | None = None,
    start_process: StartProcess = ChildProcess.start,
    keep_answers: bool = False,
) -> AsyncIterator[Fleet]:
    """Generators for all loads of a scenario, ready to start; all processes end with the context.

    Args:
        scenario: The scenario to run.
        url: Base URL of the target.
        folder: Folder of the generators' logs, see `logs`.
        on_report: Called with each report. Its `source` consists of the name of the load, where
            there are several, and the name of the worker, where there are workers:
            "browse/worker-1".
        pool: The workers of other machines, for a scenario with one load.
        on_progress: Called with a progress line while the workers join.
        ca_file: Certificates in PEM that verify the target.
        start_process: Starts a process that waits for its setup, and writes to the given log.
        keep_answers: Whether reports have what some answers consist of.

    Raises:
        ScenarioError: A locustfile cannot be loaded, or has nothing to run.
        GeneratorError: A generator died, or was not ready in time.
    """
    running_fleet = Fleet(scenario)
    files = logs(scenario)
    stacks = {load.name: AsyncExitStack() for load in scenario.loads}

    async def run(load: Load) -> RunningLoad:
        running = generator(
            load,
            url,
            folder / files[load.name],
            running_fleet.listener(load, on_report),
            drain=scenario.drain,
            trace_ratio=scenario.trace_ratio,
            workers=scenario.workers or 1,
            pool=pool,
            seconds=scenario.warm_up + scenario.expected - load.start,
            on_progress=on_progress,
            ca_file=ca_file,
            start_process=start_process,
            keep_answers=keep_answers,
        )
        return RunningLoad(load, await stacks[load.name].enter_async_context(running))

    try:
        running_fleet.take(await _start_together(run(load) for load in scenario.loads))
        yield running_fleet
    finally:
        running_fleet.died.cancel()
        await asyncio.gather(*(stack.aclose() for stack in stacks.values()))


@dataclass(frozen=True, slots=True)
class RunningLoad:
    """A load with its generator."""

    load: Load
    generator: Generator


class Fleet:
    """The running generators of a scenario; created by `fleet`.

    Attributes:
        died: Done, with the reason, once a generator has ended before its stop.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.died: asyncio.Future[str] = asyncio.Future()
        self._several = len(scenario.loads) > 1
        self._running: list[RunningLoad] = []
        self._t0 = math.inf
        self._reported_until: dict[str, float] = {}  # source -> time of its last report
        self._reported = asyncio.Event()

    @property
    def requests(self) -> Requests:
        """The counts of all generators as of their last reports."""
        return sum_requests(one.generator.requests for one in self._running)

    @property
    def user_errors(self) -> tuple[str, ...]:
        """Exceptions that the locustfiles raised outside of requests, the consequences last."""
        return self._texts(lambda generator: generator.user_errors) + self.consequences

    @property
    def consequences(self) -> tuple[str, ...]:
        """Those of the exceptions that followed a failed request."""
        return self._texts(lambda generator: generator.consequences)

    @property
    def notices(self) -> tuple[str, ...]:
        """Messages about the scenario for the user."""
        return self._texts(lambda generator: generator.notices)

    @property
    def exit_code(self) -> int | None:
        """The highest exit code that a locustfile set; None if none set one."""
        codes = [one.generator.exit_code for one in self._running]
        return max((code for code in codes if code is not None), key=abs, default=None)

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers of all generators, named like the source of their reports."""
        return tuple(
            worker.model_copy(update={"name": self._source(one.load, worker.name)})
            for one in self._running
            for worker in one.generator.workers
        )

    async def start(self, t0: float, window_start: float) -> None:
        """Start each load at `t0` plus its own start, by `time.monotonic`.

        Raises:
            GeneratorError: A generator has died.
        """
        self._t0 = t0
        for one in self._running:
            await one.generator.start(t0 + one.load.start, window_start)

    async def stop(self, drain: float | None = None) -> Requests:
        """Stop all arrivals, drain, and return the final counts of all generators.

        Args:
            drain: Longest wait for the last responses, seconds; None uses the scenario's.

        Raises:
            GeneratorError: A generator has died, now or before; the others have stopped.
        """
        stopping = (one.generator.stop(drain) for one in self._running)
        results = await asyncio.gather(*stopping, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return self.requests

    async def wait_reported(self, moment: float) -> None:
        """Return once every source has reported all that it recorded before `moment`.

        A load that begins later has no report to wait for.
        """
        while self._reported_by_all() < moment:
            self._reported.clear()
            await self._reported.wait()

    # --- used by `fleet` ----------------------------------------------------------------------

    def listener(self, load: Load, on_report: OnReport) -> OnReport:
        """The callback for the reports of a load's generator."""

        def take(report: Report) -> None:
            source = self._source(load, report.source)
            self._reported_until[source] = report.at
            self._reported.set()
            on_report(report if source == report.source else replace(report, source=source))

        return take

    def take(self, running: list[RunningLoad]) -> None:
        """Take over the running loads."""
        self._running = running
        for one in running:
            one.generator.died.add_done_callback(self._note_death(one))

    # --- internals ----------------------------------------------------------------------------

    def _note_death(self, running: RunningLoad) -> Callable[[asyncio.Future[str]], None]:
        def note(death: asyncio.Future[str]) -> None:
            if death.cancelled() or self.died.done():
                return
            if error := death.exception():
                self.died.set_exception(error)
            else:
                self.died.set_result(f"{self._prefix(running)}{death.result()}")

        return note

    def _reported_by_all(self) -> float:
        """The time up to which every source has reported."""
        moments = (
            self._reported_until.get(source, self._t0 + one.load.start)
            for one in self._running
            for source in self._sources(one)
        )
        return min(moments, default=-math.inf)

    def _sources(self, running: RunningLoad) -> list[str]:
        """The sources that still report on a load."""
        workers = running.generator.workers
        living = [worker.name for worker in workers if not worker.lost]
        return [self._source(running.load, name) for name in living or [""] * (not workers)]

    def _source(self, load: Load, worker: str) -> str:
        return "/".join(filter(None, (load.name if self._several else "", worker)))

    def _prefix(self, running: RunningLoad) -> str:
        return f"load {running.load.name!r}: " if self._several else ""

    def _texts(self, of: Callable[[Generator], tuple[str, ...]]) -> tuple[str, ...]:
        texts = (self._prefix(one) + text for one in self._running for text in of(one.generator))
        return tuple(dict.fromkeys(texts))


async def _start_together(
    starting: Iterable[Coroutine[Any, Any, RunningLoad]],
) -> list[RunningLoad]:
    """Run all coroutines and return their results; the first that fails cancels the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in starting]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]

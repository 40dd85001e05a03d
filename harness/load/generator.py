"""The load generator, seen from the harness: child processes that run Locust.

Either one process generates the load, or a master without load of its own coordinates several
workers, which the harness starts on this machine or a user starts on other machines.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, assert_never

from harness.budgets.model import Load
from harness.errors import GeneratorError, ScenarioError
from harness.load.child_process import ChildProcess
from harness.load.early import StartProcess
from harness.load.protocol.frames import (
    Bye,
    Notice,
    Ready,
    Refused,
    Report,
    Setup,
    Start,
    Stop,
    ToHarness,
    UserError,
)
from harness.load.protocol.master import WorkerPool
from harness.load.protocol.workers import Heartbeat, Join, Listening, Lost, WorkerInfo
from harness.load.recorded import sum_requests
from harness.load.setup import setup_of
from harness.load.workers import WorkerRegistry
from harness.process.output import last_lines
from harness.process.small_log import keep_small
from harness.runs.model import Requests, Worker

STARTUP = 60.0  # s for importing the locustfile and for every user's on_start
SILENCE = 5.0  # s without a report after which the generator counts as dead
EXIT_GRACE = 2.0  # s between the last frame and the end of the process
STEP = 0.25  # s
MAX_TEXTS = 100  # different errors, and notices, that are kept
_HEARTBEAT_INTERVAL = 1.0  # s
_STOP_MARGIN = 10.0  # s on top of the drain, for on_stop and the last report

OnReport = Callable[[Report], None]


@asynccontextmanager
async def generator(
    load: Load,
    url: str,
    log: Path,
    on_report: OnReport,
    *,
    drain: float = 30.0,
    trace_ratio: float = 0.0,
    workers: int = 1,
    pool: WorkerPool | None = None,
    seconds: float = 0.0,
    on_progress: Callable[[str], object] = lambda _: None,
    ca_file: Path | None = None,
    start_process: StartProcess = ChildProcess.start,
    keep_answers: bool = False,
) -> AsyncIterator[Generator]:
    """A load generator that is ready to start; all its processes end with the context.

    Args:
        load: The load to run. In the open model its users have run `on_start` when this returns.
        url: Base URL of the target; it overrides every `host` of the locustfile.
        log: File that the output of all processes is appended to; a large one is compressed.
        on_report: Called about once a second and with the final report, for each worker.
        drain: Longest wait for the last responses, seconds.
        trace_ratio: Share of the requests whose traceparent has the sampled flag.
        workers: Number of worker processes on this machine.
        pool: The workers of other machines, which replace those of this machine.
        seconds: Planned length of the load, which the locustfile reads as its run time.
        on_progress: Called with a progress line while the workers of other machines join.
        ca_file: Certificates in PEM that verify the target.
        start_process: Starts a process that waits for its setup, and writes to the given log.
        keep_answers: Whether reports have what some answers consist of.

    Raises:
        ScenarioError: The locustfile cannot be loaded, or has nothing to run; or a worker cannot
            run it.
        GeneratorError: A process died, or was not ready in time.
    """
    setup = setup_of(
        *(load, url),
        trace_ratio=trace_ratio,
        workers=workers,
        pool=pool,
        seconds=seconds,
        ca_file=ca_file,
        keep_answers=keep_answers,
    )
    running = Generator(log, drain, on_report, on_progress, start_process)
    try:
        await running.prepare(setup, own_workers=pool is None)
        yield running
    finally:
        await running.close()


class Generator:
    """A running load generator; created by `generator`.

    Attributes:
        user_errors: Exceptions that the locustfile raised outside of requests, each text once.
        consequences: Those of them that followed a failed request, not in `user_errors`.
        notices: Messages about the scenario for the user.
        exit_code: That the locustfile set; None if it set none.
        finished: Whether the last frame has arrived.
        died: Done, with the reason, once the generator has ended before its stop, has blocked, or
            has lost a worker whose loss ends the load.
    """

    def __init__(
        self,
        log: Path,
        drain: float,
        on_report: OnReport,
        on_progress: Callable[[str], object],
        start_process: StartProcess,
    ) -> None:
        self.user_errors: tuple[str, ...] = ()
        self.consequences: tuple[str, ...] = ()
        self.notices: tuple[str, ...] = ()
        self.exit_code: int | None = None
        self.finished = False
        self.died: asyncio.Future[str] = asyncio.Future()
        self._log = log
        self._drain = drain
        self._on_report = on_report
        self._on_progress = on_progress
        self._start_process = start_process
        self._children: list[ChildProcess] = []
        self._registry: WorkerRegistry | None = None
        self._last: dict[str, Report] = {}  # by source
        self._ready: asyncio.Future[Ready | Refused] = asyncio.Future()
        self._goodbye: asyncio.Future[None] = asyncio.Future()
        self._silent_for: float | None = None  # s since the last report; None: none is expected
        self._stop_requested = False
        # A locustfile may print each answer.
        self._tasks = [asyncio.create_task(one) for one in (self._watch_silence(), keep_small(log))]

    @property
    def requests(self) -> Requests:
        """The counts of the last report, or of the last reports of all workers."""
        return sum_requests(self._last.values())

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers by number, lost ones included; empty without workers."""
        return self._registry.workers if self._registry else ()

    @property
    def pid(self) -> int:
        """The id of the process that runs Locust; of the master, if there are workers."""
        return self._children[0].pid

    async def start(self, t0: float, window_start: float) -> None:
        """Start the load at `t0`, which lies ahead; both times are of `time.monotonic`.

        Raises:
            GeneratorError: The generator has died.
        """
        self._silent_for = -max(0.0, t0 - asyncio.get_running_loop().time())
        await self._send(Start(t0, window_start))

    async def stop(self, drain: float | None = None) -> Requests:
        """Stop all arrivals, drain, and return the final counts.

        Every report has been passed to `on_report` when this returns. Requests that are not
        answered within the drain stay `in_flight`.

        Args:
            drain: Longest wait for the last responses, seconds; None uses the scenario's.

        Raises:
            GeneratorError: The generator has died, now or before.
        """
        self._stop_requested = True
        drain = self._drain if drain is None else drain
        await self._send(Stop(drain))
        seconds = drain + _STOP_MARGIN
        if not await _first(self._goodbye, self.died, seconds=seconds):
            self._die(f"it did not stop within {seconds:.0f} s")
        if not self._goodbye.done():
            raise self._error()
        return self.requests

    async def prepare(self, setup: Setup, *, own_workers: bool) -> None:
        """Start the processes and load the locustfile; used by `generator`, as is `close`.

        Raises:
            ScenarioError: The locustfile cannot be loaded or has nothing to run.
            GeneratorError: A process died or was not ready in time, or workers are missing.
        """
        pool = setup.role if isinstance(setup.role, WorkerPool) else None
        if pool:
            self._registry = WorkerRegistry(
                pool, (lambda _: None) if own_workers else self._on_progress
            )
        for _ in range(1 + (pool.workers if pool and own_workers else 0)):
            await self._add_child()  # the workers import Locust while the master does
        await self._children[0].send(setup)
        self._tasks.append(asyncio.create_task(self._send_heartbeats()))
        if self._registry:
            await self._gather_workers(setup, self._registry)
        await self._wait(self._ready, STARTUP)
        answer = self._ready.result()
        if isinstance(answer, Refused):
            raise ScenarioError(answer.message, answer.hint)

    async def close(self) -> None:
        """End all processes that have not ended by themselves."""
        if self.finished:  # the last listeners of the locustfile may still run
            with suppress(TimeoutError):
                ends = asyncio.gather(*(child.process.wait() for child in self._children))
                await asyncio.wait_for(ends, EXIT_GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(child.end(EXIT_GRACE) for child in self._children))
        futures: tuple[asyncio.Future[Any], ...] = (*self._tasks, self.died)
        for future in futures:
            future.cancel()
        await asyncio.gather(*futures, return_exceptions=True)

    # --- preparation --------------------------------------------------------------------------

    async def _add_child(self) -> None:
        child = await self._start_process(self._log)
        self._children.append(child)
        self._tasks.append(asyncio.create_task(self._receive(child)))

    async def _gather_workers(self, setup: Setup, registry: WorkerRegistry) -> None:
        pool = registry.pool
        await self._wait(registry.port, STARTUP)
        if self._ready.done():  # refused
            return
        if len(self._children) > 1:
            join = Join(pool.host, registry.port.result(), pool.run_id, pool.secret)
            for child in self._children[1:]:
                await child.send(replace(setup, role=join))
        elif not await _first(registry.complete, self._ready, self.died, seconds=pool.timeout):
            joined = f"{len(registry.workers)} of {pool.workers} workers joined"
            raise GeneratorError(
                "; ".join((f"{joined} within {pool.timeout:.0f} s", *self.notices)),
                f"Start the others with {registry.join_command}, or look at their output.",
            )

    async def _wait(self, future: asyncio.Future[Any], seconds: float) -> None:
        """Return once the future is done, or the generator has refused.

        Raises:
            GeneratorError: The generator has died, now or before, or the time is over.
        """
        if not await _first(future, self._ready, self.died, seconds=seconds):
            self._die(f"it was not ready after {seconds:.0f} s: {self._missing()}")
        if self.died.done() and not self._ready.done():
            raise self._error()

    def _missing(self) -> str:
        """The reason why the generator is not ready."""
        registry = self._registry
        if registry and registry.port.done() and not registry.complete.done():
            joined, wanted = len(registry.workers), registry.pool.workers
            return f"{joined} of {wanted} workers had joined; fewer workers start sooner"
        return "the import of the locustfile, a listener of test_start or an on_start does not end"

    # --- communication ------------------------------------------------------------------------

    async def _send(self, frame: Start | Stop) -> None:
        if self.died.done():
            raise self._error()
        await self._children[0].send(frame)

    async def _send_heartbeats(self) -> None:
        while True:
            await self._children[0].send(Heartbeat())
            await asyncio.sleep(_HEARTBEAT_INTERVAL)

    async def _receive(self, child: ChildProcess) -> None:
        """Handle all frames of a process until it ends."""
        try:
            async for frame in child.frames():
                self._handle(frame)
        except Exception as error:  # noqa: BLE001 - of `on_report`, e.g. a full disk
            if not self.died.done():
                self.died.set_exception(error)
            return
        if not self.finished:
            self._note_end(child, await child.ending(EXIT_GRACE))

    def _note_end(self, child: ChildProcess, how: str) -> None:
        if self._registry is None:
            self._die(how)
            return
        worker = self._registry.with_pid(child.pid)
        how = f"was {how}" if how.startswith("killed") else f"ended: {how}"
        name = "the master" if child is self._children[0] else worker or "a worker"
        self._die(f"{name} {how}")
        if worker:
            self._registry.mark_lost(worker, how, time.monotonic())

    def _handle(self, frame: ToHarness) -> None:
        match frame:
            case Report():
                self._silent_for = 0.0
                self._last[frame.source] = frame
                self._on_report(frame)
            case UserError(consequence=True):
                self.consequences = _with_text(self.consequences, frame.text)
            case UserError():
                self.user_errors = _with_text(self.user_errors, frame.text)
            case Notice():
                self.notices = _with_text(self.notices, frame.text)
            case Bye():
                self._handle_bye(frame)
            case Ready() | Refused():
                if not self._ready.done():
                    self._ready.set_result(frame)
            case Listening() | WorkerInfo() | Lost():
                assert self._registry is not None
                if reason := self._registry.take(frame):
                    self._die(reason)
            case _:
                assert_never(frame)

    def _handle_bye(self, bye: Bye) -> None:
        self.finished = True
        self.exit_code = bye.exit_code
        self._silent_for = None
        if bye.reason or not self._stop_requested:
            self._die(bye.reason or "it stopped before the harness stopped it")
        else:
            self._goodbye.set_result(None)

    async def _watch_silence(self) -> None:
        # Steps are counted, not time: a late loop of this process has read no frame either.
        while not self.died.done():
            await asyncio.sleep(STEP)
            if self._silent_for is not None:
                self._silent_for += STEP
                if self._silent_for > SILENCE:
                    self._die(
                        f"it sent no report for {SILENCE:.0f} s; a task probably blocks its loop: "
                        "busy code, or a library that gevent cannot make cooperative"
                    )

    def _die(self, reason: str) -> None:
        if not self.died.done():
            self.died.set_result(reason)

    def _error(self) -> GeneratorError:
        return GeneratorError(
            f"the load generator died: {self.died.result()}{last_lines(self._log)}",
            f"the whole output is in {self._log}",
        )


async def _first(*futures: asyncio.Future[Any], seconds: float) -> bool:
    """Whether one of the futures is done in time."""
    done, _ = await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


def _with_text(texts: tuple[str, ...], text: str) -> tuple[str, ...]:
    """The texts with a new one; workers that are rejected repeatedly must not fill the run."""
    return texts if text in texts or len(texts) >= MAX_TEXTS else (*texts, text)

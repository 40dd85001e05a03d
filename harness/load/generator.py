"""The load generator, seen from the harness: child processes that run Locust.

One process makes the load by itself; or a master that makes none keeps several workers together,
which the harness starts as well, or somebody else does on other machines.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.budgets.model import Load, OpenWorkload
from harness.errors import GeneratorError, ScenarioError
from harness.load.child_process import ChildProcess
from harness.load.protocol.frames import (
    Bye,
    Frame,
    Notice,
    Ready,
    Refused,
    Report,
    Setup,
    Start,
    Stop,
    UserError,
)
from harness.load.protocol.master import WorkerPool
from harness.load.protocol.workers import Beat, Join, Listening, Lost, Member
from harness.load.workers import WorkerRegistry
from harness.runs.model import Requests, Worker

STARTUP = 60.0  # s for importing the locustfile and for every user's on_start
SILENCE = 5.0  # s without a report
EXIT_GRACE = 2.0  # s between its last word and the end of its process
STEP = 0.25  # s
MAX_TEXTS = 100  # different errors, and notices, that are kept
_BEAT = 1.0  # s between signs of life to the generator
_STOP_MARGIN = 10.0  # s on top of the drain, for on_stop and the last report
_LOCAL = "127.0.0.1"

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
    on_progress: Callable[[str], object] = lambda _: None,
) -> AsyncIterator[Generator]:
    """A load generator that is ready to start; no process of it is left afterwards.

    Args:
        load: What to run. In the open model its users have run `on_start` when this returns.
        url: Base URL of the target; it overrides every `host` of the locustfile.
        log: File that everything the generator prints is appended to.
        on_report: Called about once a second from the start on, and with the final report; by
            each worker, if there are any.
        drain: Longest wait for the last answers, seconds.
        trace_ratio: Share of the requests whose traceparent says that they are sampled.
        workers: Processes on this machine that make the load.
        pool: Where workers that somebody else starts are waited for, instead.
        on_progress: Called with a line for a person while they are waited for.

    Raises:
        ScenarioError: The locustfile cannot be loaded, or holds nothing that can be run; or a
            worker is not fit to run it.
        GeneratorError: A process of it died, or was not ready in time.
    """
    path = load.locustfile.resolve()
    _check(load, pool.workers if pool else workers)
    where = pool
    if where is None and workers > 1:
        where = WorkerPool(_LOCAL, 0, workers, run_id=secrets.token_hex(8))
    setup = Setup(
        str(path), url, load.workload, load.tags, load.exclude_tags, trace_ratio, role=where
    )
    running = Generator(log=log, drain=drain, on_report=on_report, on_progress=on_progress)
    try:
        await running.prepare(setup, own_workers=pool is None)
        yield running
    finally:
        await running.close()


class Generator:
    """A running load generator; made by `generator`.

    Attributes:
        user_errors: Exceptions of the locustfile that no request stands for, each text once.
        notices: What a person should know about the scenario.
        finished: It has said goodbye.
        died: Done, with the reason, once it has ended without having been told to, or blocks; so
            too when it has lost a worker that it may not do without.
    """

    def __init__(
        self,
        *,
        log: Path,
        drain: float,
        on_report: OnReport,
        on_progress: Callable[[str], object],
    ) -> None:
        self.user_errors: tuple[str, ...] = ()
        self.notices: tuple[str, ...] = ()
        self.finished = False
        self.died: asyncio.Future[str] = asyncio.Future()
        self._log = log
        self._drain = drain
        self._on_report = on_report
        self._on_progress = on_progress
        self._children: list[ChildProcess] = []
        self._roster: WorkerRegistry | None = None
        self._last: dict[str, Report] = {}  # by source
        self._ready: asyncio.Future[Ready | Refused] = asyncio.Future()
        self._goodbye: asyncio.Future[None] = asyncio.Future()
        self._quiet: float | None = None  # seconds since the last frame; None: none is expected
        self._told_to_stop = False
        self._tasks = [asyncio.create_task(self._watch_silence())]

    @property
    def requests(self) -> Requests:
        """Its account as of the last report, or the last ones of all workers."""
        return account_of(self._last.values())

    @property
    def workers(self) -> tuple[Worker, ...]:
        """In the order of their names; those that were lost, too. Empty without workers."""
        return self._roster.workers if self._roster else ()

    @property
    def pid(self) -> int:
        """Of the process that runs Locust; of the master, if there are workers."""
        return self._children[0].pid

    async def start(self, t0: float, window_start: float) -> None:
        """Tell it when to begin: moments of `time.monotonic`, `t0` a little ahead.

        Raises:
            GeneratorError: It has died.
        """
        self._quiet = -max(0.0, t0 - asyncio.get_running_loop().time())
        await self._tell(Start(t0, window_start))

    async def stop(self, drain: float | None = None) -> Requests:
        """No new arrivals, drain, and the final account.

        Every report has been passed to `on_report` when this returns. What was sent and not
        answered within the drain stays `in_flight`.

        Args:
            drain: Longest wait for the last answers, seconds; None is the scenario's.

        Raises:
            GeneratorError: It has died, now or before.
        """
        self._told_to_stop = True
        drain = self._drain if drain is None else drain
        await self._tell(Stop(drain))
        patience = drain + _STOP_MARGIN
        if not await _first(self._goodbye, self.died, patience=patience):
            self._die(f"it did not stop within {patience:.0f} s")
        if not self._goodbye.done():
            raise self._error()
        return self.requests

    async def prepare(self, setup: Setup, *, own_workers: bool) -> None:
        """Have it load the locustfile; used by `generator`, as is `close`."""
        where = setup.role if isinstance(setup.role, WorkerPool) else None
        if where:
            self._roster = WorkerRegistry(
                where, (lambda _: None) if own_workers else self._on_progress
            )
        for _ in range(1 + (where.workers if where and own_workers else 0)):
            await self._add_child()  # the workers import Locust while the master does
        await self._children[0].tell(setup)
        self._tasks.append(asyncio.create_task(self._beat()))
        if self._roster:
            await self._gather_workers(setup, self._roster)
        await self._wait(self._ready, STARTUP)
        answer = self._ready.result()
        if isinstance(answer, Refused):
            raise ScenarioError(answer.message, answer.hint)

    async def close(self) -> None:
        """End its processes, if they have not ended by themselves."""
        if self.finished:  # the locustfile's last listeners may still run
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

    # --- how it comes into being --------------------------------------------------------------

    async def _add_child(self) -> None:
        child = await ChildProcess.start(self._log)
        self._children.append(child)
        self._tasks.append(asyncio.create_task(self._attend(child)))

    async def _gather_workers(self, setup: Setup, roster: WorkerRegistry) -> None:
        where = roster.where
        await self._wait(roster.port, STARTUP)
        if self._ready.done():  # refused
            return
        if len(self._children) > 1:
            join = Join(where.host, roster.port.result(), where.run_id)
            for child in self._children[1:]:
                await child.tell(replace(setup, role=join))
        elif not await _first(roster.complete, self._ready, self.died, patience=where.patience):
            raise GeneratorError(
                f"{len(roster.workers)} of {where.workers} workers came within "
                f"{where.patience:.0f} s",
                f"Start the others with {roster.how_to_join}; or look at what they print.",
            )

    async def _wait(self, future: asyncio.Future[Any], patience: float) -> None:
        """Until it is done, or the generator refuses, or has died.

        Raises:
            GeneratorError: It has died, now or before.
        """
        if not await _first(future, self._ready, self.died, patience=patience):
            self._die(f"it was not ready after {patience:.0f} s: {self._what_is_missing()}")
        if self.died.done() and not self._ready.done():
            raise self._error()

    def _what_is_missing(self) -> str:
        roster = self._roster
        if roster and roster.port.done() and not roster.complete.done():
            here, wanted = len(roster.workers), roster.where.workers
            return f"{here} of {wanted} workers had joined; fewer of them start sooner"
        return "the import of the locustfile or an on_start does not end"

    # --- how it is kept in touch with ---------------------------------------------------------

    async def _tell(self, frame: Start | Stop) -> None:
        if self.died.done():
            raise self._error()
        await self._children[0].tell(frame)

    async def _beat(self) -> None:
        while True:
            await self._children[0].tell(Beat())
            await asyncio.sleep(_BEAT)

    async def _attend(self, child: ChildProcess) -> None:
        """Take all that a process says until it ends."""
        try:
            async for frame in child.frames():
                self._take(frame)
        except Exception as error:  # noqa: BLE001 - of `on_report`, e.g. a full disk
            if not self.died.done():
                self.died.set_exception(error)
            return
        if not self.finished:
            self._note_end(child, await child.how_it_ended(EXIT_GRACE))

    def _note_end(self, child: ChildProcess, how: str) -> None:
        if self._roster is None:
            self._die(how)
            return
        name = self._roster.with_pid(child.pid)
        how = f"was {how}" if how.startswith("killed") else f"ended: {how}"
        who = "the master" if child is self._children[0] else name or "a worker"
        self._die(f"{who} {how}")
        if name:
            self._roster.mark_lost(name, how, time.monotonic())

    def _take(self, frame: Frame) -> None:
        if isinstance(frame, Report):
            self._quiet = 0.0
            self._last[frame.source] = frame
            self._on_report(frame)
        elif isinstance(frame, UserError):
            self.user_errors = _with(self.user_errors, frame.text)
        elif isinstance(frame, Notice):
            self.notices = _with(self.notices, frame.text)
        elif isinstance(frame, Bye):
            self._take_bye(frame)
        elif isinstance(frame, Ready | Refused) and not self._ready.done():
            self._ready.set_result(frame)
        elif isinstance(frame, Listening | Member | Lost):
            assert self._roster is not None
            if reason := self._roster.take(frame):
                self._die(reason)

    def _take_bye(self, bye: Bye) -> None:
        self.finished = True
        self._quiet = None
        if bye.reason or not self._told_to_stop:
            self._die(bye.reason or "it stopped without having been told to")
        else:
            self._goodbye.set_result(None)

    async def _watch_silence(self) -> None:
        # Steps are counted, not time: when our own loop is late, nothing was read either.
        while not self.died.done():
            await asyncio.sleep(STEP)
            if self._quiet is not None:
                self._quiet += STEP
                if self._quiet > SILENCE:
                    self._die(
                        f"it said nothing for {SILENCE:.0f} s; a task probably blocks its loop: "
                        "busy code, or a library that gevent cannot make cooperative"
                    )

    def _die(self, reason: str) -> None:
        if not self.died.done():
            self.died.set_result(reason)

    def _error(self) -> GeneratorError:
        return GeneratorError(
            f"the load generator died: {self.died.result()}",
            f"Look at the end of {self._log}.",
        )


def _check(load: Load, workers: int) -> None:
    """Refuse what can be known to fail before a process is started, or a worker waited for.

    Raises:
        ScenarioError: There is no locustfile, or there are fewer users than workers.
    """
    if not load.locustfile.is_file():
        raise ScenarioError(
            f"{load.locustfile}: no such locustfile", "Correct `locustfile` of the scenario."
        )
    workload = load.workload
    if isinstance(workload, OpenWorkload) and workload.max_users < workers:
        raise ScenarioError(
            f"{workload.max_users} users cannot be shared by {workers} workers",
            "Raise max_users of the scenario, or run it with fewer workers.",
        )


async def _first(*futures: asyncio.Future[Any], patience: float) -> bool:
    """Whether one of them is done in time."""
    done, _ = await asyncio.wait(futures, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


def _with(texts: tuple[str, ...], text: str) -> tuple[str, ...]:
    """Each text once; workers that are turned away again and again must not fill the run."""
    return texts if text in texts or len(texts) >= MAX_TEXTS else (*texts, text)


def account_of(parts: Iterable[Report | Requests]) -> Requests:
    """Of the last reports of all sources, or of several accounts, the sum."""
    every = list(parts)
    return Requests(
        **{name: sum(getattr(one, name) for one in every) for name in Requests.model_fields}
    )

"""The load generator, seen from the harness: a child process that runs Locust."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from harness.budgets.model import Load
from harness.errors import GeneratorError, ScenarioError
from harness.load.frames import (
    Bye,
    Decoder,
    Frame,
    Notice,
    Ready,
    Refused,
    Report,
    Setup,
    Start,
    Stop,
    UserError,
    encode,
)
from harness.process import Process
from harness.runs.model import Requests

STARTUP = 60.0  # s for importing the locustfile and for every user's on_start
SILENCE = 5.0  # s without a report
EXIT_GRACE = 2.0  # s between its last word and the end of its process
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
) -> AsyncIterator[Generator]:
    """A load generator that is ready to start; no process of it is left afterwards.

    Args:
        load: What to run. In the open model its users have run `on_start` when this returns.
        url: Base URL of the target; it overrides every `host` of the locustfile.
        log: File that everything the generator prints is appended to.
        on_report: Called about once a second from the start on, and with the final report.
        drain: Longest wait for the last answers, seconds.
        trace_ratio: Share of the requests whose traceparent says that they are sampled.

    Raises:
        ScenarioError: The locustfile cannot be loaded, or holds nothing that can be run.
        GeneratorError: The generator died, or was not ready in time.
    """
    path = load.locustfile.resolve()
    if not path.is_file():
        raise ScenarioError(
            f"{load.locustfile}: no such locustfile", "Correct `locustfile` of the scenario."
        )
    setup = Setup(
        str(path), url, load.workload, load.tags, load.exclude_tags, trace_ratio=trace_ratio
    )
    ours, theirs = socket.socketpair()
    with theirs:
        process = await Process.start(
            # -P: a folder named `locust` beside the scenario must not hide the package.
            [sys.executable, "-P", "-m", "harness.load.child", str(theirs.fileno())],
            output=log,
            environment={k: v for k, v in os.environ.items() if not k.startswith("LOCUST_")},
            pass_fds=[theirs.fileno()],
        )
    streams = await asyncio.open_connection(sock=ours)
    running = Generator(process, streams, log=log, drain=drain, on_report=on_report)
    try:
        await running.prepare(setup)
        yield running
    finally:
        await running.close()


class Generator:
    """A running load generator; made by `generator`.

    Attributes:
        requests: Its account as of the last report.
        user_errors: Exceptions of the locustfile that no request stands for, each text once.
        notices: What a person should know about the scenario.
        finished: It has said goodbye.
        died: Done, with the reason, once it has ended without having been told to, or blocks.
    """

    def __init__(
        self,
        process: Process,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        *,
        log: Path,
        drain: float,
        on_report: OnReport,
    ) -> None:
        self.requests = Requests()
        self.user_errors: tuple[str, ...] = ()
        self.notices: tuple[str, ...] = ()
        self.finished = False
        self._process = process
        reader, self._writer = streams
        self._log = log
        self._drain = drain
        self._on_report = on_report
        self._ready: asyncio.Future[Ready | Refused] = asyncio.Future()
        self._goodbye: asyncio.Future[None] = asyncio.Future()
        self.died: asyncio.Future[str] = asyncio.Future()
        self._quiet: float | None = None  # seconds since the last frame; None: none is expected
        self._told_to_stop = False
        self._tasks = [
            asyncio.create_task(self._read(reader)),
            asyncio.create_task(self._watch_silence()),
        ]

    @property
    def pid(self) -> int:
        """Of the process that runs Locust."""
        return self._process.pid

    async def start(self, t0: float, window_start: float) -> None:
        """Tell it when to begin: moments of `time.monotonic`, `t0` a little ahead.

        Raises:
            GeneratorError: It has died.
        """
        self._quiet = -max(0.0, t0 - asyncio.get_running_loop().time())
        await self._tell(Start(t0, window_start))

    async def stop(self) -> Requests:
        """No new arrivals, drain, and the final account.

        Every report has been passed to `on_report` when this returns. What was sent and not
        answered within the scenario's drain stays `in_flight`.

        Raises:
            GeneratorError: It has died, now or before.
        """
        self._told_to_stop = True
        await self._tell(Stop(self._drain))
        patience = self._drain + _STOP_MARGIN
        if not await _first(self._goodbye, self.died, patience):
            self._die(f"it did not stop within {patience:.0f} s")
        if not self._goodbye.done():
            raise self._error()
        return self.requests

    async def prepare(self, setup: Setup) -> None:
        """Have it load the locustfile; used by `generator`, as is `close`."""
        await self._tell(setup)
        if not await _first(self._ready, self.died, STARTUP):
            self._die(
                f"it was not ready after {STARTUP:.0f} s: "
                "the import of the locustfile or an on_start does not end"
            )
        if not self._ready.done():
            raise self._error()
        answer = self._ready.result()
        if isinstance(answer, Refused):
            raise ScenarioError(answer.message, answer.hint)

    async def close(self) -> None:
        """End its process, if it has not ended by itself."""
        if self.finished:  # the locustfile's last listeners may still run
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), EXIT_GRACE)
        await self._process.stop(EXIT_GRACE)
        futures: tuple[asyncio.Future[Any], ...] = (*self._tasks, self.died)
        for future in futures:
            future.cancel()
        await asyncio.gather(*futures, return_exceptions=True)
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    # --- how it is kept in touch with ---------------------------------------------------------

    async def _tell(self, frame: Setup | Start | Stop) -> None:
        if self.died.done():
            raise self._error()
        with suppress(ConnectionError):  # its death is noticed by the reader
            self._writer.write(encode(frame))
            await self._writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        decoder = Decoder()
        try:
            while data := await reader.read(2**18):
                for frame in decoder.feed(data):
                    self._take(frame)
        except ConnectionError:
            pass
        except Exception as error:  # noqa: BLE001 - of `on_report`, e.g. a full disk
            if not self.died.done():
                self.died.set_exception(error)
            return
        if not self.finished:
            self._die(await self._how_it_ended())

    async def _how_it_ended(self) -> str:
        try:
            code = await asyncio.wait_for(self._process.wait(), EXIT_GRACE)
        except TimeoutError:
            return "it closed its connection"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _take(self, frame: Frame) -> None:
        if isinstance(frame, Report):
            self._quiet = 0.0
            self.requests = _account(frame)
            self._on_report(frame)
        elif isinstance(frame, UserError):
            self.user_errors += (frame.text,)
        elif isinstance(frame, Notice):
            self.notices += (frame.text,)
        elif isinstance(frame, Bye):
            self._take_bye(frame)
        elif isinstance(frame, Ready | Refused) and not self._ready.done():
            self._ready.set_result(frame)

    def _take_bye(self, bye: Bye) -> None:
        self.finished = True
        self._quiet = None
        if bye.reason or not self._told_to_stop:
            self._die(bye.reason or "it stopped without having been told to")
        else:
            self._goodbye.set_result(None)

    async def _watch_silence(self) -> None:
        # Steps are counted, not time: when our own loop is late, nothing was read either.
        step = 0.25
        while not self.died.done():
            await asyncio.sleep(step)
            if self._quiet is not None:
                self._quiet += step
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


async def _first(one: asyncio.Future[Any], other: asyncio.Future[Any], patience: float) -> bool:
    """Whether either is done in time."""
    done, _ = await asyncio.wait(
        [one, other], timeout=patience, return_when=asyncio.FIRST_COMPLETED
    )
    return bool(done)


def _account(report: Report) -> Requests:
    return Requests(
        asked=report.asked,
        sent=report.sent,
        dropped=report.dropped,
        started=report.started,
        recorded=report.recorded,
        in_flight=report.in_flight,
        lost=report.lost,
        late=report.late,
    )

"""The life of the service under load: start it, wait until it is ready, stop it."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from harness.budgets.model import Target
from harness.errors import TargetError
from harness.observe.command import (
    PLACE,
    absolute,
    address,
    further_ports,
    on_port,
    on_side,
    running_metrics,
    split_command,
)
from harness.observe.fetch import NoAnswer, fetch, tls_of
from harness.observe.port_owner import listened_instead, listeners, refuse_foreign_metrics
from harness.observe.scheme import refuse_wrong_scheme
from harness.process.output import NOTHING, last_lines
from harness.process.process import Process, signal_name
from harness.process.small_log import keep_small

_PROBE_TIMEOUT: Final = 5.0  # seconds for one response of a service that may still be starting
_PROBE_PAUSE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Service:
    """A running service.

    Attributes:
        url: Base URL, as it was given.
        metrics: Absolute URLs of its metrics endpoints.
        died: Done with the exit code of the command when it has ended (-N for signal N); never
            done for a service that the harness has not started.
        pid: The process id of the command; None for a service that the harness has not started.
        tls: For https; None trusts the certificates that this machine trusts.
        listeners: The process ids of a service that runs already on this machine; empty when they
            cannot be seen. None for another machine, and for a service that the harness started.
        exporters: Those of the metrics endpoints that belong to other processes.
    """

    url: str
    metrics: tuple[str, ...]
    died: asyncio.Future[int]
    pid: int | None = None
    tls: ssl.SSLContext | None = None
    listeners: tuple[int, ...] | None = None
    exporters: tuple[str, ...] = ()

    @property
    def started_by_us(self) -> bool:
        """Whether the harness has started the service."""
        return self.pid is not None


@asynccontextmanager
async def serve(target: Target, log: Path, url: str | None = None) -> AsyncIterator[Service]:
    """Run the target for the length of the context.

    Args:
        target: The command of the service, or the URL of a running one.
        log: File that the output of the command is appended to; a large one is compressed.
        url: URL of a running service, which replaces the target's command.

    Yields:
        The service, which is ready.

    Raises:
        TargetError: The service cannot be started, ended early, was not ready in time, or does not
            answer at its URL.
        UsageError: The target's `ca_file` cannot be used.
    """
    target = on_side(target, "candidate")
    tls = tls_of(target.ca_file)
    if url is not None or target.command is None:
        yield await _running_service(target, url or target.url, tls)
        return
    process, service = await _start(target, log, tls)
    small = asyncio.create_task(keep_small(log))
    try:
        yield service
    finally:
        small.cancel()
        await process.stop(target.stop_timeout)
        await service.died


async def _running_service(target: Target, url: str, tls: ssl.SSLContext | None) -> Service:
    """A service that runs already; any HTTP response is accepted."""
    if PLACE in url:
        raise TargetError(
            f"{url} contains {PLACE}, but there is no command that gets the port",
            "write the port of the running service, or give the target a command",
        )
    metrics = running_metrics(target, url)
    try:
        await asyncio.to_thread(fetch, url, _PROBE_TIMEOUT, tls=tls)
    except NoAnswer as error:
        await asyncio.to_thread(refuse_wrong_scheme, url, _PROBE_TIMEOUT, tls)
        raise TargetError(
            f"nothing answers at {url}: {error}",
            "start the service first, correct the url, or give the target a command",
        ) from error
    died: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    here = await asyncio.to_thread(listeners, url)
    return Service(url, metrics, died, tls=tls, listeners=here, exporters=target.exporters)


async def _start(target: Target, log: Path, tls: ssl.SSLContext | None) -> tuple[Process, Service]:
    """Start the command; retry once if another process has taken the free port."""
    if PLACE not in target.url:
        await _refuse_taken_port(target.url)
        return await _start_once(_on_free_ports(target), log, tls)
    first = _on_free_ports(target)
    try:
        return await _start_once(first, log, tls)
    except TargetError:
        if not await _is_open(first.url):
            raise
    return await _start_once(_on_free_ports(target), log, tls)


async def _start_once(
    target: Target, log: Path, tls: ssl.SSLContext | None
) -> tuple[Process, Service]:
    argv = split_command(target.command or "")
    url = target.url
    if not target.directory.is_dir():
        raise TargetError(f"{target.directory} is not a folder", "the target's command runs there")
    before = _size(log)
    try:
        process = await Process.start(
            argv,
            output=log,
            environment={**os.environ, **target.environment},
            directory=target.directory,
        )
    except OSError as error:
        if error.filename == str(log):
            raise
        raise TargetError(
            f"the command cannot be started: {error.filename}: {error.strerror}",
            f"install {argv[0]!r} or write its full path; if it belongs to a virtual environment, "
            "run harness inside that one (uv run harness run)",
        ) from error
    died = asyncio.ensure_future(process.wait())
    try:
        if problem := await _wait_until_ready(target, url, died, tls):
            output = last_lines(log, before) if died.done() else last_output(log, before)
            hint = f"the whole output is in {log}; the command was: {target.command}"
            if not died.done():
                elsewhere = await asyncio.to_thread(listened_instead, url, process.pid)
                problem += f"; {elsewhere}" if elsewhere else ""
                hint += "; target.ready_timeout sets the longest wait"
            raise TargetError(problem + output, hint)
        if target.ready is None or not target.ready.startswith("/"):
            await asyncio.to_thread(refuse_wrong_scheme, url, _PROBE_TIMEOUT, tls)
        metrics = tuple(absolute(url, path) for path in target.metrics)
        await asyncio.to_thread(refuse_foreign_metrics, metrics, process.pid)
    except BaseException:
        await process.stop(target.stop_timeout)
        await died
        raise
    every = (*metrics, *target.exporters)
    return process, Service(url, every, died, process.pid, tls, exporters=target.exporters)


class _Probed(NamedTuple):
    """Why the service is not ready, and whether it said so; an empty text when it is ready."""

    problem: str
    answered: bool = False


async def _wait_until_ready(
    target: Target, url: str, died: asyncio.Future[int], tls: ssl.SSLContext | None
) -> str:
    """Wait for the service; returns the reason if it is not ready in time, else an empty text."""
    deadline = time.monotonic() + target.ready_timeout
    last = _Probed("")
    while True:
        begun = time.monotonic()
        seconds = min(max(0.1, deadline - begun), _PROBE_TIMEOUT)
        probe = asyncio.ensure_future(_probe(target, url, seconds, tls))
        try:
            either: set[asyncio.Future[_Probed] | asyncio.Future[int]] = {probe, died}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if died.done():
                return f"the service ended with {ending(died.result())} before it was ready"
            found = probe.result()
        finally:
            probe.cancel()
        if not found.problem:
            return ""
        cut = seconds < _PROBE_TIMEOUT and time.monotonic() >= begun + seconds
        if found.answered or not (cut and last.answered):  # a cut probe hides no answer before it
            last = found
        if time.monotonic() >= deadline:
            return f"the service was not ready within {target.ready_timeout:g} s: {last.problem}"
        await asyncio.wait({died}, timeout=_PROBE_PAUSE)


async def _probe(
    target: Target,
    url: str,
    timeout: float,  # noqa: ASYNC109
    tls: ssl.SSLContext | None,
) -> _Probed:
    if target.ready is None:
        return _Probed("" if await _is_open(url) else f"nothing listens at {url}")
    ready = absolute(url, target.ready)
    try:
        answer = await asyncio.to_thread(fetch, ready, timeout, tls=tls)
    except NoAnswer as error:
        return _Probed(f"{ready}: {error}")
    is_ready = 200 <= answer.status < 300
    return _Probed("" if is_ready else f"{ready} answered {answer.status}", answered=True)


async def _refuse_taken_port(url: str) -> None:
    if await _is_open(url):
        port = address(url)[1]
        raise TargetError(
            f"port {port} is taken: another process listens at {url}",
            f"stop the process, or write {PLACE} for a free port in the target's command and url; "
            "to test the running service, use --url",
        )


async def _is_open(url: str) -> bool:
    host, port = address(url)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _PROBE_TIMEOUT)
    except OSError:  # TimeoutError and a name that does not resolve included
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


def _on_free_ports(target: Target) -> Target:
    """The target with a free port for each placeholder; no two ports are the same."""
    further = further_ports(target)
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(1 + len(further))]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        port, *others = [int(listener.getsockname()[1]) for listener in listeners]
    return on_port(target, port, dict(zip(further, others, strict=True)))


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def ending(exit_code: int) -> str:
    """An exit code as text; -N is signal N."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    return f"signal {signal_name(-exit_code)}"


def last_output(log: Path, before: int = 0) -> str:
    """The last lines of a service's log after its first `before` bytes; empty if it is empty."""
    text = last_lines(log, before)
    return "" if text == NOTHING else text

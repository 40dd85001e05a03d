"""The life of the service under load: start it, wait until it is ready, stop it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.budgets.model import Target
from harness.errors import TargetError
from harness.observe.command import PLACE, absolute, address, on_port, on_side, words
from harness.observe.fetch import NoAnswer, fetch
from harness.process.process import Process

_PROBE_TIMEOUT: Final = 5.0  # seconds for one answer of a service that may still be starting
_PROBE_PAUSE: Final = 0.05
_TAIL: Final = 15  # lines of output that an error shows
_TAIL_BYTES: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Service:
    """A service that answers.

    Attributes:
        url: Base URL, without a trailing slash.
        metrics: Absolute URLs of its metrics endpoints.
        died: Done when the command has ended, with its exit code (-N when signal N ended it),
            early or because the context stopped it; never done for a service that is not ours.
        pid: Of the command; None when it is not ours.
    """

    url: str
    metrics: tuple[str, ...]
    died: asyncio.Future[int]
    pid: int | None = None

    @property
    def started_by_us(self) -> bool:
        """Whether the harness started it, and so may stop it and look into its process."""
        return self.pid is not None


@asynccontextmanager
async def serve(target: Target, log: Path, url: str | None = None) -> AsyncIterator[Service]:
    """Have the target up for the length of the context.

    Args:
        target: How to start it, or where it runs. Paths are appended to its url.
        log: File that the command's output is appended to.
        url: A service that already runs, instead of the target's command.

    Yields:
        The service, which answered a moment ago.

    Raises:
        TargetError: It cannot be started, ended early, did not get ready in time, or nothing
            answers at the url.
    """
    target = on_side(target, "candidate")
    if url is not None or target.command is None:
        yield await _running_service(target, (url or target.url).rstrip("/"))
        return
    process, service = await _start(target, log)
    try:
        yield service
    finally:
        await process.stop(target.stop_timeout)
        await service.died


async def _running_service(target: Target, url: str) -> Service:
    """A service that somebody else started; anything that answers HTTP will do."""
    if PLACE in url:
        raise TargetError(
            f"{url} has a {PLACE}, but there is no command that would get the port",
            "write the port of the running service, or give the target a command",
        )
    port = address(url)[1]
    try:
        await asyncio.to_thread(fetch, url, _PROBE_TIMEOUT)
    except NoAnswer as nothing:
        raise TargetError(
            f"nothing answers at {url}: {nothing}",
            "start the service first, correct the url, or give the target a command",
        ) from nothing
    metrics = tuple(absolute(url, place) for place in on_port(target, port).metrics)
    return Service(url, metrics, asyncio.get_running_loop().create_future())


async def _start(target: Target, log: Path) -> tuple[Process, Service]:
    """Start the command; once more if another process took the free port meanwhile."""
    if PLACE not in target.url:
        await _refuse_taken_port(target.url)
        return await _start_once(target, log)
    placed = on_port(target, _free_port())
    try:
        return await _start_once(placed, log)
    except TargetError:
        if not await _is_open(placed.url):
            raise
    return await _start_once(on_port(target, _free_port()), log)


async def _start_once(target: Target, log: Path) -> tuple[Process, Service]:
    argv = words(target.command or "")
    url = target.url.rstrip("/")
    if not target.directory.is_dir():
        raise TargetError(f"{target.directory} is no folder", "the target's command runs there")
    before = _size(log)
    try:
        process = await Process.start(
            argv,
            output=log,
            environment={**os.environ, **target.environment},
            directory=target.directory,
        )
    except OSError as error:
        raise TargetError(
            f"the command cannot be started: {error.filename}: {error.strerror}",
            f"install {argv[0]!r} or write its full path; if it belongs to a virtual environment, "
            "run harness inside that one (uv run harness run)",
        ) from error
    died = asyncio.ensure_future(process.wait())
    try:
        if problem := await _wait_until_ready(target, url, died):
            raise TargetError(
                problem + last_lines(log, before),
                f"its whole output is in {log}; the command was: {target.command}",
            )
    except BaseException:
        await process.stop(target.stop_timeout)
        await died
        raise
    metrics = tuple(absolute(url, place) for place in target.metrics)
    return process, Service(url, metrics, died, process.pid)


async def _wait_until_ready(target: Target, url: str, died: asyncio.Future[int]) -> str:
    """Wait for the service; why it is not ready, or nothing when it is."""
    deadline = time.monotonic() + target.ready_timeout
    while True:
        left = max(0.1, deadline - time.monotonic())
        probe = asyncio.ensure_future(_probe(target, url, min(left, _PROBE_TIMEOUT)))
        try:
            either: set[asyncio.Future[str] | asyncio.Future[int]] = {probe, died}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if died.done():
                return f"the service ended with {ending(died.result())} before it was ready"
            unready = probe.result()
        finally:
            probe.cancel()
        if not unready:
            return ""
        if time.monotonic() >= deadline:
            return (
                f"the service was not ready within {target.ready_timeout:g} s: {unready} "
                "(target.ready_timeout allows more)"
            )
        await asyncio.wait({died}, timeout=_PROBE_PAUSE)


async def _probe(target: Target, url: str, timeout: float) -> str:  # noqa: ASYNC109
    """What is still missing; nothing when the service is ready."""
    if target.ready is None:
        return "" if await _is_open(url) else f"nothing listens at {url}"
    ready = absolute(url, target.ready)
    try:
        answer = await asyncio.to_thread(fetch, ready, timeout)
    except NoAnswer as nothing:
        return f"{ready}: {nothing}"
    return "" if 200 <= answer.status < 300 else f"{ready} answered {answer.status}"


async def _refuse_taken_port(url: str) -> None:
    if await _is_open(url):
        port = address(url)[1]
        raise TargetError(
            f"port {port} is taken: something already listens at {url}",
            f"stop what uses port {port}, or write {PLACE} for a free port in the target's "
            "command and url; to test what runs there, use --url",
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


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def ending(exit_code: int) -> str:
    """An exit code in words; -N is signal N."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    return f"signal {signal.Signals(-exit_code).name}"


def last_lines(log: Path, before: int = 0) -> str:
    """The end of what the command wrote, below the message that it explains."""
    with log.open("rb") as file:
        file.seek(max(before, _size(log) - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").rstrip().splitlines()[-_TAIL:]
    if not lines:
        return "; it wrote nothing"
    return "\nIts last output:\n" + "\n".join(f"    {line}" for line in lines)

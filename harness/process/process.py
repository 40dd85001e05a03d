"""A command that the harness starts and that never outlives the harness."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.process import supervisor
from harness.process.connection import Connection


class Process:
    """A running command, in its own process group, under a `supervisor` process.

    Attributes:
        pid: Of the command, which is also the number of its process group.
    """

    def __init__(
        self,
        pid: int,
        supervisor_process: asyncio.subprocess.Process,
        control: Connection,
    ) -> None:
        self.pid = pid
        self._supervisor = supervisor_process
        self._control = control
        self._exit = asyncio.ensure_future(self._watch())
        # Also when the event loop ends before the command: then the supervisor ends both.
        self._exit.add_done_callback(lambda _: control.close())

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        output: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Process:
        """Start a command.

        Args:
            argv: The command and its arguments; no shell is involved.
            output: File that its standard output and error are appended to.
            environment: The whole environment; None is the one of the harness.
            directory: Its working directory; None is the one of the harness.
            pass_fds: File descriptors that the command inherits. The caller closes its own copies.

        Raises:
            OSError: The command cannot be executed, e.g. FileNotFoundError.
        """
        control, of_supervisor = socket.socketpair()
        arguments = [str(of_supervisor.fileno()), ",".join(map(str, pass_fds)), "--", *argv]
        try:
            with of_supervisor, output.open("ab") as log:
                spawning = asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", supervisor.__file__, *arguments),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment,
                    cwd=directory,
                    pass_fds=[of_supervisor.fileno(), *pass_fds],
                    start_new_session=True,
                )
                process = await _spawned(spawning, control)
        except BaseException:
            control.close()
            raise
        connection = Connection(control)
        try:
            line = await connection.receive_line()
            first = json.loads(line or '{"error": [0, "its supervisor died"]}')
            if "error" in first:
                raise OSError(*first["error"], argv[0])
        except BaseException:  # e.g. cancelled: the command may already run
            connection.close()  # then the supervisor ends the command, and itself
            await process.wait()
            raise
        return cls(first["pid"], process, connection)

    @property
    def returncode(self) -> int | None:
        """The exit code, -N when signal N ended the command, None while it runs."""
        return self._exit.result() if self._exit.done() else None

    async def wait(self) -> int:
        """Wait for the end of the command and its whole group; returns the exit code."""
        return await asyncio.shield(self._exit)

    async def stop(self, grace: float) -> int:
        """End the group by TERM, and by KILL after `grace` seconds; returns the exit code."""
        await self._order(b"T")
        try:
            return await asyncio.wait_for(self.wait(), grace)
        except TimeoutError:
            await self._order(b"K")
            return await self.wait()

    async def _order(self, order: bytes) -> None:
        if self.returncode is None:
            await self._control.send(order)

    async def _watch(self) -> int:
        if line := await self._control.receive_line():
            await self._close()
            return int(json.loads(line)["exit"])
        # The supervisor was killed: kill the group in its place.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._close()
        return -signal.SIGKILL

    async def _close(self) -> None:
        self._control.close()
        await self._supervisor.wait()


def signal_name(number: int) -> str:
    """Such as SIGKILL; most real-time signals have no name of their own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN{number - signal.SIGRTMIN:+d}"


async def _spawned(
    spawning: Coroutine[Any, Any, asyncio.subprocess.Process], control: socket.socket
) -> asyncio.subprocess.Process:
    """Await the supervisor's start; when that is cancelled, end the supervisor and the command.

    A cancelled `create_subprocess_exec` kills its process. The command of a killed supervisor would
    go on, so the start is finished, and the supervisor ends both when its control socket closes.
    """
    task = asyncio.ensure_future(spawning)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        control.close()
        with suppress(OSError):
            await (await task).wait()
        raise

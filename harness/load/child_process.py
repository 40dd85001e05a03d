"""One process of a load generator, and the socket pair that connects the harness to it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from harness.load.protocol.frames import Decoder, ToGenerator, ToHarness, encode
from harness.process.connection import Connection
from harness.process.process import Process, signal_name

# They would change how Locust is imported or how workers wait, which the harness determines.
_REMOVED = (
    "LOCUST_PLAYWRIGHT",
    "LOCUST_SKIP_MONKEY_PATCH",
    "LOCUST_SKIP_URLLIB3_PATCH",
    "LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP",
    "LOCUST_WORKER_ADDITIONAL_WAIT_BEFORE_READY_AFTER_STOP",
)


def locust_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that runs a locustfile."""
    return {name: value for name, value in environment.items() if name not in _REMOVED}


class ChildProcess:
    """A running `harness.load.child`; created by `start`.

    Attributes:
        process: The process, under its supervisor.
    """

    def __init__(self, process: Process, connection: Connection) -> None:
        self.process = process
        self._connection = connection

    @classmethod
    async def start(cls, log: Path) -> ChildProcess:
        """Start a process whose output is appended to `log`."""
        harness_end, child_end = socket.socketpair()
        try:
            with child_end:
                process = await Process.start(
                    # -P: a folder `locust` next to the scenario must not hide the package.
                    [sys.executable, "-P", "-m", "harness.load.child", str(child_end.fileno())],
                    output=log,
                    environment=locust_environment(os.environ),
                    pass_fds=[child_end.fileno()],
                )
        except BaseException:
            harness_end.close()
            raise
        return cls(process, Connection(harness_end))

    @property
    def pid(self) -> int:
        """The id of the process itself, not of its supervisor."""
        return self.process.pid

    async def send(self, frame: ToGenerator) -> None:
        """Send a frame. When the process has closed the connection, `frames` ends."""
        await self._connection.send(encode(frame))

    async def frames(self) -> AsyncIterator[ToHarness]:
        """All frames that the process sends, until it closes the connection."""
        decoder: Decoder[ToHarness] = Decoder()
        while data := await self._connection.receive():
            for frame in decoder.feed(data):
                yield frame

    async def ending(self, grace: float) -> str:
        """How the process ended, as text; waits up to `grace` seconds for its end."""
        try:
            code = await asyncio.wait_for(self.process.wait(), grace)
        except TimeoutError:
            return "it closed its connection"
        return f"killed by {signal_name(-code)}" if code < 0 else f"exit code {code}"

    async def end(self, grace: float) -> None:
        """End the process within `grace` seconds, unless it has ended already."""
        try:
            await self.process.stop(grace)
        finally:
            self._connection.close()

"""One process of a load generator, and the socket pair to it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from harness.load.protocol.frames import Decoder, Frame, encode
from harness.process.process import Process


class ChildProcess:
    """Runs `harness.load.child`; made by `start`.

    Attributes:
        process: It, under its supervisor.
    """

    def __init__(
        self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, log: Path) -> ChildProcess:
        """Start one; what it prints is appended to `log`."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await Process.start(
                # -P: a folder named `locust` beside the scenario must not hide the package.
                [sys.executable, "-P", "-m", "harness.load.child", str(theirs.fileno())],
                output=log,
                environment={k: v for k, v in os.environ.items() if not k.startswith("LOCUST_")},
                pass_fds=[theirs.fileno()],
            )
        return cls(process, *await asyncio.open_connection(sock=ours))

    @property
    def pid(self) -> int:
        """Of the process itself, not of its supervisor."""
        return self.process.pid

    async def tell(self, frame: Frame) -> None:
        """Send a frame; when nobody listens any more, `frames` ends."""
        with suppress(ConnectionError):
            self._writer.write(encode(frame))
            await self._writer.drain()

    async def frames(self) -> AsyncIterator[Frame]:
        """All that it says, until it closes its connection."""
        decoder = Decoder()
        with suppress(ConnectionError):
            while data := await self._reader.read(2**18):
                for frame in decoder.feed(data):
                    yield frame

    async def how_it_ended(self, patience: float) -> str:
        """In words, once it has closed its connection."""
        try:
            code = await asyncio.wait_for(self.process.wait(), patience)
        except TimeoutError:
            return "it closed its connection"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    async def end(self, grace: float) -> None:
        """End the process, if it has not ended by itself."""
        await self.process.stop(grace)
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

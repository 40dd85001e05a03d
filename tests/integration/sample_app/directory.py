"""A company directory that fails, hangs and recovers: a real server on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

PROFILE = b'{"industry": "mining", "employees": 12, "founded": 1901}'


@dataclass
class Directory:
    """What it does now, and what it was asked.

    Attributes:
        status: Its next answers' status.
        body: Their body.
        hangs: It takes requests and does not answer.
        headers: Those of each request, by lower-case name.
        most: The most requests that it saw at once.
        connections: How many were opened.
    """

    url: str = ""
    status: int = 200
    body: bytes = PROFILE
    hangs: bool = False
    delay: float = 0.0
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    now: int = 0
    most: int = 0
    connections: int = 0
    serving: set[asyncio.Task[object]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *others = head.decode().rstrip().split("\r\n")
                pairs = (line.split(": ", 1) for line in others)
                self.headers.append({name.lower(): value for name, value in pairs})
                await self._answer(first.split(" ")[1], writer)
        self.serving.discard(task)
        writer.close()

    async def _answer(self, target: str, writer: asyncio.StreamWriter) -> None:
        self.asked.append(parse_qs(urlsplit(target).query)["name"][0])
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            while self.hangs:
                await asyncio.sleep(0.01)
            await asyncio.sleep(self.delay)
        finally:
            self.now -= 1
        head = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.body)}\r\n\r\n"
        writer.write(head.encode() + self.body)
        await writer.drain()

    def knows(self, industry: str) -> None:
        self.body = json.dumps({"industry": industry, "employees": 1}).encode()


@asynccontextmanager
async def directory_server() -> AsyncIterator[Directory]:
    """One on a free port."""
    directory = Directory()
    server = await asyncio.start_server(directory.serve, "127.0.0.1", 0)
    directory.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield directory
    finally:
        for task in directory.serving:
            task.cancel()
        async with asyncio.timeout(10):
            while directory.serving:
                await asyncio.sleep(0.001)
        server.close()
        await server.wait_closed()

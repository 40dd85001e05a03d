"""A raw asyncio HTTP server that counts and times the requests that it serves.

Run as `python server.py [HOST]`; it prints its port. Paths: /fast, /sleep/<ms> (held so long),
/error (status 500), /drop (closes the connection), /redirect (to /fast), /away/<port> (to /fast of
another server), /hang (never answers), /freeze/<ms> (all answers wait until then), /log (JSON) and
/reset: these three are not counted.
Only the standard library, so that it can be compared with what the load generator saw.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter

PERIOD = 0.01  # s


class RequestLog:
    """The log of the requests that the server has received."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin new lists: the time of an answer that is under way is stored in the old one."""
        self.counts: Counter[str] = Counter()
        self.times: list[float] = []  # seconds between the request and its response
        self.arrivals: list[float] = []  # on the monotonic clock
        self.traces: list[tuple[str, str]] = []  # target and traceparent, if any
        self.frozen_until = 0.0
        self.received = 0  # bytes of heads and bodies
        self.late = 0.0  # s, the longest time that this process stood still


class Connection(asyncio.Protocol):
    def __init__(self, requests: RequestLog) -> None:
        self.requests = requests
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, rest = self.buffer.split(b"\r\n\r\n", 1)
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            body = int(length[1]) if length else 0
            if len(rest) < body:
                return
            self.buffer = rest[body:]
            method, path, _ = head.split(b" ", 2)
            trace = re.search(rb"(?im)^traceparent: *(.*?)\r?$", head)
            if trace:
                self.requests.traces.append((path.decode(), trace[1].decode()))
            if self.serve(method.decode(), path.decode()):
                self.requests.received += len(head) + 4 + body

    def serve(self, method: str, path: str) -> bool:
        """Answer a request; returns whether it is counted."""
        now = time.monotonic()
        requests = self.requests
        if path == "/reset":
            requests.clear()
            self.answer(now, b"reset")
            return False
        if path == "/log":
            names = ("counts", "times", "arrivals", "traces", "received", "late")
            log = {name: getattr(requests, name) for name in names}
            self.answer(now, json.dumps(log).encode())
            return False
        if path.startswith("/freeze/"):
            requests.frozen_until = now + int(path[8:]) / 1000
            self.answer(now, b"frozen")
            return False
        requests.counts[f"{method} {path.split('?', maxsplit=1)[0]}"] += 1
        requests.arrivals.append(now)
        if path == "/drop":
            self.transport.close()
        elif path != "/hang":
            delay = max(0.0, requests.frozen_until - now)
            if path.startswith("/sleep/"):
                delay += float(path[7:].split("?", maxsplit=1)[0]) / 1000
            code = {"/error": b"500 Broken", "/redirect": b"302 Found"}.get(path, b"200 OK")
            location = "/fast"
            if path.startswith("/away/"):
                code, location = b"302 Found", f"http://127.0.0.1:{path[6:]}/fast"
            counted = (now, b"ok", code, requests.times, location)
            if delay:
                asyncio.get_running_loop().call_later(delay, self.answer, *counted)
            else:
                self.answer(*counted)
        return True

    def answer(
        self,
        since: float,
        body: bytes,
        code: bytes = b"200 OK",
        times: list[float] | None = None,
        location: str = "",
    ) -> None:
        if times is not None:
            times.append(time.monotonic() - since)
        if not self.transport.is_closing():
            head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n" % (code, len(body))
            if code.startswith(b"302"):
                head += b"Location: %s\r\n" % location.encode()
            self.transport.write(head + b"\r\n" + body)


async def watch(requests: RequestLog) -> None:
    """Note how late the event loop is: on a busy machine it reads requests as late."""
    while True:
        due = time.monotonic() + PERIOD
        await asyncio.sleep(PERIOD)
        requests.late = max(requests.late, time.monotonic() - due)


async def main() -> None:
    requests = RequestLog()
    loop = asyncio.get_running_loop()
    host = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
    server = await loop.create_server(lambda: Connection(requests), host, 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server, asyncio.TaskGroup() as group:
        group.create_task(watch(requests))
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

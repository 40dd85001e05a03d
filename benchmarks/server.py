"""A service that is fast enough not to be the bottleneck: `python benchmarks/server.py [PORT]`.

It prints its port, answers every request with two bytes, and counts the answers. /count returns the
number of answers and is not counted itself. /metrics has one counter.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "
ANSWER = HEAD + b"2\r\n\r\nok"
answers = 0


class Connection(asyncio.Protocol):
    """One connection; requests have no body and arrive in one piece."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for the answers."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        """Answer a request."""
        global answers  # noqa: PLW0603 - one number for one process
        if data.startswith(b"GET /count"):
            self._tell(str(answers))
        elif data.startswith(b"GET /metrics"):
            self._tell(f"# TYPE answers counter\nanswers_total {answers}\n")
        else:
            answers += 1
            self._transport.write(ANSWER)

    def _tell(self, text: str) -> None:
        self._transport.write(HEAD + f"{len(text)}\r\n\r\n{text}".encode())


async def main(port: int) -> None:
    """Serve until somebody ends the process."""
    server = await asyncio.get_running_loop().create_server(
        Connection, "127.0.0.1", port, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def served() -> Iterator[str]:
    """The URL of this service in a process of its own, for the length of the context."""
    command = [sys.executable, __file__]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def count(url: str) -> int:
    """The number of answers of the service."""
    with urllib.request.urlopen(f"{url}/count", timeout=10) as answer:
        return int(answer.read())


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))

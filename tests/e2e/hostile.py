"""A service that is ready, and does to each other request what its path says: GET /garbage.

python hostile.py PORT
"""

import asyncio
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable
from socket import SO_LINGER, SOL_SOCKET

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FROZEN = 5  # seconds
_MEGABYTE = bytes(2**20)

Writer = asyncio.StreamWriter


async def answer(writer: Writer) -> None:
    """What a healthy service does."""
    writer.write(OK)


async def freeze(writer: Writer) -> None:
    """Stop the whole process for a time, once."""
    writer.write(OK)
    if not hasattr(freeze, "done"):
        freeze.done = True  # type: ignore[attr-defined]
        pid = os.getpid()
        thaw = f"sleep 1; kill -STOP {pid}; sleep {FROZEN}; kill -CONT {pid}"
        subprocess.Popen(["sh", "-c", thaw])


async def garbage(writer: Writer) -> None:
    """Answer something that is not HTTP."""
    writer.write(b"\x16\x03\x01\x00\xff" * 40 + b"\r\n\r\n")
    writer.close()


async def reset(writer: Writer) -> None:
    """Close the connection by a reset."""
    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def half_close(writer: Writer) -> None:
    """Promise a body, send a part of it, and close this direction only."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    writer.write_eof()
    await asyncio.sleep(30)


async def redirect(writer: Writer) -> None:
    """Redirect to the same place."""
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: /redirects\r\nContent-Length: 0\r\n\r\n")


async def flood(writer: Writer) -> None:
    """Send a body of 100 MB."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (100 * len(_MEGABYTE)))
    for _ in range(100):
        writer.write(_MEGABYTE)
        await writer.drain()


async def silence(writer: Writer) -> None:
    """Never answer."""
    await asyncio.sleep(3600)


async def late(writer: Writer) -> None:
    """Answer after half a minute."""
    await asyncio.sleep(30)
    writer.write(OK)


BEHAVIOURS: dict[str, Callable[[Writer], Awaitable[None]]] = {
    "frozen": freeze,
    "garbage": garbage,
    "resets": reset,
    "half-closes": half_close,
    "redirects": redirect,
    "floods": flood,
    "silent": silence,
    "late": late,
}


BEHAVIOURS_AND_READY = {"ready": answer, **BEHAVIOURS}


async def serve(port: int) -> None:
    """Serve until SIGTERM."""

    async def connected(reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                path = request.split()[1].decode().removeprefix("/")
                await BEHAVIOURS_AND_READY[path](writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, os._exit, 0)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))

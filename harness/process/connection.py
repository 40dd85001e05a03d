"""One end of a socket pair whose other end may close at any moment."""

from __future__ import annotations

import asyncio
import socket

_CHUNK = 2**18  # bytes


class Connection:
    """Sends and receives bytes; what the peer sent before it closed is received in any case.

    A stream of asyncio drops what it has not yet delivered once a write fails. A harness that was
    stopped for some seconds finds last messages to read, and a closed peer to write to.

    Args:
        end: The socket; it is owned by the connection.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._sending = asyncio.Lock()
        self._received = bytearray()

    async def send(self, data: bytes) -> None:
        """Send bytes. When the peer has closed, nothing happens: `receive` says so."""
        loop = asyncio.get_running_loop()
        async with self._sending:
            try:
                await loop.sock_sendall(self._socket, data)
            except OSError:
                return

    async def receive(self) -> bytes:
        """The next bytes; empty once the peer has closed and everything was received."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.sock_recv(self._socket, _CHUNK)
        except OSError:
            return b""

    async def receive_line(self) -> bytes:
        """The next line with its line feed; what is left, or nothing, once the peer has closed."""
        while b"\n" not in self._received:
            data = await self.receive()
            if not data:
                break
            self._received += data
        line, feed, rest = self._received.partition(b"\n")
        self._received = bytearray(rest)
        return bytes(line + feed)

    def close(self) -> None:
        """Close the socket; does nothing the second time."""
        if (fd := self._socket.fileno()) >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(fd)  # of a `receive` that was cancelled just now
            loop.remove_writer(fd)
            self._socket.close()

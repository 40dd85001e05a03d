"""A server that answers every request with 200 and some JSON. Run as `python stub.py PORT`."""

import asyncio
import re
import sys

BODY = (
    b'{"id": 1, "token": "t", "access": "t", "access_token": "t", "status": "ok",'
    b' "items": [{"id": 1}], "data": [{"id": 1}], "result": {"id": 1}}'
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
    BODY
)


class Connection(asyncio.Protocol):
    """One client."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer each complete request."""
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, rest = self.buffer.split(b"\r\n\r\n", 1)
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return
            self.buffer = rest[size:]
            self.transport.write(ANSWER if head.startswith(b"HEAD") else ANSWER + BODY)


async def main() -> None:
    """Serve until the process ends."""
    server = await asyncio.get_running_loop().create_server(
        Connection, "127.0.0.1", int(sys.argv[1])
    )
    await server.serve_forever()


asyncio.run(main())

"""A server that keeps the time at which the kernel received each GET of /x, by `SO_TIMESTAMPNS`.

The times show the arrivals as the service gets them, whatever this server does meanwhile. GET /gaps
returns them as JSON, in seconds since the epoch, and begins anew. Prints its port.
"""

from __future__ import annotations

import json
import selectors
import socket
import struct
from typing import Final

SO_TIMESTAMPNS: Final = 35  # the same number is the type of the control message, socket(7)
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"
_STAMP: Final = struct.Struct("ll")  # struct timespec


def serve() -> None:
    """Serve until killed."""
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    print(listener.getsockname()[1], flush=True)
    stamps: list[float] = []
    while True:
        for key, _ in selector.select():
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            if sock is listener:
                selector.register(_accepted(listener), selectors.EVENT_READ)
            elif not _answer(sock, stamps):
                selector.unregister(sock)
                sock.close()


def _accepted(listener: socket.socket) -> socket.socket:
    sock, _ = listener.accept()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _answer(sock: socket.socket, stamps: list[float]) -> bool:
    """Answer one request; whether the connection is still open."""
    try:
        data, control, _, _ = sock.recvmsg(65536, 64)
    except BlockingIOError:
        return True
    except OSError:
        return False
    if data.startswith(b"GET /gaps"):
        body = json.dumps(stamps).encode()
        stamps.clear()
        sock.setblocking(True)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        sock.setblocking(False)
        return True
    if data.startswith(b"GET /x"):
        for _, kind, value in control:
            if kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = _STAMP.unpack(value)
                stamps.append(seconds + nanoseconds * 1e-9)
    if data:
        sock.send(ANSWER)
    return bool(data)


if __name__ == "__main__":
    serve()

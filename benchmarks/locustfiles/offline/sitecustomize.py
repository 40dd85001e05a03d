"""Imported by each Python process of a comparison: it can reach only this machine."""

import socket
from typing import Any

_connect: Any = socket.socket.connect
_resolve: Any = socket.getaddrinfo
_LOCAL = {"127.0.0.1", "::1", "localhost", "", None}


def connect(self: Any, address: Any) -> Any:
    """Refuse other addresses."""
    if isinstance(address, tuple) and address[0] not in _LOCAL:
        raise ConnectionRefusedError(f"{address[0]} is not this machine")
    return _connect(self, address)


def getaddrinfo(host: Any, *args: Any, **more: Any) -> Any:
    """Refuse other names."""
    text = host.decode() if isinstance(host, bytes) else host
    if text not in _LOCAL:
        raise socket.gaierror(f"{text} is not this machine")
    return _resolve(host, *args, **more)


socket.socket.connect = connect  # type: ignore[method-assign]
socket.getaddrinfo = getaddrinfo

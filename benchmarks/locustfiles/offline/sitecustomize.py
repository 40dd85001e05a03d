"""Imported by each Python process of a comparison: it can reach only this machine."""

import socket
from contextlib import suppress
from typing import Any

_LOCAL = {"127.0.0.1", "::1", "localhost", "", None}


def _is_local(host: Any) -> bool:
    return (host.decode() if isinstance(host, bytes) else host) in _LOCAL


def _refuse_connections(kind: Any) -> None:
    original = kind.connect

    def connect(self: Any, address: Any) -> Any:
        if isinstance(address, tuple) and not _is_local(address[0]):
            raise ConnectionRefusedError(f"{address[0]} is not this machine")
        return original(self, address)

    kind.connect = connect


def _refuse_names(owner: Any) -> None:
    original = owner.getaddrinfo

    def getaddrinfo(*args: Any, **more: Any) -> Any:
        host = args[0 if owner is socket else 1]  # the method of a class gets `self` first
        if not _is_local(host):
            raise socket.gaierror(socket.EAI_NONAME, f"{host} is not this machine")
        return original(*args, **more)

    owner.getaddrinfo = getaddrinfo


_refuse_connections(socket.socket)
_refuse_names(socket)
with suppress(ImportError):  # gevent, which Locust uses, has its own
    import gevent.socket
    from gevent.resolver.thread import Resolver

    _refuse_connections(gevent.socket.socket)
    _refuse_names(Resolver)

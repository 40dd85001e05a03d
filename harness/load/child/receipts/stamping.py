"""Inside the generator: lets the HTTP clients of Locust read plain HTTP by stamped sockets.

TLS reads its connections itself, without the stamps.
"""

from __future__ import annotations

from typing import Any

import gevent.socket
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from harness.load.child.receipts.clock import stamp
from harness.load.child.receipts.sockets import LAST, StampedSocket

_MOST_SELECTED = 1024  # descriptors, select(2); geventhttpclient renews connections above it


def install() -> None:
    """Let the clients make stamped sockets; a second call has no effect."""
    if not hasattr(HTTPConnection.connect, "stamps"):
        _install_in_geventhttpclient()
        _install_in_urllib3()


def _install_in_geventhttpclient() -> None:
    """For FastHttpUser, and for what FastUser does not do itself: it reads by `recv`."""
    pool: Any = ConnectionPool
    create, get = pool._create_tcp_socket, pool.get_socket  # noqa: SLF001 - made to be overridden
    is_alive = pool._is_socket_alive  # noqa: SLF001 - there is no public access

    def create_stamped(self: Any, *family: Any) -> Any:
        made = create(self, *family)
        if not isinstance(self, SSLConnectionPool):
            _stamp(made)
        return made

    def get_socket(self: Any) -> Any:
        LAST.put(None)  # of an earlier exchange, e.g. of an answer that redirects
        return get(self)

    def is_silent(self: Any, sock: Any) -> bool:
        if type(sock) is StampedSocket and 0 <= sock.fileno() < _MOST_SELECTED:
            return sock.is_silent()
        return bool(is_alive(self, sock))

    pool._create_tcp_socket, pool.get_socket = create_stamped, get_socket  # noqa: SLF001
    pool._is_socket_alive = is_silent  # noqa: SLF001


def _install_in_urllib3() -> None:
    """For HttpUser, whose library requests uses urllib3: it reads by `recv_into`.

    A connection for https has a `connect` of its own, and the same `putrequest`. It connects before
    the request begins, e.g. after an answer that redirects to it.
    """
    connection: Any = HTTPConnection
    tls: Any = HTTPSConnection
    original, put, connect_tls = connection.connect, connection.putrequest, tls.connect

    def connect(self: Any) -> None:
        original(self)
        _stamp(self.sock)

    def putrequest(self: Any, *args: Any, **kwargs: Any) -> None:
        LAST.put(None)  # of an earlier exchange
        put(self, *args, **kwargs)

    def connect_over_tls(self: Any) -> None:
        LAST.put(None)  # of an earlier exchange
        connect_tls(self)

    connect.stamps = True  # type: ignore[attr-defined]
    connection.connect, connection.putrequest = connect, putrequest
    tls.connect = connect_over_tls


def _stamp(sock: Any) -> None:
    if type(sock) is gevent.socket.socket and stamp(sock):
        sock.__class__ = StampedSocket

"""The clients of Locust read plain HTTP by stamped sockets, and no stamp outlives its exchange."""

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent import socket
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from harness.load.child.receipts.clock import stamp
from harness.load.child.receipts.sockets import LAST, StampedSocket
from harness.load.child.receipts.stamping import install

install()


@pytest.fixture
def connection() -> Iterator[HTTPConnection]:
    """A connection to a server that answers one request, with sockets of gevent as in Locust."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                assert peer.recv(10_000).endswith(b"\r\n\r\n")
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        answering = gevent.spawn(answer)
        found = HTTPConnection(*server.getsockname())
        yield found
        found.close()
        answering.kill()


def connect(connection: HTTPConnection, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The socket of a connection that is made by gevent."""
    monkeypatch.setattr("socket.socket", socket.socket)
    connection.connect()
    return connection.sock


def test_connection_of_urllib3_reads_by_a_stamped_socket(
    connection: HTTPConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sock = connect(connection, monkeypatch)
    assert type(sock) is (StampedSocket if stamp(sock) else socket.socket)
    connection.request("GET", "/")
    assert connection.getresponse().data == b"ok"


def test_connection_on_a_system_without_stamps_keeps_its_socket(
    connection: HTTPConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert type(connect(connection, monkeypatch)) is socket.socket


@pytest.mark.parametrize("kind", [HTTPConnection, HTTPSConnection])
def test_stamp_of_an_earlier_exchange_is_gone_when_another_begins(
    kind: type[HTTPConnection],
) -> None:
    LAST.put((1.0, 2.0))
    assert LAST.get() == (1.0, 2.0)
    kind("localhost").putrequest("GET", "/")  # sends nothing yet
    assert LAST.get() is None


def test_stamp_of_an_earlier_exchange_is_gone_when_a_connection_over_tls_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    LAST.put((1.0, 2.0))
    with pytest.raises(NewConnectionError):
        HTTPSConnection(*address).connect()
    assert LAST.get() is None

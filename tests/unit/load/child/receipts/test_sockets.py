"""A stamped socket does what gevent's socket does, and keeps the kernel's times."""

import errno
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import gevent
import pytest
from gevent import socket

from harness.load.child.receipts.clock import stamp
from harness.load.child.receipts.sockets import LAST, StampedSocket

ONLY_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="stamps are Linux's")
PATIENCE = 60.0  # seconds; only a hang takes that long
LARGE = b"x" * 20_000_000  # more than the kernel's buffers hold


@contextmanager
def connected(kind: type[Any]) -> Iterator[tuple[Any, Any]]:
    """A client of this class with a timeout, and its server's end."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=PATIENCE) as client,
    ):
        peer, _ = server.accept()
        peer.settimeout(PATIENCE)
        with peer:
            if kind is StampedSocket:
                stamp(client)
                client.__class__ = StampedSocket
            yield client, peer


def readable(client: Any) -> None:
    """Wait until there is something to read, or the end of the connection."""
    socket.wait_read(client.fileno(), timeout=PATIENCE)


def asked(client: Any, peer: Any) -> None:
    client.sendall(b"ask")
    assert peer.recv(3) == b"ask"


def answered_in_parts(client: Any, peer: Any) -> object:
    asked(client, peer)
    gevent.spawn_later(0.01, peer.sendall, b"answer")
    return [client.recv(4), client.recv(100)]


def answered_before_the_reading(client: Any, peer: Any) -> object:
    asked(client, peer)
    peer.sendall(b"answer")
    gevent.sleep(0.01)
    return [client.recv(2, socket.MSG_PEEK), client.recv(100)]


def read_without_a_request(client: Any, peer: Any) -> object:
    gevent.spawn_later(0.01, peer.sendall, b"hello")
    return client.recv(100)


def ended(client: Any, peer: Any) -> object:
    asked(client, peer)
    peer.close()
    return client.recv(100)


def reset(client: Any, peer: Any) -> object:
    client.sendall(b"not read")
    assert peer.recv(100, socket.MSG_PEEK)
    peer.close()
    return client.recv(100)


def timed_out(client: Any, peer: Any) -> object:
    client.settimeout(0.02)
    asked(client, peer)
    return client.recv(100)


def without_a_timeout(client: Any, peer: Any) -> object:
    client.settimeout(None)
    asked(client, peer)
    gevent.spawn_later(0.01, peer.sendall, b"answer")
    return client.recv(100)


def not_blocking(client: Any, peer: Any) -> object:
    client.setblocking(False)
    client.sendall(b"ask")
    return client.recv(100)


def closed_before(client: Any, _: Any) -> object:
    client.sendall(b"ask")
    client.close()
    return client.recv(100)


def closed_by_another_greenlet(client: Any, peer: Any) -> object:
    asked(client, peer)
    gevent.spawn_later(0.01, client.close)
    return client.recv(100)


def read_by_two_greenlets(client: Any, peer: Any) -> object:
    asked(client, peer)
    other = gevent.spawn(client.recv, 100)
    gevent.sleep(0.01)
    try:
        return client.recv(100)
    finally:
        peer.sendall(b"answer")
        assert other.get() == b"answer"


def killed(client: Any, peer: Any) -> object:
    asked(client, peer)
    reader = gevent.spawn(client.recv, 100)
    gevent.sleep(0.01)
    reader.kill()
    peer.sendall(b"answer")
    return [type(reader.value).__name__, client.recv(100)]


def sent(data: Any) -> Callable[[Any, Any], object]:
    def received(peer: Any) -> int:
        total = 0
        while part := peer.recv(1 << 20):
            total += len(part)
        return total

    def send(client: Any, peer: Any) -> object:
        reader = gevent.spawn(received, peer)
        result = client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return [result if data else None, reader.get(timeout=PATIENCE)]

    return send


def sent_without_a_reader(client: Any, _: Any) -> object:
    client.settimeout(0.05)
    return client.sendall(LARGE)


def sent_to_a_closed_connection(client: Any, peer: Any) -> object:
    client.sendall(b"not read")
    assert peer.recv(100, socket.MSG_PEEK)
    peer.close()
    readable(client)
    client.sendall(b"more")
    return client.sendall(b"more")


CASES = [
    *(answered_in_parts, answered_before_the_reading, read_without_a_request, ended, reset),
    *(timed_out, without_a_timeout, not_blocking, closed_before, closed_by_another_greenlet),
    *(read_by_two_greenlets, killed, sent_without_a_reader, sent_to_a_closed_connection),
]
SENT = [b"request", b"", bytearray(b"array"), memoryview(b"view"), "text", None]


class ReadsInto:
    """A client that reads into a buffer, or into its beginning."""

    def __init__(self, client: Any, more: int = 0) -> None:
        self._client, self._more = client, more

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def recv(self, size: int, flags: int = 0) -> bytes:
        buffer = bytearray(size + self._more)
        count = self._client.recv_into(buffer, size if self._more else 0, flags)
        return bytes(buffer[:count])


READS = {
    "recv": lambda client: client,
    "recv_into": ReadsInto,
    "recv_into a part": partial(ReadsInto, more=1),
}


@pytest.mark.parametrize("reads", [pytest.param(READS[name], id=name) for name in READS])
@pytest.mark.parametrize(
    "case",
    [
        *(pytest.param(case, id=case.__name__) for case in CASES),
        *(pytest.param(sent(data), id=f"sent {str(data)[:9]}") for data in SENT),
    ],
)
def test_stamped_socket_does_what_the_socket_of_gevent_does(
    case: Callable[[Any, Any], object],
    reads: Callable[[Any], Any],
) -> None:
    results = []
    for kind in (socket.socket, StampedSocket):
        with connected(kind) as (client, peer):
            assert type(client) is kind
            try:
                results.append(repr(case(reads(client), peer)))
            except Exception as error:  # noqa: BLE001 - the result
                text = str(error) if isinstance(error, TimeoutError) else ""
                results.append(f"{type(error).__name__} {getattr(error, 'errno', '')} {text}")
    assert results[0] == results[1]


# In a process of its own, which ends at once: gevent may crash when a thread with a loop ends.
THREADS = """
import os, socket, threading
import gevent, gevent.socket
from harness.load.child.receipts.sockets import StampedSocket

server, peers = socket.create_server(("127.0.0.1", 0)), []

def serve():
    for answer in (b"answer", b"") * 2:
        peers.append(server.accept()[0])
        peers[-1].sendall(answer)

def ask(timeout):
    client = gevent.socket.create_connection(server.getsockname())
    client.settimeout(timeout)
    client.__class__ = StampedSocket
    client.sendall(b"ask")
    try:
        return str(client.recv(100))
    except TimeoutError as error:
        return str(error)

threading.Thread(target=serve, daemon=True).start()
timeouts = (30.0, 0.05)
print([ask(seconds) for seconds in timeouts])
print([gevent.get_hub().threadpool.apply(ask, (seconds,)) for seconds in timeouts], flush=True)
os._exit(0)
"""


def test_threads_wait_with_the_same_timeout_each_in_its_own_loop() -> None:
    command = [sys.executable, "-c", THREADS]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert ended.stdout.splitlines() == [str(["b'answer'", "timed out"])] * 2


class Counting:
    """A raw socket that counts its calls."""

    def __init__(self, raw: Any) -> None:
        self.raw, self.calls = raw, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self.raw, name)


def test_a_request_and_its_answer_are_two_calls() -> None:
    with connected(StampedSocket) as (client, peer):
        client._sock = counting = Counting(client._sock)
        gevent.spawn_later(0.01, peer.sendall, b"answer")
        client.sendall(b"ask")
        assert client.recv(100) == b"answer"
        client._sock = counting.raw
    assert counting.calls == {"send": 1, "recvmsg": 1}


class Short(Counting):
    """A raw socket that takes nothing at first, or at most ten bytes at once."""

    def __init__(self, raw: Any, *, full: bool) -> None:
        super().__init__(raw)
        self.full = full

    def send(self, data: Any, flags: int = 0) -> int:
        if self.full:
            self.full = False
            raise BlockingIOError(errno.EAGAIN, "full")
        return int(self.raw.send(memoryview(data)[:10], flags))


@pytest.mark.parametrize("full", [False, True])
def test_request_that_the_kernel_takes_in_parts_arrives_complete(full: bool) -> None:
    request = bytes(range(101))
    with connected(StampedSocket) as (client, peer):
        client._sock = short = Short(client._sock, full=full)
        client.sendall(request)
        client._sock = short.raw
        client.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: peer.recv(1000), b"")) == request


@pytest.mark.parametrize(("data", "silent"), [(b"", True), (b"x", False)])
def test_idle_connection_is_silent_until_something_can_be_read(data: bytes, silent: bool) -> None:
    with connected(StampedSocket) as (client, peer):
        peer.sendall(data)
        if data:
            readable(client)
        assert client.is_silent() is silent
        peer.close()
        readable(client)
        assert not client.is_silent()


@ONLY_LINUX
@pytest.mark.parametrize(
    "reading",
    [
        lambda client: client.recv(100),
        lambda client: bytes(100)[: client.recv_into(bytearray(100))],
    ],
    ids=["recv", "recv_into"],
)
def test_receipt_of_the_last_bytes_is_that_of_the_greenlet_that_read_them(
    reading: Callable[[Any], bytes],
) -> None:
    with connected(StampedSocket) as (client, peer):
        for _ in range(3000):  # the kernel begins to stamp some time after it was asked
            before = time.monotonic()
            client.sendall(b"ask")
            peer.sendall(b"answer")
            gevent.sleep(0.01)
            arrived = time.monotonic()
            assert len(reading(client)) == 6
            if LAST.get():
                break
        receipt = LAST.get()
        assert receipt is not None
        at, read = receipt
        assert before <= at <= arrived <= read <= time.monotonic()
        assert gevent.spawn(LAST.get).get() is None
        assert LAST.get() == receipt
        assert peer.recv(10_000)
        peer.close()
        assert reading(client) == b""
        assert LAST.get() is None

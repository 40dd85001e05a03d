"""Attacks on the port of the master; docs/load.md lists them with what they got."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from importlib.metadata import version
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
import zmq

from harness.load.protocol.authentication import MAX_MESSAGE, keys_of
from harness.load.protocol.frames import (
    Bye,
    Notice,
    Ready,
    Refused,
    Report,
    Stop,
    UserError,
    Welcome,
)
from harness.load.protocol.master import CHANNEL
from harness.load.protocol.workers import Hello, Ping, Pong, WorkerInfo
from tests.integration.load.master_process import (
    RUN,
    MasterProcess,
    Peer,
    ask_for_locustfile,
    assert_serves,
    frame,
    message,
    peer,
    read_to_end,
    with_secret,
)
from tests.integration.load.remote_workers import SECRET
from tests.servers import PATIENCE

pytestmark = pytest.mark.traced
LOCUST = version("locust")
HELLO = Hello(RUN, "machine", 1, {})
REPORT = Report(1.0, (), 10, 10, 0, 10, 10, 0, 0, 0.0, 1, None, 0, 0.1, 1)
FORGED = (
    message("client_ready", "2.47.0", "forger"),
    *(
        frame(one, "forger")
        for one in (HELLO, Ready(1), REPORT, UserError("forged"), Bye("forged"))
    ),
)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MasterProcess]:
    """One master for all attacks: it must stand them all."""
    with closing(MasterProcess(tmp_path_factory.mktemp("master"))) as process:
        yield process


def names_of_workers(master: MasterProcess) -> set[str]:
    return {one.name for one in master.frames if isinstance(one, WorkerInfo)}


def reported(master: MasterProcess) -> list[object]:
    """What reached the harness, without notices."""
    return [one for one in master.frames if not isinstance(one, Notice)]


# --- strangers -----------------------------------------------------------------------------------


def own_keys(dealer: Any) -> None:
    """Keys of a stranger who does not know those of the master."""
    dealer.curve_publickey, dealer.curve_secretkey = zmq.curve_keypair()
    dealer.curve_serverkey, _ = zmq.curve_keypair()


def own_keys_and_the_masters(dealer: Any) -> None:
    """Keys of a stranger who has found out the master's public key, which is not secret."""
    dealer.curve_publickey, dealer.curve_secretkey = zmq.curve_keypair()
    dealer.curve_serverkey = keys_of(SECRET).master.public


def a_password(dealer: Any) -> None:
    dealer.plain_username, dealer.plain_password = b"worker", SECRET.encode()


STRANGERS = {
    "without keys": lambda _: None,
    "with a password": a_password,
    "with keys of its own": own_keys,
    "with keys of its own and the master's public key": own_keys_and_the_masters,
    "with another secret": with_secret("fedcba9876543210" * 4),
}


@pytest.mark.parametrize("secure", STRANGERS.values(), ids=STRANGERS)
def test_stranger_gets_no_locustfile_and_reports_nothing(
    master: MasterProcess, secure: Callable[[Any], object]
) -> None:
    before = reported(master)
    with peer(master.port, secure) as stranger:
        stranger.send(ask_for_locustfile("stranger"), *FORGED)
        stranger.wait_for_event(zmq.Event.DISCONNECTED)
        assert not stranger.socket.poll(0)
    assert_serves(master)
    assert reported(master) == before
    master.wait_for(lambda one: isinstance(one, Notice) and "have the secret" in one.text)


# https://rfc.zeromq.org/spec/13/ and /15/: protocols without authentication.
OLD = {
    "ZMTP 1.0": b"\x01\x00",
    "ZMTP 2.0": b"\xff" + bytes(7) + b"\x01\x7f\x01\x05\x00\x00",
}
NULL_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
CURVE_GREETING = NULL_GREETING.replace(b"NULL\0", b"CURVE")
HUGE = b"\x06" + (2**40).to_bytes(8, "big")  # a command of a terabyte
RAW = {
    **{
        name: greeting + b"\x00" + bytes([len(question)]) + question
        for name, greeting in OLD.items()
        for question in [ask_for_locustfile("old")]
    },
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes(64),
    "no mechanism": NULL_GREETING + b"\x04\x05\x05READY",
    "a command that is too large": CURVE_GREETING + HUGE,
    "a message instead of a handshake": CURVE_GREETING + b"\x00\x05hello",
}


@pytest.mark.parametrize("sent", RAW.values(), ids=RAW)
def test_bytes_without_authentication_get_the_greeting_and_a_closed_connection(
    master: MasterProcess, sent: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", master.port), timeout=PATIENCE) as raw:
        with suppress(ConnectionError):
            raw.sendall(sent)
        assert len(read_to_end(raw)) <= len(CURVE_GREETING)
    assert_serves(master)


def test_slow_peers_are_closed_and_hold_up_nobody(master: MasterProcess) -> None:
    with ExitStack() as stack:
        *idle, slow = (
            stack.enter_context(
                socket.create_connection(("127.0.0.1", master.port), timeout=PATIENCE)
            )
            for _ in range(50)
        )
        closed = threading.Event()
        threading.Thread(target=drip, args=(slow, closed), daemon=True).start()
        assert_serves(master)
        for one in idle:
            assert len(read_to_end(one)) <= len(CURVE_GREETING)
        assert closed.wait(PATIENCE)
    assert_serves(master)


def drip(raw: socket.socket, closed: threading.Event) -> None:
    """Send a valid handshake, one byte every 0.2 s, until the connection is closed."""
    try:
        for byte in CURVE_GREETING + b"\x04\xc8" + bytes(200):
            raw.sendall(bytes([byte]))
            time.sleep(0.2)
    except OSError:
        closed.set()


# --- replay --------------------------------------------------------------------------------------


class Recorder:
    """A TCP proxy in front of the master that keeps what a worker sends, and can send it again."""

    def __init__(self, port: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pieces: list[bytes] = []
        self.ended = threading.Event()  # whether the master has closed the connection
        self.upstream = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        with self.listener:  # closed after one connection: the worker cannot connect again
            client, _ = self.listener.accept()
        forward = threading.Thread(target=self._forward, args=(client,))
        forward.start()
        with client, self.upstream:
            with suppress(OSError):
                while data := client.recv(65536):
                    self.pieces.append(data)
                    self.upstream.sendall(data)
                self.upstream.shutdown(socket.SHUT_RDWR)
            forward.join()

    def _forward(self, client: socket.socket) -> None:
        with suppress(OSError):
            while data := self.upstream.recv(65536):
                client.sendall(data)
        self.ended.set()
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def recorded(master: MasterProcess) -> Iterator[tuple[Recorder, Peer]]:
    """A worker that has asked for the locustfile through a recorder."""
    recorder = Recorder(master.port)
    with peer(recorder.port, with_secret()) as worker:
        worker.send(ask_for_locustfile("recorded"))
        assert worker.receive()[0] == "locustfile"
        yield recorder, worker
    recorder.thread.join(PATIENCE)


def test_recorded_connection_is_refused_when_it_is_sent_again(
    master: MasterProcess, recorded: tuple[Recorder, Peer]
) -> None:
    with socket.create_connection(("127.0.0.1", master.port), timeout=PATIENCE) as raw:
        for piece in recorded[0].pieces:
            with suppress(ConnectionError):
                raw.sendall(piece)
                time.sleep(0.02)
        answer = read_to_end(raw)
    assert len(answer) < 400  # greeting and the answer to the first command
    assert_serves(master)


def test_frame_that_is_sent_twice_ends_its_connection(
    master: MasterProcess, recorded: tuple[Recorder, Peer]
) -> None:
    recorder, worker = recorded
    recorder.upstream.sendall(recorder.pieces[-1])  # the question again, with the same nonce
    assert recorder.ended.wait(PATIENCE)
    assert not worker.socket.poll(0)  # no second answer
    assert_serves(master)


# --- peers with the secret -----------------------------------------------------------------------


def test_message_that_is_too_large_ends_its_connection_after_authentication(
    master: MasterProcess,
) -> None:
    with peer(master.port, with_secret()) as worker:
        worker.send(message("locustfile", bytes(MAX_MESSAGE), "large"))
        worker.wait_for_event(zmq.Event.DISCONNECTED)
        assert not worker.socket.poll(0)
    assert_serves(master)


def nested(times: int) -> bytes:
    inner: bytes = msgpack.packb([1])
    for _ in range(times):
        inner = msgpack.packb(msgpack.ExtType(3, inner))
    return inner


FAULTY = {
    "nothing": b"",
    "no msgpack": b"\xff\xff",
    "a number": b"\x01",
    "an array that announces 4 billion items": b"\xdd\xff\xff\xff\xff",
    "400 arrays that announce 2 million items": b"\xdd\x00\x1f\xff\xff" * 400
    + bytes(MAX_MESSAGE // 2),
    "an unknown kind": message({"a": 1}, None, "faulty"),
    "data that is no frame": message(CHANNEL, b"\xc1", "faulty"),
    "data that is not bytes": message(CHANNEL, {"a": 1}, "faulty"),
    "frames nested 2,000 deep": message(CHANNEL, nested(2000), "faulty"),
    "lists nested 5,000 deep": message(CHANNEL, b"\x91" * 5000, "faulty"),
    "a stop": frame(Stop(0.0), "faulty"),
    "a last frame": frame(Bye("of a faulty worker"), "faulty"),
    "a number as host name": frame(Hello(RUN, 5, 1, None), "faulty"),  # type: ignore[arg-type]
    "a message of Locust's workers": message("exception", {"msg": "a", "traceback": "t"}, "faulty"),
    # The last one: it is rejected, and its further messages are ignored.
    "a host name that is too long": frame(Hello("", "a" * 100_000, 1, {}), "faulty"),
}


def test_faulty_messages_of_a_worker_do_not_change_the_run(master: MasterProcess) -> None:
    with peer(master.port, with_secret()) as worker:
        worker.send(*FAULTY.values())
        refusal = worker.receive_frame(Refused)
    assert refusal.message == "it has no run id"
    notice = master.wait_for(lambda one: isinstance(one, Notice) and "no run id" in one.text)
    assert notice.text == f"a worker on {'a' * 100} was rejected: it has no run id"
    assert_serves(master)


def test_second_worker_of_the_same_name_is_refused_and_the_first_is_untouched(
    master: MasterProcess,
) -> None:
    before = names_of_workers(master)
    hello = frame(Hello(RUN, "machine", 1, {"locust": LOCUST}), "one")
    with peer(master.port, with_secret()) as first, peer(master.port, with_secret()) as second:
        first.send(message("client_ready", LOCUST, "one"), hello)
        index = first.receive_frame(Welcome).index
        second.send(message("client_ready", LOCUST, "one"), hello, frame(Bye("forged"), "one"))
        assert second.receive_frame(Refused).message == "another worker with its id is connected"
        while second.receive()[0] != "quit":
            pass
        for _ in range(10):  # the first goes on: it is asked for its clock, and is heard
            ping = first.receive_frame(Ping)
            first.send(frame(Pong(ping.at, ping.at), "one"))
        master.wait_for(lambda one: isinstance(one, WorkerInfo) and one.offset is not None)
        master.wait_for(lambda one: isinstance(one, Notice) and "a second worker" in one.text)
    assert names_of_workers(master) - before == {f"worker-{index + 1}"}


def test_worker_that_connects_again_keeps_its_name(master: MasterProcess) -> None:
    hello = frame(Hello(RUN, "machine", 2, {"locust": LOCUST}), "two")
    with peer(master.port, with_secret()) as worker:
        worker.send(message("client_ready", LOCUST, "two"), hello)
        name = f"worker-{worker.receive_frame(Welcome).index + 1}"
        master.wait_for(lambda one: isinstance(one, WorkerInfo) and one.name == name)
    names = names_of_workers(master)
    with peer(master.port, with_secret()) as worker:
        worker.send(message("heartbeat", {}, "two"))
        assert worker.receive_frame(Ping)
    assert names_of_workers(master) == names
    assert_serves(master)

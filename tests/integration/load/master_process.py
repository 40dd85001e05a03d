"""A real master on 127.0.0.1, and peers of it: with its keys, with other keys, with none."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]
import zmq
from zmq.utils.monitor import recv_monitor_message

from harness.budgets.workload import OpenWorkload, Stage
from harness.load.protocol.authentication import Keys, keys_of, secure_worker
from harness.load.protocol.frames import Decoder, Frame, Setup, encode
from harness.load.protocol.master import CHANNEL, WorkerPool
from harness.load.protocol.workers import Heartbeat, Listening
from tests.integration.load.remote_workers import SECRET

RUN = "run-7"
MARK = "only workers of this run read this line"  # in the locustfile
LOCUSTFILE = f"""# {MARK}
from locust import HttpUser, task
class Any(HttpUser):
    @task
    def get(self): self.client.get("/")
"""
WAIT = 60_000  # ms; only a hang takes that long


class MasterProcess:
    """A master that waits for two workers, and what it tells the harness.

    Attributes:
        port: Its port.
        frames: All frames that it has sent to the harness.
    """

    def __init__(self, folder: Path) -> None:
        self.frames: list[Frame] = []
        self.locustfile = folder / "scenario.py"
        self.locustfile.write_text(LOCUSTFILE)
        self._log = (folder / "master.log").open("wb")
        self._socket, other = socket.socketpair()
        with other:
            command = [sys.executable, "-P", "-m", "harness.load.child", str(other.fileno())]
            self.process = subprocess.Popen(
                command, pass_fds=[other.fileno()], stdout=self._log, stderr=self._log
            )
        workload = OpenWorkload((Stage(10, 60),), max_users=2)
        pool = WorkerPool("127.0.0.1", 0, 2, RUN, SECRET)
        self._socket.sendall(
            encode(Setup(str(self.locustfile), "http://127.0.0.1:9", workload, role=pool))
        )
        threading.Thread(target=self._receive, daemon=True).start()
        threading.Thread(target=self._send_heartbeats, daemon=True).start()
        self.port = self.wait_for(lambda frame: isinstance(frame, Listening)).port

    def wait_for(self, condition: Callable[[Any], object]) -> Any:
        """The first frame to the harness for which a condition holds."""
        deadline = time.monotonic() + WAIT / 1000
        while not (found := [frame for frame in list(self.frames) if condition(frame)]):
            assert time.monotonic() < deadline, self.frames
            time.sleep(0.01)
        return found[0]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._socket.close()
        self._log.close()

    def _receive(self) -> None:
        decoder: Decoder[Any] = Decoder()
        with suppress(OSError):
            while data := self._socket.recv(65536):
                self.frames += decoder.feed(data)

    def _send_heartbeats(self) -> None:
        while self.process.poll() is None:
            try:
                self._socket.sendall(encode(Heartbeat()))
            except OSError:
                return
            time.sleep(1.0)


def message(kind: object, data: object, name: str) -> bytes:
    return bytes(msgpack.packb((kind, data, name)))


def frame(one: Frame, name: str) -> bytes:
    return message(CHANNEL, encode(one), name)


def ask_for_locustfile(name: str) -> bytes:
    return message("locustfile", {"version": "2.47.0"}, name)


class Peer:
    """A socket that speaks to a master, and what ZeroMQ reports about its connection."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.monitor = socket.get_monitor_socket()

    def wait_for_event(self, event: zmq.Event) -> None:
        """Return once an event has happened."""
        while self.monitor.poll(WAIT):
            if recv_monitor_message(self.monitor)["event"] == event:
                return
        raise AssertionError(f"no {event}")

    def send(self, *messages: bytes) -> None:
        for one in messages:
            self.socket.send(one)

    def receive(self) -> tuple[str, Any]:
        """Type and data of the next message."""
        assert self.socket.poll(WAIT), "the master does not answer"
        kind, data, _ = msgpack.unpackb(self.socket.recv(), strict_map_key=False)
        return kind, data

    def receive_frame(self, kind: type[Any]) -> Any:
        """The next frame of a kind."""
        while True:
            name, data = self.receive()
            for one in Decoder[Any]().feed(data) if name == CHANNEL else ():
                if isinstance(one, kind):
                    return one


@contextmanager
def peer(port: int, secure: Callable[[Any], object] = lambda _: None) -> Iterator[Peer]:
    """A peer without keys, unless `secure` sets some."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        secure(dealer)
        one = Peer(dealer)
        with one.monitor:
            dealer.connect(f"tcp://127.0.0.1:{port}")
            yield one


def with_secret(secret: str = SECRET) -> Callable[[Any], None]:
    """Sets the keys of a worker."""
    keys: Keys = keys_of(secret)
    return lambda dealer: secure_worker(dealer, keys)


def assert_serves(master: MasterProcess, name: str = "a worker") -> None:
    """Check that a peer with the secret gets the locustfile."""
    with peer(master.port, with_secret()) as worker:
        worker.send(ask_for_locustfile(name))
        kind, data = worker.receive()
    assert kind == "locustfile"
    assert MARK in data["locustfiles"][-1]["contents"]


def read_to_end(raw: socket.socket) -> bytes:
    """All bytes until the other side closes the connection."""
    received = b""
    with suppress(ConnectionError):
        while data := raw.recv(65536):
            received += data
    return received

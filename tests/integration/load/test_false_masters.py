"""Attacks on a worker by a false master; docs/load.md lists them with what they got."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import zmq

from harness.cli import main
from harness.errors import GeneratorError
from harness.load import join
from harness.load.join import await_master
from harness.load.protocol import authentication
from tests.integration.load.master_process import RUN, read_to_end
from tests.integration.load.remote_workers import SECRET
from tests.servers import free_port

pytestmark = pytest.mark.traced


@contextmanager
def false_master(secure: Callable[[Any], object]) -> Iterator[tuple[int, Any]]:
    """A socket of ZeroMQ that waits for workers."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.linger = 0
        secure(router)
        yield router.bind_to_random_port("tcp://127.0.0.1"), router


def server_keys(router: Any) -> None:
    router.curve_publickey, router.curve_secretkey = zmq.curve_keypair()
    router.curve_server = True


def server_password(router: Any) -> None:
    router.plain_server = True


FALSE = {
    "without keys": lambda _: None,
    "with keys of its own": server_keys,
    "that asks for a password": server_password,
}


@pytest.mark.parametrize("secure", FALSE.values(), ids=FALSE)
def test_worker_sends_nothing_to_a_false_master_and_ends(
    secure: Callable[[Any], object],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(join, "PROOF_TIME", 0.5)
    path = tmp_path / "worker.secret"
    path.touch(0o600)
    path.write_text(SECRET)
    with false_master(secure) as (port, router):
        with pytest.raises(SystemExit) as end:
            main(["worker", "--master", f"127.0.0.1:{port}", "--worker-secret-file", str(path)])
        assert not router.poll(0)
    assert end.value.code == 4
    error = capsys.readouterr().err
    assert (
        f"the peer at 127.0.0.1:{port} did not prove that it is the master: it does not have"
        in error
    )
    assert "Give master and workers the same secret" in error


ANSWERS = {"closes": None, "is silent": b"", "sends garbage": bytes(range(256)) * 4}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_worker_gives_no_data_to_a_peer_that_is_no_master(
    answer: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join, "PROOF_TIME", 0.3)
    monkeypatch.setattr(authentication, "HANDSHAKE_TIME", 0.3)
    received: list[bytes] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    if answer is not None:
                        client.sendall(answer)
                        received.append(read_to_end(client))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(GeneratorError, match="did not prove that it is the master"):
            await_master("127.0.0.1", listener.getsockname()[1], SECRET, 30.0)
        listener.shutdown(socket.SHUT_RDWR)
    everything = b"".join(received)
    for value in (SECRET, socket.gethostname(), RUN):
        assert value.encode() not in everything
    assert len(everything) <= 64 * max(1, len(received))  # the greeting of ZeroMQ


def test_worker_without_a_master_ends_with_what_to_do() -> None:
    port = free_port()
    with pytest.raises(GeneratorError, match=f"no master answered at 127.0.0.1:{port} within 0 s"):
        await_master("127.0.0.1", port, SECRET, 0.3)

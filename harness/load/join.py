"""A worker on another machine: waits for its master, then becomes a Locust worker of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import NoReturn

import zmq
from zmq import Event
from zmq.utils.monitor import recv_monitor_message

from harness.errors import GeneratorError, UsageError
from harness.load.child_process import locust_environment
from harness.load.protocol.addresses import uses_ipv6
from harness.load.protocol.authentication import HANDSHAKE_TIME, keys_of, secure_worker
from harness.load.protocol.master import RUN_ID

PROOF_TIME = 2 * HANDSHAKE_TIME  # s from the first failed handshake until the worker gives up
_STEP = 100  # ms between two looks at the clock
_EVENTS = (
    Event.HANDSHAKE_SUCCEEDED
    | Event.HANDSHAKE_FAILED_AUTH
    | Event.HANDSHAKE_FAILED_PROTOCOL
    | Event.HANDSHAKE_FAILED_NO_DETAIL
    | Event.DISCONNECTED  # the only event for a peer of ZMTP 1
)


def await_master(host: str, port: int, secret: str, timeout: float) -> None:
    """Return once the master has proved that it has the secret.

    Until then nothing is sent but the handshake, which contains no data of this worker. A master
    may start later than its workers, so refused connections are repeated; a peer that cannot prove
    itself for `PROOF_TIME` is no master.

    Args:
        host: Address or name of the master.
        port: Port of the master.
        secret: The shared secret.
        timeout: Longest wait for a connection, seconds.

    Raises:
        GeneratorError: Nobody answers in time, or the peer cannot prove itself.
        UsageError: The address is none, or the installed ZeroMQ has no CURVE.
    """
    keys = keys_of(secret)
    now = time.monotonic()
    deadline, proof_deadline = now + timeout, float("inf")
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        secure_worker(socket, keys)
        socket.setsockopt(zmq.IPV6, int(uses_ipv6(host, port)))
        with socket.get_monitor_socket(_EVENTS) as monitor:
            try:
                socket.connect(f"tcp://{host}:{port}")
            except zmq.ZMQError as error:
                raise UsageError(
                    f"{host}:{port} is not an address: {error}",
                    "Write the address of the machine that judges: --master 10.0.0.5:5557.",
                ) from error
            while now < min(deadline, proof_deadline):
                if monitor.poll(_STEP):
                    event = recv_monitor_message(monitor)["event"]
                    if event == Event.HANDSHAKE_SUCCEEDED:
                        return
                    proof_deadline = min(proof_deadline, now + PROOF_TIME)
                now = time.monotonic()
    if now >= proof_deadline:
        raise GeneratorError(
            f"the peer at {host}:{port} did not prove that it is the master: it does not have "
            "the secret of this worker",
            "Give master and workers the same secret, and check the address. "
            "This worker has sent it nothing.",
        )
    raise GeneratorError(
        f"no master answered at {host}:{port} within {timeout:.0f} s",
        "Start it with `harness run --expect-workers N`, and check the address and the firewall.",
    )


def become_worker(
    host: str, port: int, secret: str, run_id: str, environment: Mapping[str, str]
) -> NoReturn:
    """Replace this process by a Locust worker of the master.

    The secret is passed in a pipe, which no other process can read.
    """
    reader, writer = os.pipe()
    os.write(writer, secret.encode())
    os.close(writer)
    os.set_inheritable(reader, True)
    module = "harness.load.child.distributed.remote"
    # -P: a folder `locust` in the current folder must not hide the package.
    command = [sys.executable, "-P", "-m", module, str(reader), host, str(port)]
    kept = locust_environment(environment) | {RUN_ID: run_id}
    os.execve(sys.executable, command, kept)  # noqa: S606 - no shell is needed

"""Locust's sockets between master and workers, authenticated.

Locust creates its sockets by `zmqrpc.Server` and `zmqrpc.Client`, which accept any peer. `install`
replaces both in this process.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import gevent
import msgpack  # type: ignore[import-untyped]
import zmq.green as zmq
from locust.exception import RPCError, RPCReceiveError
from locust.rpc import Message, zmqrpc
from locust.rpc.protocol import decode
from zmq import Event, strerror
from zmq.error import ZMQError
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

from harness.errors import UsageError
from harness.load.child.locustfile.refusal import RefusalError
from harness.load.protocol.addresses import uses_ipv6
from harness.load.protocol.authentication import (
    MAX_MESSAGE,
    Keys,
    keys_of,
    secure_master,
    secure_worker,
)
from harness.load.protocol.frames import MAX_ITEMS

_ZAP = "inproc://zeromq.zap.01"  # https://rfc.zeromq.org/spec/27/
# Not HANDSHAKE_FAILED_PROTOCOL: libzmq 4.3.5 does not close a connection whose frame was sent
# before, while somebody waits for that event (the event changes errno).
_EVENTS = Event.ACCEPTED | Event.HANDSHAKE_SUCCEEDED
_PAUSE = 0.01  # s after each event: many connections must not use the CPU


def install(secret: str) -> None:
    """Make Locust use authenticated sockets in this process, with keys from the shared secret.

    Raises:
        RefusalError: The installed ZeroMQ cannot authenticate.
    """
    try:
        keys = keys_of(secret)
    except UsageError as error:
        raise RefusalError(error.message, error.hint) from error
    rpc: Any = zmqrpc
    rpc.Server = partial(MasterSocket, keys)
    rpc.Client = partial(WorkerSocket, keys)


class WorkerSocket(zmqrpc.BaseSocket):
    """The socket of a worker, which talks only to a master with the keys.

    The name of the worker is in its messages. Its socket has no identity: the master names it.
    """

    def __init__(self, keys: Keys, host: str, port: int, _: str) -> None:
        ipv4_only = not uses_ipv6(host, port)
        super().__init__(zmq.DEALER, ipv4_only)  # type: ignore[no-untyped-call]
        secure_worker(self.socket, keys)
        self.socket.connect(f"tcp://{host}:{port}")

    def recv(self) -> Message:
        """The next message of the master.

        Raises:
            RPCError: The socket is closed, or the message cannot be read.
        """
        try:
            data = self.socket.recv()
        except ZMQError as error:
            raise RPCError("ZMQ network broken") from error
        try:
            return _message(data)
        except RPCReceiveError as error:
            raise RPCError(str(error)) from error


class MasterSocket(zmqrpc.BaseSocket):
    """The socket of a master, which hears only workers with the keys.

    A connection has the name that its first message contains, as long as it lasts. A second
    connection with the same name gets another one here, so that its messages are never taken for
    those of the first.

    Attributes:
        unproven: How many connections have not authenticated so far; the last ones still may.
    """

    def __init__(self, keys: Keys, host: str, port: int) -> None:
        ipv4_only = not uses_ipv6(host, port)
        super().__init__(zmq.ROUTER, ipv4_only)  # type: ignore[no-untyped-call]
        self.unproven = 0
        self._connections: dict[str, bytes] = {}  # by name
        self._names: dict[bytes, str] = {}  # by connection
        secure_master(self.socket, keys)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # sending tells whether a worker is there
        self._zap = self.socket.context.socket(zmq.REP)
        self._zap.bind(_ZAP)
        self._monitor = self.socket.get_monitor_socket(_EVENTS)
        self._greenlets = [
            gevent.spawn(self._authenticate, z85.decode(keys.worker.public)),
            gevent.spawn(self._count_connections),
        ]
        try:
            self.port = port or self.socket.bind_to_random_port(f"tcp://{host}")
            if port:
                self.socket.bind(f"tcp://{host}:{port}")
        except ZMQError as error:
            self.close(linger=0)
            raise RPCError(f"Socket bind failure: {strerror(error.errno or 0)}") from error

    def recv_from_client(self) -> tuple[str, Message]:
        """The next message, and the name of its sender.

        Raises:
            RPCReceiveError: The message cannot be read.
            RPCError: The socket is closed.
        """
        try:
            connection, data, *_ = self.socket.recv_multipart()
        except ZMQError as error:
            raise RPCError("ZMQ network broken") from error
        message = _message(data)
        return self._name(connection, str(message.node_id)), message

    def send_to_client(self, msg: Message) -> None:
        """Send a message to the worker that it names.

        It is dropped when the worker has gone, or does not read: a worker that does not answer is
        lost after seconds, and must not hold up the messages for the others.
        """
        connection = self._connections.get(msg.node_id)
        if connection is not None:
            self._send(connection, msg)

    def close(self, linger: int | None = None) -> None:
        """Close the socket and end its authentication."""
        gevent.killall(self._greenlets)
        self.socket.disable_monitor()
        self._zap.close(linger=0)
        super().close(linger=linger)  # type: ignore[no-untyped-call]

    def _name(self, connection: bytes, given: str) -> str:
        if connection not in self._names:
            known = self._connections.get(given)
            if known is not None and self._is_connected(known, given):
                given = f"{given} (second: {connection.hex()})"
            elif known is not None:  # the worker has connected again
                del self._names[known]
            self._names[connection] = given
            self._connections[given] = connection
        return self._names[connection]

    def _is_connected(self, connection: bytes, name: str) -> bool:
        probe = Message("heartbeat", None, name)  # type: ignore[no-untyped-call]
        return self._send(connection, probe)

    def _send(self, connection: bytes, message: Message) -> bool:
        """Send a message or drop it; returns whether the connection exists."""
        data = message.serialize()  # type: ignore[no-untyped-call]
        try:
            self.socket.send_multipart([connection, data], zmq.NOBLOCK)
        except ZMQError as error:
            return bool(error.errno == zmq.EAGAIN)
        return True

    def _authenticate(self, allowed: bytes) -> None:
        """Answer ZeroMQ's questions about the keys of peers: only one key is allowed."""
        while True:
            version, request, *_, mechanism, key = self._zap.recv_multipart()
            good = mechanism == b"CURVE" and key == allowed
            status = (b"200", b"OK") if good else (b"400", b"unknown key")
            self._zap.send_multipart([version, request, *status, b"", b""])

    def _count_connections(self) -> None:
        while True:
            event = recv_monitor_message(self._monitor)["event"]
            self.unproven += 1 if event == Event.ACCEPTED else -1
            gevent.sleep(_PAUSE)


def _message(data: bytes) -> Message:
    """The Locust message in a frame; its size in memory is bounded.

    Raises:
        RPCReceiveError: It cannot be read.
    """
    try:
        if len(data) > MAX_MESSAGE:
            raise ValueError(f"over {MAX_MESSAGE} bytes")
        fields = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=False,
            object_hook=decode,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
        )
        return Message(*fields)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise RPCReceiveError(f"a message cannot be read: {error!r}") from error

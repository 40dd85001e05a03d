"""Inside the master: Locust's own master runner, with a membership that the harness controls.

Stock Locust takes in whoever connects, at any time, hands the users of a silent worker to the
others a minute later, and takes it back when it speaks again: one run, several load levels. Here
nobody gets users or is listened to before it has been admitted, and who has left stays away.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, islice, takewhile
from pathlib import Path
from typing import Any

import gevent
from locust import User
from locust.env import Environment
from locust.exception import RPCError
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerNode

from harness.load.child.distributed.bundle import bundle
from harness.load.child.locustfile import EvenDispatcher, RefusalError
from harness.load.protocol.frames import Decoder, Frame, Setup, encode
from harness.load.protocol.master import CHANNEL, WorkerPool

NAMELESS = 10.0  # s that a worker has to introduce itself

_logger = logging.getLogger(__name__)


class FairDispatcher(EvenDispatcher):
    """Gives each worker its share of every user class.

    Locust deals users out in turn, whatever their class: of two classes of one weight, one of two
    workers gets all of the first and the other all of the second.
    """

    def _add_users_on_workers(self) -> dict[str, dict[str, int]]:
        name = next(self._user_generator)
        if name:
            self._deal(name, self._users_on_workers, self._active_users)
            self._current_user_count += 1
        self._no_user_to_spawn = not name  # all have a fixed_count and are there
        return self._users_on_workers

    def _distribute_users(self, target_user_count: int) -> Any:
        users = self._user_gen()
        dealt: dict[str, dict[str, int]] = {
            node.id: {c.__name__: 0 for c in self._original_user_classes}
            for node in self._worker_nodes
        }
        active: list[tuple[WorkerNode, str]] = []
        for name in takewhile(bool, islice(users, target_user_count)):
            self._deal(str(name), dealt, active)
        return dealt, users, cycle(self._worker_nodes), active

    def _deal(
        self, name: str, dealt: dict[str, dict[str, int]], active: list[tuple[WorkerNode, str]]
    ) -> None:
        def burden(node: WorkerNode) -> tuple[int, int]:
            return dealt[node.id][name], sum(dealt[node.id].values())

        node = min(self._worker_nodes, key=burden)
        dealt[node.id][name] += 1
        active.append((node, name))


class GatedMasterRunner(MasterRunner):
    """A master runner whose members `master` admits and expels.

    Attributes:
        on_frame: Called with each frame of ours, and with who sent it: a member or not.
        on_gone: Called with a member that says that it leaves.
        on_stranger: Called with one that connected and did not introduce itself.
        shipped: What is put before the locustfile of a worker that asks for it.
    """

    def __init__(
        self, environment: Environment, master_bind_host: str, master_bind_port: int
    ) -> None:
        self.on_frame: Callable[[str, Frame], None] = lambda _, __: None
        self.on_gone: Callable[[str], None] = lambda _: None
        self.on_stranger: Callable[[str], None] = lambda _: None
        self._nameless: dict[str, float] = {}  # since when
        self._turned_away: set[str] = set()
        self.shipped = ""
        super().__init__(environment, master_bind_host, master_bind_port)

    # --- membership ---------------------------------------------------------------------------

    def admit(self, client_id: str) -> None:
        """Make it a member: it gets users from now on."""
        self._nameless.pop(client_id, None)
        self.clients[client_id] = WorkerNode(client_id)
        fire: Any = self.environment.events.worker_connect.fire
        fire(client_id=client_id)

    def expel(self, client_id: str) -> None:
        """Tell it to quit, for ever; what it may still say is not heard."""
        node = self.clients.pop(client_id, None)
        self._nameless.pop(client_id, None)
        self._turned_away.add(client_id)
        if node is not None and self._users_dispatcher is not None:
            self._users_dispatcher.remove_worker(node)
        self._send_quit(client_id)

    def redistribute(self) -> None:
        """Hand the users of those that were expelled to those that are left."""
        ramp = self.spawning_greenlet
        # One that is under way looks at who is left by itself. (A greenlet that is ready is false.)
        if self.clients and ramp is not None and ramp.ready():
            self.start(self.target_user_count, self.spawn_rate)

    def tell(self, client_id: str, frame: Frame) -> None:
        """Send a frame of ours."""
        self.send_message(CHANNEL, encode(frame), client_id)  # type: ignore[arg-type]

    # --- what Locust calls --------------------------------------------------------------------

    def start(
        self,
        user_count: int,
        spawn_rate: float,
        wait: bool = False,
        user_classes: list[type[User]] | None = None,
    ) -> None:
        """Begin a ramp and return at once, as a local runner does."""
        if self.spawning_greenlet:
            self.spawning_greenlet.kill(block=True)
        self.target_user_count = user_count
        self.spawning_greenlet = self.greenlet.spawn(
            super().start, user_count, spawn_rate, wait, user_classes
        )

    def quit(self) -> None:
        """The locustfile, or a shape at its end, wants it: there is no member to be told here."""
        self.stop(send_stop_to_client=False)

    def heartbeat_worker(self) -> Any:
        """Only what Locust does about a broken socket: silence is watched by the master."""
        while True:
            gevent.sleep(1.0)
            if self.connection_broken:
                self.reset_connection()
            for client_id, since in list(self._nameless.items()):
                if time.monotonic() - since > NAMELESS:
                    self.on_stranger(client_id)
                    self.expel(client_id)

    def check_stopped(self) -> None:
        """The state follows the load, not what the workers do."""

    def client_listener(self) -> Any:
        """Listen, whatever nonsense somebody sends to the port."""
        while True:
            try:
                super().client_listener()
            except Exception:
                _logger.exception("a message that cannot be read")

    def handle_message(self, client_id: str, msg: Any) -> None:
        """Pass on what members say; nobody else is heard, except to introduce itself."""
        if msg.type == "locustfile":
            reply = {"locustfiles": list(self._shipment())}
            self.send_message("locustfile", reply, client_id)
        elif msg.node_id != client_id:
            _logger.warning("a message of %r in the name of %r", client_id, msg.node_id)
        elif client_id in self._turned_away:
            self._repeat_the_refusal(client_id, msg)
        elif msg.type == CHANNEL:
            for frame in _frames(msg.data):
                self.on_frame(client_id, frame)
        elif client_id not in self.clients:
            if msg.type == "client_ready":
                self._nameless.setdefault(client_id, time.monotonic())
                self.send_message("ack", {"index": -1}, client_id)
        elif msg.type in ("quit", "client_stopped", "client_ready"):
            self.on_gone(client_id)
        else:
            super().handle_message(client_id, msg)

    def _repeat_the_refusal(self, client_id: str, msg: Any) -> None:
        if msg.type == "client_ready":
            self.send_message("ack", {"index": -1}, client_id)
        elif msg.type in ("heartbeat", CHANNEL):  # only since then has it heeded a `quit`
            self._send_quit(client_id)

    def _send_quit(self, client_id: str) -> None:
        self.server.send_to_client(Message("quit", None, client_id))  # type: ignore[no-untyped-call]

    def _shipment(self) -> Iterator[dict[str, str]]:
        # Stock workers store them in the folder for temporary files by name, and two of one
        # machine must not write one file.
        token = secrets.token_hex(8)
        yield {"filename": f"harness_{token}.py", "contents": self.shipped}
        for name in self.environment.parsed_locustfiles or ():
            path = Path(name)
            yield {"filename": f"{path.stem}_{token}.py", "contents": path.read_text()}


def headquarters(environment: Environment, where: WorkerPool, setup: Setup) -> None:
    """Give an environment such a runner, which listens on the rendezvous.

    Args:
        environment: Of the master.
        where: What to listen on.
        setup: What workers of other machines are told to do.

    Raises:
        RefusalError: The address cannot be bound to.
    """
    environment.dispatcher_class = FairDispatcher
    # A worker that is told to stop waits as long as we do, not for a time of its own.
    environment.stop_timeout = 24 * 3600.0
    try:
        environment._create_runner(  # noqa: SLF001 - `create_master_runner` allows no other class
            GatedMasterRunner, master_bind_host=where.host, master_bind_port=where.port
        )
        runner: Any = environment.runner
        runner.shipped = bundle(encode(replace(setup, role=None)))
    except (SystemExit, RPCError, OSError) as error:
        raise RefusalError(
            f"the master cannot listen on {where.host}:{where.port}: {_reason(error)}",
            "Choose an address of this machine and a free port.",
        ) from error


def _reason(error: BaseException) -> str:
    return "the port is taken" if isinstance(error, SystemExit) else str(error)


def _frames(data: Any) -> list[Frame]:
    try:
        return Decoder().feed(data)
    except Exception as error:  # noqa: BLE001 - the port is open to everybody
        _logger.warning("a frame that cannot be read: %r", error)
        return []

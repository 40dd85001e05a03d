"""Inside the master: Locust's master runner, with workers that the harness admits and expels.

Stock Locust accepts any worker at any time, assigns the users of a silent worker to the others a
minute later, and accepts it again when it returns: one run, several load levels. Here a worker gets
no users and is not heard before it is admitted, and a worker that has left stays out.
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
from gevent.queue import Queue
from locust import User
from locust.env import Environment
from locust.exception import RPCError
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerNode

from harness.load.child.distributed.bundle import bundle
from harness.load.child.locustfile.load import EvenDispatcher
from harness.load.child.locustfile.refusal import RefusalError
from harness.load.protocol.authentication import HANDSHAKE_TIME
from harness.load.protocol.frames import Decoder, Frame, Refused, Setup, ToMaster, encode
from harness.load.protocol.master import CHANNEL, WorkerPool

# s between the connection of a worker and its `Hello`; listeners of `init` run between them, for
# which a generator without workers has as long.
HELLO_TIMEOUT = 60.0
CATCH_UP = 2.0  # s for the last statistics of the workers, which listeners of the end may read
_REFUSED = (
    "a connection to the master was refused, because it does not have the secret of this run; "
    "workers start with `harness worker`, not with `locust --worker`"
)
_UNIDENTIFIED = (
    "a worker ({:.100}) was rejected: it did not get its locustfile from the master; start it with "
    "`harness worker`"
)
_SECOND = "a second worker with the id {!s:.100} was rejected"

_logger = logging.getLogger(__name__)


class FairDispatcher(EvenDispatcher):
    """Gives each worker its share of every user class.

    Locust assigns users to workers in turn, whatever their class: with two classes of equal weight,
    one of two workers gets all users of the first and the other all users of the second.
    """

    def _add_users_on_workers(self) -> dict[str, dict[str, int]]:
        name = next(self._user_generator)
        if name:
            self._deal(name, self._users_on_workers, self._active_users)
            self._current_user_count += 1
        self._no_user_to_spawn = not name  # all classes have a fixed_count and all their users
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
        def load(node: WorkerNode) -> tuple[int, int]:
            return dealt[node.id][name], sum(dealt[node.id].values())

        node = min(self._worker_nodes, key=load)
        dealt[node.id][name] += 1
        active.append((node, name))


class GatedMasterRunner(MasterRunner):
    """A master runner whose workers `Master` admits and expels.

    Attributes:
        on_frame: Called with each frame and the id of its sender, admitted or not.
        on_gone: Called with the id of an admitted worker that leaves.
        on_notice: Called with a text about a connection that was refused.
        bundle: The file that workers get before the locustfile.
    """

    def __init__(
        self, environment: Environment, master_bind_host: str, master_bind_port: int
    ) -> None:
        self.on_frame: Callable[[str, ToMaster], None] = lambda _, __: None
        self.on_gone: Callable[[str], None] = lambda _: None
        self.on_notice: Callable[[str], None] = lambda _: None
        self._refused = 0  # connections
        self._unproven_for = 0  # s since there are others that have not authenticated
        self._unidentified: dict[str, float] = {}  # id -> time of the connection
        self._rejected: set[str] = set()
        self._in_turn: Queue[tuple[str, Any]] = Queue()  # Locust's messages, by sender
        self.bundle = ""
        super().__init__(environment, master_bind_host, master_bind_port)
        self.greenlet.spawn(self._handle_in_turn)

    # --- membership ---------------------------------------------------------------------------

    def admit(self, client_id: str) -> None:
        """Admit a worker: it gets users from now on."""
        self._unidentified.pop(client_id, None)
        self.clients[client_id] = WorkerNode(client_id)
        fire: Any = self.environment.events.worker_connect.fire
        fire(client_id=client_id)

    def expel(self, client_id: str) -> None:
        """Make a worker quit; its further messages are ignored."""
        node = self.clients.pop(client_id, None)
        self._unidentified.pop(client_id, None)
        self._rejected.add(client_id)
        if node is not None and self._users_dispatcher is not None:
            self._users_dispatcher.remove_worker(node)
        self._send_quit(client_id)

    def redistribute(self) -> None:
        """Assign the users of expelled workers to the remaining ones."""
        ramp = self.spawning_greenlet
        # A running ramp considers the remaining workers by itself. (A ready greenlet is false.)
        if self.clients and ramp is not None and ramp.ready():
            self.start(self.target_user_count, self.spawn_rate)

    def finish(self, seconds: float) -> None:
        """Run the listeners of the end, for at most some seconds."""
        gevent.spawn(self._finish).join(seconds)

    def _finish(self) -> None:
        end = time.monotonic() + CATCH_UP
        while self._in_turn.qsize() and time.monotonic() < end:
            gevent.sleep(0.001)
        self.stop(send_stop_to_client=False)
        events: Any = self.environment.events
        events.quitting.fire(environment=self.environment, reverse=True)

    def send_frame(self, client_id: str, frame: Frame) -> None:
        """Send a frame to a worker."""
        self.send_message(CHANNEL, encode(frame), client_id)  # type: ignore[arg-type]

    # --- called by Locust ---------------------------------------------------------------------

    def start(
        self,
        user_count: int,
        spawn_rate: float,
        wait: bool = False,
        user_classes: list[type[User]] | None = None,
    ) -> None:
        """Begin a ramp and return at once, like a local runner."""
        if self.spawning_greenlet:
            self.spawning_greenlet.kill(block=True)
        self.target_user_count = user_count
        self.spawning_greenlet = self.greenlet.spawn(
            super().start, user_count, spawn_rate, wait, user_classes
        )

    def quit(self) -> None:
        """Stop for the locustfile, or for a shape at its end; `Master` stops the workers."""
        self.stop(send_stop_to_client=False)

    def heartbeat_worker(self) -> Any:
        """Reset broken sockets, as Locust does; expel workers without a `Hello`; watch refusals.

        `Master` watches the silence of admitted workers.
        """
        while True:
            gevent.sleep(1.0)
            if self.connection_broken:
                self.reset_connection()
            self._watch_refusals()
            for client_id, since in list(self._unidentified.items()):
                if time.monotonic() - since > HELLO_TIMEOUT:
                    self.on_notice(_UNIDENTIFIED.format(client_id))
                    self.expel(client_id)

    def _watch_refusals(self) -> None:
        server: Any = self.server
        # A connection that has just been made may still authenticate.
        self._unproven_for += 1
        if server.unproven <= self._refused:
            self._unproven_for = 0
        elif self._unproven_for > HANDSHAKE_TIME:
            self._refused = server.unproven
            self.on_notice(_REFUSED)

    def check_stopped(self) -> None:
        """Do nothing: the state follows the load, not the workers."""

    def client_listener(self) -> Any:
        """Listen, whatever messages arrive."""
        while True:
            try:
                super().client_listener()
            except Exception:
                _logger.exception("a message cannot be read")

    def handle_message(self, client_id: str, msg: Any) -> None:
        """Pass on messages of admitted workers, and frames of all others."""
        if msg.type == "locustfile":
            reply = {"locustfiles": list(self._locustfiles())}
            self.send_message("locustfile", reply, client_id)
        elif msg.node_id != client_id:
            _logger.warning("worker %r sent a message with the id of %r", client_id, msg.node_id)
            self._refuse_second(client_id, msg)
        elif client_id in self._rejected:
            self._repeat_rejection(client_id, msg)
        elif msg.type == CHANNEL:
            for frame in _frames(msg.data):
                self.on_frame(client_id, frame)
        elif client_id not in self.clients:
            if msg.type == "client_ready":
                self._unidentified.setdefault(client_id, time.monotonic())
                self.send_message("ack", {"index": -1}, client_id)
        elif msg.type in ("quit", "client_stopped", "client_ready"):
            self.on_gone(client_id)
        else:  # apart: listeners of Locust's messages must not hold up frames
            self._in_turn.put((client_id, msg))

    def _handle_in_turn(self) -> None:
        while True:
            client_id, msg = self._in_turn.peek()
            if client_id in self.clients:
                try:
                    super().handle_message(client_id, msg)
                except Exception:
                    _logger.exception("a message cannot be handled")
            self._in_turn.get()

    def _repeat_rejection(self, client_id: str, msg: Any) -> None:
        if msg.type == "client_ready":
            self.send_message("ack", {"index": -1}, client_id)
        elif msg.type in ("heartbeat", CHANNEL):  # before these it ignores a `quit`
            self._send_quit(client_id)

    def _refuse_second(self, client_id: str, msg: Any) -> None:
        """Tell a worker that its id is taken; the worker that has it is not affected."""
        if msg.type == CHANNEL:
            self.on_notice(_SECOND.format(msg.node_id))
            refusal = "another worker with its id is connected", "Start it again."
            self.send_frame(client_id, Refused(*refusal))
        self._repeat_rejection(client_id, msg)

    def _send_quit(self, client_id: str) -> None:
        self.server.send_to_client(Message("quit", None, client_id))  # type: ignore[no-untyped-call]

    def _locustfiles(self) -> Iterator[dict[str, str]]:
        # Workers store them by name in the folder for temporary files, and two workers of
        # one machine must not write the same file.
        token = secrets.token_hex(8)
        yield {"filename": f"harness_{token}.py", "contents": self.bundle}
        for name in self.environment.parsed_locustfiles or ():
            path = Path(name)
            yield {"filename": f"{path.stem}_{token}.py", "contents": path.read_text()}


def create_gated_runner(environment: Environment, pool: WorkerPool, setup: Setup) -> None:
    """Create the runner of a master, which listens on the address of the pool.

    Args:
        environment: The environment of the master.
        pool: The workers to wait for.
        setup: The load of the workers.

    Raises:
        RefusalError: The address cannot be bound to.
    """
    environment.dispatcher_class = FairDispatcher
    # Locust's own time-out must not end the drain of a worker.
    environment.stop_timeout = 24 * 3600.0
    try:
        environment._create_runner(  # noqa: SLF001 - `create_master_runner` allows no other class
            GatedMasterRunner, master_bind_host=pool.host, master_bind_port=pool.port
        )
        runner: Any = environment.runner
        runner.bundle = bundle(encode(replace(setup, role=None)))
    except (SystemExit, RPCError, OSError) as error:
        raise RefusalError(
            f"the master cannot listen on {pool.host}:{pool.port}: {_reason(error)}",
            "Choose an address of this machine and a free port.",
        ) from error


def _reason(error: BaseException) -> str:
    return "the port is taken" if isinstance(error, SystemExit) else str(error)


def _frames(data: Any) -> list[ToMaster]:
    decoder: Decoder[ToMaster] = Decoder()
    try:
        return decoder.feed(data)
    except Exception as error:  # noqa: BLE001 - a faulty worker must not end the master
        _logger.warning("a frame cannot be read: %r", error)
        return []

"""Inside the master: keeps the workers together, and stands between them and the harness.

It has no users. Whatever a worker tells is passed on to the harness, with moments by our clock;
whatever the harness orders is passed on to each worker, with moments by its clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import gevent
import locust
from gevent.queue import Queue
from locust.env import Environment

from harness.budgets.model import OpenWorkload
from harness.load.child.agent import LAST_WORD, pool_of
from harness.load.child.closed_model import ClosedModel, ShapeModel, closed_model
from harness.load.child.distributed.clock import FIRST, RemoteClock
from harness.load.child.distributed.runner import GatedMasterRunner
from harness.load.child.link import HarnessChannel
from harness.load.child.locustfile import RefusalError, describe
from harness.load.child.orders import STEP, DismissedError
from harness.load.protocol.frames import (
    Bye,
    Frame,
    Notice,
    Ready,
    Refused,
    Report,
    Setup,
    Start,
    Stop,
    UserError,
    Welcome,
)
from harness.load.protocol.master import WorkerPool
from harness.load.protocol.workers import (
    Gathered,
    Hello,
    Listening,
    Lost,
    Member,
    Ping,
    Pong,
    Share,
)
from harness.names import HANDOVER

SILENCE = 3.0  # s without a word of a worker; before the start, a locustfile may block it longer
PATIENCE = 20.0  # s before the start
ROUND_TRIP = 0.1  # s, longest that allows to compare clocks
PACE = 0.02  # s between the messages of the first measurement of a clock
FLUSH = 0.1  # s for the last messages to leave


@dataclass
class Worker:
    """A worker that has been admitted, as the master knows it."""

    client_id: str
    index: int
    hello: Hello
    clock: RemoteClock = field(default_factory=RemoteClock)
    quiet: float = 0.0  # s since its last word
    users: int | None = None  # once it is ready
    left: bool = False  # it has said goodbye

    @property
    def name(self) -> str:
        """As everybody calls it."""
        return f"worker-{self.index + 1}"

    def member(self) -> Member:
        """What the harness is told of it."""
        told = Member(self.name, self.hello.host, self.hello.pid, self.hello.versions)
        if (latest := self.clock.latest) is None:
            return told
        return replace(
            told, offset=latest.offset, round_trip=latest.round_trip, drift=self.clock.drift
        )


class Master:
    """One distributed load, from the first worker to the last report."""

    def __init__(
        self, setup: Setup, where: WorkerPool, link: HarnessChannel, environment: Environment
    ) -> None:
        self._setup = setup
        self._where = where
        self._link = link
        self._environment = environment
        runner = environment.runner
        assert isinstance(runner, GatedMasterRunner)
        self._runner = runner
        self._workers: dict[str, Worker] = {}  # the living, by Locust's id
        self._closed: ClosedModel | ShapeModel | None = None
        self._outbox: Queue[Frame] = Queue()
        self._refusal: RefusalError | None = None
        self._complete = self._started = self._stopping = False
        self._moments: Start | None = None
        runner.on_frame = self._take
        runner.on_gone = lambda client_id: self._lose(client_id, "left")
        runner.on_stranger = self._tell_of_stranger
        link.farewell = self._dismiss
        events: Any = environment.events
        events.test_stopping.add_listener(self._on_test_stopping)

    def run(self) -> None:
        """The whole of it: wait for workers, start them, pass on their reports, stop them."""
        sender = gevent.spawn(self._send)
        gevent.spawn(self._watch)
        try:
            self._tell(Listening(self._runner.server.port))
            self._tell(Ready(self._gather()))
            self._begin(self._link.before_stop(self._link.start))
            order = self._link.stop.get()
            self._stop(order)
            self._tell(Bye("" if isinstance(order, Stop) else order))
        except RefusalError as refusal:
            self._tell(Refused(refusal.message, refusal.hint))
        except DismissedError as why:
            self._tell(Bye(str(why)))
        except SystemExit as leave:  # of any greenlet: gevent raises it in the main one
            self._tell(Bye(f"the locustfile called sys.exit({leave.code!r})"))
        finally:
            self._stopping = True
            self._flush()  # before they end, the harness should know that they may
            self._dismiss()
            sender.kill()

    # --- the load -----------------------------------------------------------------------------

    def _gather(self) -> int:
        """Wait for all workers, their clocks and, in the open model, their users."""
        workload, classes = self._setup.workload, self._environment.user_classes
        if isinstance(workload, OpenWorkload):
            self._check_classes()
        self._until(self._all_here)
        self._complete = True
        for worker in self._workers.values():
            self._check_clock(worker)
        if isinstance(workload, OpenWorkload):
            self._runner.start(*pool_of(workload, classes, self._where.workers))
            spawning: Any = self._runner.spawning_greenlet
            self._until(spawning.ready)
            if spawning.exception is not None:
                raise RefusalError(f"users cannot be dealt out: {describe(spawning.exception)}")
            for worker in self._workers.values():
                self._runner.tell(worker.client_id, Gathered())
        self._until(lambda: all(w.users is not None for w in self._workers.values()))
        return sum(worker.users or 0 for worker in self._workers.values())

    def _all_here(self) -> bool:
        workers = self._workers.values()
        return len(workers) == self._where.workers and all(w.clock.first for w in workers)

    def _check_clock(self, worker: Worker) -> None:
        measured = worker.clock.first
        assert measured is not None
        if measured.round_trip > ROUND_TRIP:
            raise DismissedError(
                f"the clock of {worker.name} on {worker.hello.host} cannot be compared with ours: "
                f"a message there and back took {measured.round_trip * 1000:.0f} ms at best, "
                f"{ROUND_TRIP * 1000:.0f} ms are allowed"
            )

    def _check_classes(self) -> None:
        count = self._where.workers
        for user_class in self._environment.user_classes:
            if 0 < user_class.fixed_count < count:
                raise RefusalError(
                    f"{self._setup.locustfile}: {user_class.__name__} has a fixed_count of "
                    f"{user_class.fixed_count}, so not each of {count} workers can serve it",
                    "Run the scenario with fewer workers, or raise fixed_count.",
                )

    def _begin(self, start: Start) -> None:
        self._moments, self._started = start, True
        for worker in self._workers.values():
            t0, window = worker.clock.theirs(start.t0), worker.clock.theirs(start.window_start)
            order = Start(t0, window, worker.index, self._where.workers)
            self._runner.tell(worker.client_id, order)
        workload = self._setup.workload
        if not isinstance(workload, OpenWorkload):
            self._closed = closed_model(workload, self._environment, self._link.end)
            self._closed.start(start.t0)

    def _stop(self, order: Stop | str) -> None:
        drain = order.drain if isinstance(order, Stop) else 0.0
        self._stopping = True
        if self._closed:
            self._closed.stop()
        for worker in self._workers.values():
            self._runner.tell(worker.client_id, Stop(drain))
        deadline = time.monotonic() + drain + LAST_WORD + SILENCE
        while not all(worker.left for worker in self._workers.values()):
            if time.monotonic() > deadline:
                break
            gevent.sleep(0.01)
        for worker in list(self._workers.values()):
            if not worker.left:
                self._lose(worker.client_id, "did not stop")
        events: Any = self._environment.events
        events.quitting.fire(environment=self._environment, reverse=True)  # the runner stops too

    def _until(self, condition: Callable[[], object]) -> None:
        while not condition():
            if self._refusal:
                raise self._refusal
            if self._link.stop.ready():
                self._link.before_stop(self._link.start)
            gevent.sleep(0.01)

    # --- what workers say ---------------------------------------------------------------------

    def _take(self, client_id: str, frame: Frame) -> None:
        worker = self._workers.get(client_id)
        if worker is None:
            if isinstance(frame, Hello):
                self._receive(client_id, frame)
            return
        worker.quiet = 0.0
        if isinstance(frame, Report | UserError | Notice):
            self._tell(_translate(frame, worker) if isinstance(frame, Report) else frame)
        elif isinstance(frame, Pong) and worker.clock.add(frame.at, frame.here, time.monotonic()):
            self._tell(worker.member())
        elif isinstance(frame, Ready):
            worker.users = frame.users
        elif isinstance(frame, Refused):
            self._refusal = RefusalError(frame.message, frame.hint)
        elif isinstance(frame, Bye):
            worker.left = True
            if frame.reason:
                self._link.end(f"{worker.name}: {frame.reason}")

    def _receive(self, client_id: str, hello: Hello) -> None:
        """Somebody wants to take part."""
        refusal = self._objection(hello)
        if refusal is not None:
            self._runner.tell(client_id, refusal)
            self._runner.expel(client_id)
            host = f"{hello.host!s:.100}"  # whatever a stranger calls himself ends up in the run
            self._tell(Notice(f"a worker on {host} was turned away: {refusal.message}"))
            return
        taken = {worker.index for worker in self._workers.values()}
        index = next(i for i in range(self._where.workers) if i not in taken)
        worker = self._workers[client_id] = Worker(client_id, index, hello)
        self._runner.admit(client_id)
        self._runner.tell(client_id, Welcome(index))
        self._tell(worker.member())
        gevent.spawn(self._keep_in_touch, worker)

    def _objection(self, hello: Hello) -> Refused | None:
        if hello.run_id != self._where.run_id:
            said = "no run id" if not hello.run_id else "the id of another run"
            return Refused(f"it has {said}", "Set HARNESS_RUN_ID as the harness says.")
        if self._complete or len(self._workers) == self._where.workers:
            return Refused("all workers of the run are there", "Start it for another run.")
        theirs = hello.versions.get("locust")
        if theirs != locust.__version__:
            refusal = Refused(
                f"it runs Locust {theirs}, the master {locust.__version__}",
                f"Install locust=={locust.__version__} there, or use the image of that version.",
            )
            self._refusal = RefusalError(
                f"a worker on {hello.host}: {refusal.message}", refusal.hint
            )
            return refusal
        return None

    def _tell_of_stranger(self, client_id: str) -> None:
        self._tell(
            Notice(
                f"a Locust worker ({client_id}) connected and was turned away: it did not get its "
                "locustfile from here; start it with `-f -`"
            )
        )

    # --- who is still there -------------------------------------------------------------------

    def _keep_in_touch(self, worker: Worker) -> None:
        sent = 0
        while worker.client_id in self._workers:
            self._runner.tell(worker.client_id, Ping(time.monotonic()))
            sent += 1
            gevent.sleep(PACE if sent < FIRST else 1.0)

    def _watch(self) -> None:
        # Steps are counted, not time: when our own loop was late, nothing was read either.
        while True:
            gevent.sleep(STEP)
            for worker in list(self._workers.values()):
                worker.quiet += STEP
                patience = SILENCE if self._started else PATIENCE
                if worker.quiet > patience and not worker.left:
                    self._lose(worker.client_id, f"said nothing for {patience:.0f} s")

    def _lose(self, client_id: str, reason: str) -> None:
        worker = self._workers.get(client_id)
        if worker is None or worker.left:
            return
        del self._workers[client_id]
        self._runner.tell(client_id, Stop(0.0))  # should it still listen
        self._runner.expel(client_id)
        self._tell(Lost(worker.name, time.monotonic(), reason))
        goes_on = self._where.when_lost == "continue" and self._workers
        if self._started and goes_on and not self._stopping:
            self._share_out()
        elif self._complete:
            self._link.end(f"{worker.name} {reason}")

    def _share_out(self) -> None:
        """What the lost one would have done from now on, the others do."""
        assert self._moments is not None
        since = max(time.monotonic() + HANDOVER, self._moments.t0)
        left = sorted(self._workers.values(), key=lambda worker: worker.index)
        for index, worker in enumerate(left):
            share = Share(index, len(left), worker.clock.theirs(since))
            self._runner.tell(worker.client_id, share)
        self._runner.redistribute()

    def _dismiss(self) -> None:
        """All workers end, at once."""
        workers, self._workers = self._workers, {}
        for worker in workers.values():
            if not worker.left:
                self._runner.tell(worker.client_id, Stop(0.0))
            self._runner.expel(worker.client_id)
        gevent.sleep(FLUSH)

    # --- what the harness is told -------------------------------------------------------------

    def _tell(self, frame: Frame) -> None:
        # A harness that does not read must not keep us from hearing the workers.
        self._outbox.put(frame)

    def _send(self) -> None:
        while True:
            self._link.send(self._outbox.peek())
            self._outbox.get()

    def _flush(self) -> None:
        deadline = time.monotonic() + SILENCE
        while self._outbox.qsize() and time.monotonic() < deadline:
            gevent.sleep(0.001)

    def _on_test_stopping(self, **_: object) -> None:
        if not self._stopping:
            self._link.end("the locustfile stopped the test")


def _translate(report: Report, worker: Worker) -> Report:
    """A worker's report by our clock."""
    ours = worker.clock.ours
    slowest = tuple(replace(slow, at=ours(slow.at)) for slow in report.slowest)
    return replace(report, at=ours(report.at), slowest=slowest, source=worker.name)

"""Inside the master: coordinates the workers of a load, and connects them to the harness.

It has no users. It passes frames of the workers on to the harness with times of the local clock,
and frames of the harness on to each worker with times of the worker's clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, assert_never, cast

import gevent
import locust
from gevent.queue import Queue
from locust.env import Environment

from harness.budgets.workload import ClosedWorkload, OpenWorkload, ShapeWorkload
from harness.load.child.agent import STOP_GRACE, exit_code_of, pool_of
from harness.load.child.closed_model import ClosedModel, ShapeModel, begin_test, closed_model
from harness.load.child.control_channel import STEP, StoppedBeforeStartError
from harness.load.child.distributed.clock import MOST, ROUND_TRIP, SAME, RemoteClock
from harness.load.child.distributed.runner import GatedMasterRunner
from harness.load.child.harness_channel import HarnessChannel
from harness.load.child.locustfile.load import describe, note_listener_errors
from harness.load.child.locustfile.refusal import RefusalError
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
    ToMaster,
    UserError,
    Welcome,
)
from harness.load.protocol.master import WorkerPool
from harness.load.protocol.workers import (
    Hello,
    Listening,
    Lost,
    Ping,
    Pong,
    Share,
    UsersAssigned,
    WorkerInfo,
)
from harness.names import HANDOVER

SILENCE = 3.0  # s without a frame after which a worker is lost
SILENCE_BEFORE_START = 20.0  # s; longer, since a locustfile may block its worker until the start
PACE = 0.02  # s between the messages of the first measurement of a clock
FLUSH = 0.1  # s for sending the last messages


@dataclass
class AdmittedWorker:
    """A worker that the master has admitted."""

    client_id: str
    index: int
    hello: Hello
    clock: RemoteClock
    silent_for: float = 0.0  # s since its last frame
    users: int | None = None  # set once it is ready
    left: bool = False  # whether its last frame has arrived

    @property
    def name(self) -> str:
        """The name of the worker in reports and messages."""
        return f"worker-{self.index + 1}"

    def info(self) -> WorkerInfo:
        """The frame about the worker for the harness."""
        info = WorkerInfo(self.name, self.hello.host, self.hello.pid, self.hello.versions)
        if (latest := self.clock.latest) is None:
            return info
        return replace(
            info, offset=latest.offset, round_trip=latest.round_trip, drift=self.clock.drift
        )


class Master:
    """One distributed load, from the first worker to the last report."""

    def __init__(
        self, setup: Setup, pool: WorkerPool, channel: HarnessChannel, environment: Environment
    ) -> None:
        self._setup = setup
        self._pool = pool
        self._channel = channel
        self._environment = environment
        runner = environment.runner
        assert isinstance(runner, GatedMasterRunner)
        self._runner = runner
        self._workers: dict[str, AdmittedWorker] = {}  # those that are not lost, by Locust's id
        self._closed: ClosedModel | ShapeModel | None = None
        self._outgoing: Queue[Frame] = Queue()
        self._refusal: RefusalError | None = None
        self._complete = self._started = self._stopping = False
        self._start: Start | None = None
        self._exit_code: int | None = None  # of a worker that called sys.exit
        runner.on_frame = self._handle
        runner.on_gone = lambda client_id: self._lose(client_id, "left")
        runner.on_notice = lambda text: self._queue(Notice(text))
        channel.on_harness_gone = self._quit_workers
        cast(Any, environment.events).test_stopping.add_listener(self._on_test_stopping)
        note_listener_errors(setup, runner.on_notice)

    def run(self) -> None:
        """Wait for the workers, start them, pass on their reports, and stop them."""
        sender = gevent.spawn(self._send)
        gevent.spawn(self._watch)
        try:
            self._queue(Listening(self._runner.server.port))
            self._queue(Ready(self._gather()))
            self._begin(self._channel.wait_before_stop(self._channel.start))
            stop = self._channel.stop.get()
            self._stop(stop)
            self._queue(Bye("" if isinstance(stop, Stop) else stop, self._set_exit_code()))
        except RefusalError as refusal:
            self._queue(Refused(refusal.message, refusal.hint))
        except StoppedBeforeStartError as stopped:
            self._queue(Bye(str(stopped)))
        except SystemExit as leave:  # of any greenlet: gevent raises it in the main one
            reason = f"the locustfile called sys.exit({leave.code!r})"
            self._queue(Bye(reason, exit_code_of(leave)))
        finally:
            self._stopping = True
            self._flush()  # the harness must know of the end before the workers end
            self._quit_workers()
            sender.kill()

    # --- the load -----------------------------------------------------------------------------

    def _gather(self) -> int:
        """Wait for all workers, their clocks and, in the open model, their users; returns these."""
        workload, classes = self._setup.workload, self._environment.user_classes
        if isinstance(workload, OpenWorkload):
            self._check_classes()
        self._wait_until(self._all_joined)
        self._complete = True
        for worker in self._workers.values():
            self._check_clock(worker)
        if isinstance(workload, OpenWorkload):
            self._runner.start(*pool_of(workload, classes, self._pool.workers))
            spawning: Any = self._runner.spawning_greenlet
            self._wait_until(spawning.ready)
            if spawning.exception is not None:
                error = describe(spawning.exception)
                raise RefusalError(f"users cannot be assigned to workers: {error}")
        if isinstance(workload, ClosedWorkload):
            begin_test(workload, self._environment, self._channel.end)
        for worker in self._workers.values():
            self._runner.send_frame(worker.client_id, UsersAssigned())
        self._wait_until(lambda: all(w.users is not None for w in self._workers.values()))
        return sum(worker.users or 0 for worker in self._workers.values())

    def _all_joined(self) -> bool:
        workers = self._workers.values()
        return len(workers) == self._pool.workers and all(w.clock.first for w in workers)

    def _check_clock(self, worker: AdmittedWorker) -> None:
        measured = worker.clock.first
        assert measured is not None
        if measured.round_trip > ROUND_TRIP:
            raise StoppedBeforeStartError(
                f"the clock of {worker.name} on {worker.hello.host} cannot be compared with the "
                f"master's: the shortest round trip took {measured.round_trip * 1000:.0f} ms, "
                f"{ROUND_TRIP * 1000:.0f} ms are allowed; use a worker that is nearer or less busy"
            )

    def _check_classes(self) -> None:
        count = self._pool.workers
        for user_class in self._environment.user_classes:
            if 0 < user_class.fixed_count < count:
                raise RefusalError(
                    f"{self._setup.locustfile}: {user_class.__name__} has a fixed_count of "
                    f"{user_class.fixed_count}, so not each of {count} workers can serve it",
                    "Run the scenario with fewer workers, or raise fixed_count.",
                )

    def _begin(self, start: Start) -> None:
        self._start, self._started = start, True
        for worker in self._workers.values():
            remote = replace(
                start,
                t0=worker.clock.to_remote(start.t0),
                window_start=worker.clock.to_remote(start.window_start),
                index=worker.index,
                count=self._pool.workers,
            )
            self._runner.send_frame(worker.client_id, remote)
        match self._setup.workload:
            case ClosedWorkload() | ShapeWorkload() as workload:
                self._closed = closed_model(workload, self._environment, self._channel.end)
                self._closed.start(start.t0)
            case OpenWorkload():
                pass  # each worker runs its share of the schedule
            case _:
                assert_never(self._setup.workload)

    def _stop(self, stop: Stop | str) -> None:
        drain = stop.drain if isinstance(stop, Stop) else 0.0
        self._stopping = True
        if self._closed:
            self._closed.stop()
        for worker in self._workers.values():
            self._runner.send_frame(worker.client_id, Stop(drain))
        deadline = time.monotonic() + drain + STOP_GRACE + SILENCE
        while time.monotonic() < deadline and not all(w.left for w in self._workers.values()):
            gevent.sleep(0.01)
        for worker in list(self._workers.values()):
            if not worker.left:
                self._lose(worker.client_id, "did not stop")
        self._runner.finish(max(deadline - time.monotonic(), SILENCE))

    def _set_exit_code(self) -> int | None:
        given = self._environment.process_exit_code if self._exit_code is None else self._exit_code
        return None if given is None else int(given)

    def _wait_until(self, condition: Callable[[], object]) -> None:
        while not condition():
            if self._refusal:
                raise self._refusal
            if self._channel.stop.ready():
                self._channel.wait_before_stop(self._channel.start)
            gevent.sleep(0.01)

    # --- frames of the workers ----------------------------------------------------------------

    def _handle(self, client_id: str, frame: ToMaster) -> None:
        worker = self._workers.get(client_id)
        if worker is None:
            if isinstance(frame, Hello):
                self._admit(client_id, frame)
            return
        worker.silent_for = 0.0
        self._handle_admitted(worker, frame)

    def _handle_admitted(self, worker: AdmittedWorker, frame: ToMaster) -> None:
        match frame:
            case Report():
                self._queue(_translate(frame, worker))
            case UserError() | Notice():
                self._queue(frame)
            case Pong():
                self._measure_clock(worker, frame)
            case Ready():
                worker.users = frame.users
            case Refused():
                self._refusal = RefusalError(frame.message, frame.hint)
            case Bye():
                worker.left = True
                if frame.reason:
                    self._exit_code = frame.exit_code
                    self._channel.end(f"{worker.name}: {frame.reason}")
            case Hello():
                pass  # admitted already
            case _:
                assert_never(frame)

    def _measure_clock(self, worker: AdmittedWorker, pong: Pong) -> None:
        known = self._pool.same_clock  # then pings only tell that both sides live
        if not known and worker.clock.add(pong.at, pong.here, time.monotonic()):
            self._queue(worker.info())

    def _admit(self, client_id: str, hello: Hello) -> None:
        """Admit or reject a worker that has connected."""
        refusal = self._reason_to_refuse(hello)
        if refusal is not None:
            self._runner.send_frame(client_id, refusal)
            self._runner.expel(client_id)
            host = f"{hello.host!s:.100}"  # the name of an unknown sender is stored in the run
            self._queue(Notice(f"a worker on {host} was rejected: {refusal.message}"))
            return
        taken = {worker.index for worker in self._workers.values()}
        index = next(i for i in range(self._pool.workers) if i not in taken)
        clock = RemoteClock(SAME if self._pool.same_clock else None)
        worker = self._workers[client_id] = AdmittedWorker(client_id, index, hello, clock)
        self._runner.admit(client_id)
        self._runner.send_frame(client_id, Welcome(index))
        self._queue(worker.info())
        gevent.spawn(self._ping, worker)

    def _reason_to_refuse(self, hello: Hello) -> Refused | None:
        if hello.run_id != self._pool.run_id:
            given = "no run id" if not hello.run_id else "the id of another run"
            return Refused(f"it has {given}", "Set HARNESS_RUN_ID to the id of this run.")
        if self._complete or len(self._workers) == self._pool.workers:
            return Refused("all workers of the run have joined", "Start it for another run.")
        version = hello.versions.get("locust")
        if version != locust.__version__:
            refusal = Refused(
                f"it runs Locust {version}, the master {locust.__version__}",
                f"Install locust=={locust.__version__} there, or use the image of that version.",
            )
            self._refusal = RefusalError(
                f"a worker on {hello.host}: {refusal.message}", refusal.hint
            )
            return refusal
        return None

    # --- loss of workers ----------------------------------------------------------------------

    def _ping(self, worker: AdmittedWorker) -> None:
        sent = 0
        while worker.client_id in self._workers:
            self._runner.send_frame(worker.client_id, Ping(time.monotonic()))
            sent += 1
            measured = worker.clock.first or sent >= MOST
            gevent.sleep(1.0 if measured else PACE)

    def _watch(self) -> None:
        # Steps are counted, not time: a late loop of this process has read no frame either.
        while True:
            gevent.sleep(STEP)
            for worker in list(self._workers.values()):
                worker.silent_for += STEP
                limit = SILENCE if self._started else SILENCE_BEFORE_START
                if worker.silent_for > limit and not worker.left:
                    self._lose(worker.client_id, f"sent no message for {limit:.0f} s")

    def _lose(self, client_id: str, reason: str) -> None:
        worker = self._workers.get(client_id)
        if worker is None or worker.left:
            return
        del self._workers[client_id]
        self._runner.send_frame(client_id, Stop(0.0))  # in case it still listens
        self._runner.expel(client_id)
        self._queue(Lost(worker.name, time.monotonic(), reason))
        if self._may_continue() and self._started and not self._stopping:
            self._redistribute()
        elif self._complete:
            self._channel.end(f"{worker.name} {reason}")

    def _may_continue(self) -> bool:
        match self._pool.when_lost:
            case "continue":
                return bool(self._workers)
            case "stop":
                return False
            case _:
                assert_never(self._pool.when_lost)

    def _redistribute(self) -> None:
        """Divide the schedule and the users between the remaining workers."""
        assert self._start is not None
        since = max(time.monotonic() + HANDOVER, self._start.t0)
        remaining = sorted(self._workers.values(), key=lambda worker: worker.index)
        for index, worker in enumerate(remaining):
            share = Share(index, len(remaining), worker.clock.to_remote(since))
            self._runner.send_frame(worker.client_id, share)
        self._runner.redistribute()

    def _quit_workers(self) -> None:
        """End all workers at once."""
        workers, self._workers = self._workers, {}
        for worker in workers.values():
            if not worker.left:
                self._runner.send_frame(worker.client_id, Stop(0.0))
            self._runner.expel(worker.client_id)
        gevent.sleep(FLUSH)

    # --- frames to the harness ----------------------------------------------------------------

    def _queue(self, frame: Frame) -> None:
        # A harness that does not read must not block the frames of the workers.
        self._outgoing.put(frame)

    def _send(self) -> None:
        while True:
            self._channel.send(self._outgoing.peek())
            self._outgoing.get()

    def _flush(self) -> None:
        deadline = time.monotonic() + SILENCE
        while self._outgoing.qsize() and time.monotonic() < deadline:
            gevent.sleep(0.001)

    def _on_test_stopping(self, **_: object) -> None:
        if not self._stopping:
            self._channel.end("the locustfile stopped the test")


def _translate(report: Report, worker: AdmittedWorker) -> Report:
    """A worker's report with times of the local clock."""
    to_local = worker.clock.to_local
    slowest = tuple(replace(slow, at=to_local(slow.at)) for slow in report.slowest)
    failures = tuple(one.at_times(to_local) for one in report.failures)
    return replace(
        report, at=to_local(report.at), slowest=slowest, failures=failures, source=worker.name
    )

"""Inside the generator: the agent runs the load as the harness requests it, and reports."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, assert_never, cast

import gevent
import psutil
from locust import User
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import LocalRunner, WorkerRunner
from locust.user.task import DefaultTaskSet

from harness.budgets.workload import ClosedWorkload, OpenWorkload, ShapeWorkload
from harness.load.child.closed_model import (
    ClosedModel,
    ShapeModel,
    begin_test,
    closed_model,
    reason_of,
)
from harness.load.child.control_channel import ControlChannel
from harness.load.child.locustfile.load import describe, note_listener_errors, place
from harness.load.child.locustfile.refusal import RefusalError
from harness.load.child.open_model import OpenModel
from harness.load.child.pools import AT_ONCE, act_at_start, pool_size
from harness.load.child.prepare import preallocate
from harness.load.child.probes import HostProbe, watch_loop
from harness.load.child.recording import Recorder
from harness.load.child.records.answers import AnswerSampler
from harness.load.child.records.failures import FAILED
from harness.load.child.wrapping import forget_failures
from harness.load.protocol.frames import Bye, Notice, Ready, Report, Setup, Start, Stop, UserError
from harness.load.user_ramp import spawn_rate

MAX_ERRORS = 20  # different texts; a locustfile may put an id into each message
NO_TASKS = "No tasks defined"  # begin of Locust's exception
STOP_GRACE = 1.0  # s that `on_stop` has when the drain is over


class Agent:
    """One load, from its first user to its last report."""

    def __init__(
        self,
        setup: Setup,
        channel: ControlChannel,
        recorder: Recorder,
        environment: Environment,
        *,
        owns_process: bool = True,
    ) -> None:
        """Take over an environment whose locustfile is loaded.

        Args:
            setup: The load to run.
            channel: The channel to the harness, or to the master.
            recorder: The recorder, installed before the locustfile was imported.
            environment: An environment with a local runner or with the runner of a worker.
            owns_process: Whether the agent fires Locust's `quitting` event at the end; a stock
                worker does so by itself.
        """
        self._setup = setup
        self._channel = channel
        self._recorder = recorder
        self._environment = environment
        self._owns_process = owns_process
        self._runner: Any = environment.runner
        # A worker gets its users from the master.
        self._alone = isinstance(environment.runner, LocalRunner)
        self._open: OpenModel | None = None
        self._closed: ClosedModel | ShapeModel | None = None
        match setup.workload:
            case OpenWorkload():
                self._open = OpenModel(setup.workload, recorder)
            case ClosedWorkload() | ShapeWorkload():
                forget_failures(recorder)
                if self._alone:
                    self._closed = closed_model(setup.workload, environment, self._end)
            case _:
                assert_never(setup.workload)
        self._errors: set[str] = set()
        self._consequences: set[str] = set()  # exceptions that follow a failed request
        self._cut = 0  # iterations that these exceptions cut short
        self._stopping = False
        self._exit_code: int | None = None  # of sys.exit
        self._process = psutil.Process()
        self._host = HostProbe()
        self._cpu = (time.monotonic(), time.process_time())
        # Locust's own time-out must not end the drain: the agent decides when it is over.
        environment.stop_timeout = 24 * 3600.0
        self._events = cast(Any, environment.events)
        self._events.user_error.add_listener(self._on_user_error)
        self._events.test_stopping.add_listener(self._on_test_stopping)
        self._answers = AnswerSampler()
        if setup.keep_answers:
            self._events.request.add_listener(self._answers.on_request)
        stop_at_stop_test(self._end)
        note_listener_errors(setup, lambda text: channel.send(Notice(text)))

    def run(self) -> None:
        """Prepare the users, run the load, drain, report, and send the last frame.

        Raises:
            RefusalError: The users of the open model cannot be started.
            StoppedBeforeStartError: The load was stopped before the start.
        """
        users = self._prepare()
        preallocate()
        self._channel.send(Ready(users))
        start: Start = self._channel.wait_before_stop(self._channel.start)
        self._recorder.rebase(start.t0, start.window_start)
        gevent.spawn(self._report_each_second, start.t0)
        watch_loop(self._recorder.reading, lambda: self._stopping)
        self._load(start)  # before a stop: what is due by then is served
        gevent.spawn(self._take_over)
        try:
            stop = self._channel.stop.get()
        except SystemExit as leave:  # of a task: gevent raises it here, in the main greenlet
            stop = self._leave(leave)
        try:
            self._stop(stop.drain if isinstance(stop, Stop) else 0.0)
        except SystemExit as leave:
            self._leave(leave)
            self._report_last()
        if isinstance(self._runner, WorkerRunner):
            self._runner._send_stats()  # noqa: SLF001
        reason = "" if isinstance(stop, Stop) else stop
        self._channel.send(Bye(reason, self._set_exit_code()))

    # --- the load -----------------------------------------------------------------------------

    def _prepare(self) -> int:
        """Do what the load must not wait for; returns the users that wait for arrivals."""
        match self._setup.workload:
            case OpenWorkload():
                return self._gather_users()
            case ClosedWorkload() as workload:
                if not self._alone:
                    self._channel.wait_before_stop(self._channel.users_assigned)
                begin_test(workload, self._environment, self._end)
                if self._channel.stop.ready():
                    self._channel.wait_before_stop(self._channel.start)  # raises
            case ShapeWorkload():
                pass  # as in Locust, with the first tick
            case _:
                assert_never(self._setup.workload)
        return 0

    def _gather_users(self) -> int:
        """Start the pool of the open model and wait until each user waits for an arrival."""
        workload = self._setup.workload
        assert self._open is not None
        assert isinstance(workload, OpenWorkload)
        self._open.install(self._environment.user_classes, self._runner)
        if self._alone:
            self._runner.start(*pool_of(workload, self._environment.user_classes))
        else:
            self._channel.wait_before_stop(self._channel.users_assigned)
        while not self._spawned() or self._open.idle < self._runner.user_count:
            if self._channel.stop.ready():
                break
            self._refuse_without_tasks()
            gevent.sleep(0.005)
        self._look_for_failure()
        self._refuse_without_users(workload)
        return int(self._runner.user_count)

    def _refuse_without_tasks(self) -> None:
        """Users without a task would never wait for an arrival."""
        for text in self._errors:
            if NO_TASKS in text:
                raise RefusalError(
                    f"{self._setup.locustfile}: {text}",
                    "Mark methods with @task, or set `tasks` before on_start returns.",
                )

    def _refuse_without_users(self, workload: OpenWorkload) -> None:
        path = self._setup.locustfile
        log = "Look at what its on_start does; the generator's log has the traceback."
        if self._channel.stop.ready():
            raise RefusalError(f"{path}: {self._channel.stop.get()}", log)
        errors = "".join(f"; {text}" for text in sorted(self._errors | self._consequences)[:3])
        if not self._runner.user_count:
            raise RefusalError(f"{path}: every user ended before the load began{errors}", log)
        users = self._runner.user_classes_count
        for name in sorted(users):
            if not users[name]:
                raise RefusalError(
                    f"{path}: {name} has no user in a pool of {workload.max_users}, "
                    f"so its arrivals would never be served{errors}",
                    "Raise max_users of the scenario, or look at what its on_start does.",
                )

    def _load(self, start: Start) -> None:
        if self._open:
            self._open.start(start.t0, start.index, start.count)
        if self._closed:
            self._closed.start(start.t0)

    def _take_over(self) -> None:
        """Serve another share of the schedule whenever the master sends one."""
        for share in self._channel.shares:
            if self._open:
                self._open.take_over(share.index, share.count, share.since)

    def _stop(self, drain: float) -> None:
        deadline = time.monotonic() + drain
        self._stopping = True
        if self._closed:
            self._closed.stop()
        if self._open:
            self._open.stop()
            while (self._open.backlog or self._open.busy) and time.monotonic() < deadline:
                gevent.sleep(0.005)
        users = gevent.spawn(self._stop_users)  # runs on_stop, waits for tasks that still run
        users.join(max(deadline - time.monotonic(), STOP_GRACE if drain else 0.0))
        self._report_last()
        if not users.ready():  # users wait for answers: the listeners of the end have not run
            self._runner.user_greenlets.kill(block=False)
            users.join(STOP_GRACE)

    def _report_last(self) -> None:
        if self._recorder.closed:
            return
        gc.collect()  # detects responses that were never entered: their requests are lost
        if self._open:
            self._open.abandon()
        self._recorder.add_unanswered()
        # No switch of greenlets between the two: nothing is counted after the last report.
        report = self._report()
        self._recorder.closed = True
        self._channel.send(report)

    def _stop_users(self) -> None:
        try:
            self._runner.stop()
            if self._owns_process:
                self._events.quitting.fire(environment=self._environment, reverse=True)
        except SystemExit as leave:  # of a listener
            self._leave(leave)

    def _leave(self, leave: SystemExit) -> str:
        """Keep the exit code of a call of sys.exit; returns the reason of the end."""
        self._exit_code = exit_code_of(leave)
        return f"the locustfile called sys.exit({leave.code!r})"

    def _set_exit_code(self) -> int | None:
        given = self._environment.process_exit_code if self._exit_code is None else self._exit_code
        return None if given is None else int(given)

    def _spawned(self) -> bool:
        greenlet = self._runner.spawning_greenlet
        return bool(greenlet is not None and greenlet.ready())

    # --- reports ------------------------------------------------------------------------------

    def _report_each_second(self, t0: float) -> None:
        moment = t0
        while True:
            # At whole seconds of the load; a blocked loop skips the seconds that it missed.
            moment += max(1.0, float(int(time.monotonic() - moment)))
            gevent.sleep(max(0.0, moment - time.monotonic()))
            if self._recorder.closed:
                return
            self._channel.send(self._report())
            if not self._stopping:
                self._look_for_failure()
                if self._target_users() and not self._runner.user_count:
                    errors = self._errors | self._consequences
                    self._end("every user has ended" + "".join(f"; {e}" for e in errors))

    def _report(self) -> Report:
        wall, cpu = time.monotonic(), time.process_time()
        ratio = (cpu - self._cpu[1]) / max(wall - self._cpu[0], 1e-9)
        self._cpu = (wall, cpu)
        recorder, model = self._recorder, self._open
        return Report(
            at=wall,
            cells=recorder.take_cells(),
            asked=model.asked if model else 0,
            sent=model.sent if model else 0,
            dropped=model.dropped if model else 0,
            started=recorder.started,
            recorded=recorder.recorded,
            in_flight=len(recorder.in_flight),
            lost=recorder.lost,
            oldest=recorder.oldest(),
            users=self._runner.user_count,
            idle_users=model.lowest_idle() if model and not self._stopping else None,
            backlog=model.backlog if model else 0,
            cpu=ratio,
            memory=self._process.memory_info().rss,
            late=model.late if model else 0,
            steal=self._host.steal(),
            throttled=self._host.throttled(),
            cpu_wait=self._host.cpu_wait(),
            target_users=self._target_users(),
            slowest=recorder.take_slowest(),
            burst_requests=recorder.burst_requests(),
            cut=self._cut,
            failures=recorder.take_failures(),
            response_bytes=recorder.response_bytes,
            request_bytes=recorder.request_bytes if recorder.request_bytes_known else None,
            answers=self._answers.take(),
            elsewhere={**recorder.elsewhere.sent},
            redirected={**recorder.elsewhere.redirected},
        )

    def _target_users(self) -> int | None:
        if self._stopping or not self._spawned():
            return None
        return int(self._runner.target_user_count)

    # --- failures -----------------------------------------------------------------------------

    def _end(self, reason: str) -> None:
        self._channel.end(reason)

    def _look_for_failure(self) -> None:
        greenlet = self._runner.spawning_greenlet
        if greenlet is not None and greenlet.exception is not None:
            error = greenlet.exception
            path = Path(self._setup.locustfile)
            self._end(f"a user could not be started: {place(path, error)}: {describe(error)}")

    def _on_test_stopping(self, **_: object) -> None:
        if not self._stopping:
            self._end("the locustfile stopped the test")

    def _on_user_error(self, user_instance: object, exception: BaseException, **_: object) -> None:
        user = user_instance if isinstance(user_instance, User) else user_instance.user  # type: ignore[attr-defined]
        where = place(Path(self._setup.locustfile), exception)
        text = f"{type(user).__name__}: {describe(exception)} ({where})"
        known, after = self._errors, user.__dict__.get(FAILED, "")
        if after:
            known, text = self._consequences, f"{text} after {after}"
            self._cut += 1
        if text not in known and len(known) < MAX_ERRORS:
            known.add(text)
            self._channel.send(UserError(text, consequence=bool(after)))


def pool_of(
    workload: OpenWorkload, user_classes: Sequence[type[User]], count: int = 1
) -> tuple[int, float]:
    """Users that the open model starts before its schedule, and how many of them per second.

    Users that make requests as they start are started in a ramp. Both numbers are for all `count`
    generators together.
    """
    users = pool_size(workload, user_classes, count)
    return users, spawn_rate(users) if act_at_start(user_classes) else AT_ONCE


def stop_at_stop_test(on_end: Callable[[str], None]) -> None:
    """Make a StopTest of a task end the load; in Locust it ends only the user that raised it."""
    original: Any = DefaultTaskSet.run

    def run(self: Any) -> None:
        try:
            original(self)
        except StopTest as stop:
            on_end(reason_of(stop))
            raise

    DefaultTaskSet.run = run  # type: ignore[method-assign, misc]


def exit_code_of(leave: SystemExit) -> int:
    """The exit code that Python gives a process that raises this exception."""
    if leave.code is None:
        return 0
    return leave.code if isinstance(leave.code, int) else 1


def notice_to(channel: ControlChannel) -> Any:
    """A function that sends a notice without blocking its caller."""
    return lambda text: gevent.spawn(channel.send, Notice(text))

"""Inside the generator: the closed model. Users start and stop on schedule and wait for responses.

It controls a local runner, or the master of several workers. The number of users follows the
stages of the scenario, or a `LoadTestShape` of the locustfile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from math import inf
from typing import Any, assert_never
from weakref import WeakSet

import gevent
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import STATE_SPAWNING, Runner, WorkerRunner
from locust.shape import LoadTestShape
from locust.user.task import LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from harness.budgets.workload import ClosedWorkload, ShapeWorkload
from harness.load.user_ramp import steps_of

GRACE = 1.5  # s by which a shape may end before the load: Locust calls it about once a second


class ClosedModel:
    """Starts and stops users according to the stages of the workload."""

    def __init__(self, workload: ClosedWorkload, runner: Any) -> None:
        self._steps = steps_of(workload)
        self._runner = runner
        self._greenlet: gevent.Greenlet | None = None

    def start(self, t0: float) -> None:
        """Begin with the first stage at time `t0`."""
        self._greenlet = gevent.spawn(self._run, t0)

    def stop(self) -> None:
        """Start no ramp from now on."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self, t0: float) -> None:
        for step in self._steps:
            gevent.sleep(max(0.0, t0 + step.at - time.monotonic()))
            self._runner.start(step.users, step.rate)


class ShapeModel:
    """Starts and stops users according to a load shape."""

    def __init__(self, shape: LoadTestShape, runner: Any, on_end: Callable[[str], None]) -> None:
        """Prepare the shape; `start` begins with it.

        Args:
            shape: The shape of the locustfile.
            runner: A local runner, or the master.
            on_end: Called with a reason when the shape ends the load or fails.
        """
        self._shape = shape
        self._runner = runner
        self._on_end = on_end
        self._tick = shape.tick
        self._t0 = inf
        self._ended = False
        self._greenlet: gevent.Greenlet | None = None
        # Locust would end its own process when the shape ends.
        shape.tick = self._watched_tick  # type: ignore[method-assign]

    @property
    def name(self) -> str:
        """The name of the shape's class."""
        return type(self._shape).__name__

    def start(self, t0: float) -> None:
        """Begin with the shape at time `t0`."""
        self._t0 = t0
        self._greenlet = gevent.spawn(self._begin)

    def stop(self) -> None:
        """Change the number of users no more."""
        self._ended = True
        if self._greenlet is not None:
            self._greenlet.kill()
        if self._runner.shape_greenlet is not None:
            self._runner.shape_greenlet.kill()

    def _begin(self) -> None:
        gevent.sleep(max(0.0, self._t0 - time.monotonic()))
        self._runner.start_shape()
        self._runner.shape_greenlet.link_exception(self._fail)

    def _watched_tick(self) -> Any:
        tick = self._tick()
        if tick is None:
            self._end()
            raise gevent.GreenletExit
        return tick

    def _end(self) -> None:
        """Report the end of the shape after a grace time: the load may be about to end anyway."""
        reason = (
            f"the shape {self.name} ended after {time.monotonic() - self._t0:.1f} s, before the "
            "end of the window; lengthen the shape, or shorten the duration of the scenario"
        )
        gevent.spawn_later(GRACE, lambda: self._ended or self._on_end(reason))

    def _fail(self, greenlet: gevent.Greenlet) -> None:
        if not self._ended:
            error = greenlet.exception
            self._on_end(f"the shape {self.name} failed: {type(error).__name__}: {error}")


def closed_model(
    workload: ClosedWorkload | ShapeWorkload,
    environment: Environment,
    on_end: Callable[[str], None],
) -> ClosedModel | ShapeModel:
    """The model that controls the users; calls `on_end` when a shape ends the load."""
    match workload:
        case ClosedWorkload():
            return ClosedModel(workload, environment.runner)
        case ShapeWorkload():
            assert environment.shape_class is not None
            return ShapeModel(environment.shape_class, environment.runner, on_end)
        case _:
            assert_never(workload)


def begin_test(
    workload: ClosedWorkload, environment: Environment, on_end: Callable[[str], None]
) -> None:
    """Run the listeners of `test_start`, before the load; Locust runs them with the first users.

    Within the load the users would wait for a slow listener, and the next ramp would end it and run
    it again.

    Args:
        workload: The load that follows.
        environment: With the runner.
        on_end: Called with a reason when a listener ends the load.
    """
    runner: Any = environment.runner
    fire: Any = environment.events.test_start.fire
    runner.stats.clear_all()
    runner.exceptions = {}
    if not isinstance(runner, WorkerRunner):  # as Locust does, for listeners that make data
        runner.target_user_count = next((step.users for step in steps_of(workload)), 0)
    try:
        fire(environment=environment)
    except StopTest as stop:
        on_end(reason_of(stop))
    # In this state Locust does not run them again.
    if isinstance(runner, WorkerRunner):
        runner.worker_state = STATE_SPAWNING
    else:
        runner.update_state(STATE_SPAWNING)


def reason_of(stop: StopTest) -> str:
    """The reason of the end of a load that a StopTest ended."""
    return f"the locustfile stopped the test{f': {stop}' if str(stop) else ''}"


def stop_users_without_waiting() -> None:
    """Patch Locust so that a ramp continues while stopping users finish their tasks.

    Locust's `stop_users` returns when the users have finished, and the ramp of a local runner waits
    for it before it stops the next user. It also kills waiting users one after the other; users
    that wake up meanwhile would be killed in the middle of a request. To be called in each process
    that has users, before they are started.
    """
    wait_for_users = Runner.stop_users
    leaving: WeakSet[Any] = WeakSet()  # greenlets that were asked to end, but are alive for Locust

    def stop_users(self: Any, counts: dict[str, int]) -> None:
        current = gevent.getcurrent()
        for name, count in counts.items():
            others = [user for user in self.user_greenlets if user.args and user is not current]
            users = [user for user in others if type(user.args[0]).__name__ == name]
            staying = [user for user in users if user not in leaving]
            for user in islice(staying, max(0, count - len(users) + len(staying))):
                leaving.add(user)
                _stop(user.args[0])
        if current is not self.spawning_greenlet:  # the end of the load
            gevent.sleep(0)  # until the waits have ended
            gevent.sleep(0)  # until Locust no longer counts the users that ended with them
            wait_for_users(self, counts)

    runner: Any = Runner
    runner.stop_users = stop_users


def _stop(user: Any) -> None:
    if user._state == LOCUST_STATE_WAITING:  # noqa: SLF001
        gevent.get_hub().loop.run_callback(_end_wait, user)
    elif user._state is None:  # noqa: SLF001 - has not begun
        user.group.killone(user.greenlet, block=False)  # now: it would be killed in a request later
    else:
        user._state = LOCUST_STATE_STOPPING  # noqa: SLF001 - stops by itself after its task


def _end_wait(user: Any) -> None:
    """Let a waiting user end; called by the hub, since no user can wake up between these lines.

    A user that woke up meanwhile ends after its task: killed, it would lose a request.
    """
    waits = user._state == LOCUST_STATE_WAITING  # noqa: SLF001
    user._state = LOCUST_STATE_STOPPING  # noqa: SLF001
    if waits:
        user.greenlet.throw(gevent.GreenletExit())

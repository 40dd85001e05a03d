"""Inside the generator: the closed model. Users come and go on schedule, and wait for answers.

It drives a local runner, or the master of several workers. The users' numbers follow the stages of
the scenario, or a `LoadTestShape` of the locustfile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from math import inf
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import Runner
from locust.shape import LoadTestShape
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING

from harness.budgets.model import ClosedWorkload, ShapeWorkload
from harness.load.user_ramp import steps_of

GRACE = 1.5  # s that a shape may end before the load: it is asked about once a second


class ClosedModel:
    """Starts and stops users as the stages of the workload say."""

    def __init__(self, workload: ClosedWorkload, runner: Any) -> None:
        self._steps = steps_of(workload)
        self._runner = runner
        self._greenlet: gevent.Greenlet | None = None

    def start(self, t0: float) -> None:
        """Begin with the first stage at the moment `t0`."""
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
    """Lets a load shape say how many users there are."""

    def __init__(self, shape: LoadTestShape, runner: Any, on_end: Callable[[str], None]) -> None:
        """Make it ready.

        Args:
            shape: Of the locustfile.
            runner: A local runner, or the master.
            on_end: Called with a reason when the shape ends the load, or fails.
        """
        self._shape = shape
        self._runner = runner
        self._on_end = on_end
        self._tick = shape.tick
        self._t0 = inf
        self._ended = False
        self._greenlet: gevent.Greenlet | None = None
        # Locust would end its own process when the shape says that it has ended.
        shape.tick = self._watched_tick  # type: ignore[method-assign]

    @property
    def name(self) -> str:
        """Of the class."""
        return type(self._shape).__name__

    def start(self, t0: float) -> None:
        """Begin to ask the shape at the moment `t0`."""
        self._t0 = t0
        self._greenlet = gevent.spawn(self._begin)

    def stop(self) -> None:
        """Ask no more."""
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
        answer = self._tick()
        if answer is None:
            self._end()
            raise gevent.GreenletExit
        return answer

    def _end(self) -> None:
        """The users of the last tick go on for a moment: the load may be about to end anyway."""
        reason = (
            f"the shape {self.name} ended after {time.monotonic() - self._t0:.1f} s, before the "
            "window did; lengthen the shape, or shorten the duration of the scenario"
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
    """What drives the environment's users; `on_end` is called when a shape ends the load."""
    if isinstance(workload, ClosedWorkload):
        return ClosedModel(workload, environment.runner)
    assert environment.shape_class is not None
    return ShapeModel(environment.shape_class, environment.runner, on_end)


def stop_users_without_waiting() -> None:
    """Let ramps go on while users that were told to stop still finish their tasks.

    Locust's `stop_users` returns when they have finished, and a local runner's ramp waits for it
    before it stops the next one. It also kills users that wait, one after the other; those that
    wake up until it is their turn would be killed in the middle of a request. Used in each process
    that has users, before there are any.
    """
    wait_for_users = Runner.stop_users

    def stop_users(self: Any, counts: dict[str, int]) -> None:
        current = gevent.getcurrent()
        for name, count in counts.items():
            others = [user for user in self.user_greenlets if user.args and user is not current]
            users = [user.args[0] for user in others if type(user.args[0]).__name__ == name]
            staying = [user for user in users if user._state != LOCUST_STATE_STOPPING]  # noqa: SLF001
            leaving = len(users) - len(staying)  # told so before, and counted by Locust as alive
            for user in islice(staying, max(0, count - leaving)):
                _stop(user)
        if current is not self.spawning_greenlet:  # the end of the load
            wait_for_users(self, counts)

    runner: Any = Runner
    runner.stop_users = stop_users


def _stop(user: Any) -> None:
    works = user._state == LOCUST_STATE_RUNNING  # noqa: SLF001
    user._state = LOCUST_STATE_STOPPING  # noqa: SLF001 - stops by itself after its task
    if not works:  # it waits, and need not
        gevent.spawn(user.group.killone, user.greenlet)

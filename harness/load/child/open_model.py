"""Inside the generator: the open model. Iterations start on schedule, whoever is still waiting.

A user that is about to run a task first takes an arrival, and with it the moment at which the task
was meant to start; the scheduler puts arrivals into one queue per user class. Locustfiles need no
change: `wait_time` is ignored, task weights hold, task sets pass through to their tasks, and each
step of a SequentialTaskSet takes one arrival. `on_start` runs outside of the schedule.

Arrivals are shared out between user classes by their weight; a class with a `fixed_count` gets the
share that it has of the pool.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import Any

import gevent
from gevent.queue import SimpleQueue
from locust import TaskSet, User
from locust.exception import StopUser
from locust.user.task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
)

from harness.budgets.model import OpenWorkload
from harness.load.arrivals import arrivals
from harness.load.child.alarm import Alarm
from harness.load.child.recording import INTENDED, Recorder
from harness.names import SCHEDULER_LAG, START_LAG

_SERVED = "harness_served"  # attribute of a user: it has run a task since it last waited


class Pool:
    """The users of one class, and the arrivals that wait for them.

    Attributes:
        idle: Users that wait for an arrival.
        low: Fewest idle users since `OpenModel.lowest_idle` was last asked.
    """

    def __init__(self) -> None:
        self.queue: Any = SimpleQueue()
        self.idle = 0
        self.low = 0


class OpenModel:
    """Schedules arrivals and hands them to users.

    Attributes:
        asked: Arrivals whose moment has come.
        sent: Arrivals that a user has taken.
        busy: Users within an iteration.
    """

    def __init__(self, workload: OpenWorkload, recorder: Recorder) -> None:
        self.asked = self.sent = self.busy = 0
        self._workload = workload
        self._recorder = recorder
        self._pools: dict[type[User], Pool] = {}
        self._schedule: Iterator[float] = iter(())
        self._choose: Callable[[], Pool] = Pool
        self._next = inf
        self._greenlet: gevent.Greenlet | None = None

    def install(self, user_classes: Sequence[type[User]]) -> None:
        """Make tasks take arrivals; call it before the first user is spawned."""
        self._pools = {user_class: Pool() for user_class in user_classes}
        for task_set in (TaskSet, DefaultTaskSet):
            self._wrap_execute(task_set)
        TaskSet.wait = _do_not_wait  # type: ignore[method-assign]

    def start(self, t0: float) -> None:
        """Begin the schedule: its first second starts at the moment `t0`."""
        pools = list(self._pools.values())
        shares = class_shares(list(self._pools), self._workload.max_users)
        # Not the global generator: which class serves an arrival depends on the seed alone.
        choose = random.Random(self._workload.seed)  # noqa: S311
        self._choose = lambda: choose.choices(pools, shares)[0]
        if len(pools) == 1:
            self._choose = lambda: pools[0]
        self.lowest_idle()
        self._schedule = (t0 + offset for offset in arrivals(self._workload))
        self._next = next(self._schedule, inf)
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """No arrivals from now on. Those whose moment has come are still to be served."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._emit(time.monotonic())

    @property
    def idle(self) -> int:
        """Users that wait for an arrival."""
        return sum(pool.idle for pool in self._pools.values())

    @property
    def backlog(self) -> int:
        """Arrivals that wait for a user."""
        return sum(pool.queue.qsize() for pool in self._pools.values())

    def lowest_idle(self) -> int:
        """Fewest idle users of any one class at any moment since the last call."""
        lowest = min(pool.low for pool in self._pools.values())
        for pool in self._pools.values():
            pool.low = pool.idle
        return lowest

    def _run(self) -> None:
        alarm = Alarm()
        while self._next < inf:
            alarm.wait_until(self._next)
            self._emit(time.monotonic())

    def _emit(self, now: float) -> None:
        while self._next <= now:
            due = self._next
            self.asked += 1
            self._recorder.reading(SCHEDULER_LAG, due, now - due)
            self._choose().queue.put(due)
            self._next = next(self._schedule, inf)

    def _wrap_execute(self, task_set: Any) -> None:
        original = task_set.execute_task

        def execute_task(this: Any, task: Any) -> None:
            if isinstance(task, type) and issubclass(task, TaskSet):
                try:
                    original(this, task)
                finally:
                    # A task set that interrupts itself before any task must not spin for ever.
                    gevent.sleep(0)
                return
            user = this.user
            self._take(user)
            try:
                original(this, task)
            finally:
                self.busy -= 1
                user.__dict__.pop(INTENDED, None)  # no request took it

        task_set.execute_task = execute_task

    def _take(self, user: Any) -> None:
        if user._state == LOCUST_STATE_STOPPING:  # noqa: SLF001
            raise StopUser
        pool = self._pools[type(user)]
        user._state = LOCUST_STATE_WAITING  # noqa: SLF001 - so that Locust stops an idle user at once
        pool.idle += 1
        try:
            intended = pool.queue.get()
        finally:
            pool.idle -= 1
        pool.low = min(pool.low, pool.idle)
        user._state = LOCUST_STATE_RUNNING  # noqa: SLF001
        self.sent += 1
        self.busy += 1
        self._recorder.reading(START_LAG, intended, time.monotonic() - intended)
        user.__dict__[INTENDED] = intended
        user.__dict__[_SERVED] = True


def class_shares(user_classes: Sequence[type[User]], max_users: int) -> list[float]:
    """The share of the arrivals that each user class gets; they add up to one."""
    fixed = sum(user_class.fixed_count for user_class in user_classes)
    weights = sum(c.weight for c in user_classes if not c.fixed_count)
    pool = max(max_users, fixed) if weights else fixed
    left = pool - fixed
    return [
        c.fixed_count / pool if c.fixed_count else left / pool * c.weight / weights
        for c in user_classes
    ]


def _do_not_wait(self: TaskSet) -> None:
    """Instead of TaskSet.wait: the schedule alone decides when the next task starts."""
    user: Any = self.user
    if user._state == LOCUST_STATE_STOPPING:  # noqa: SLF001
        raise StopUser
    if not user.__dict__.pop(_SERVED, False):
        gevent.sleep(0.1)  # nothing was served since the last time: do not spin

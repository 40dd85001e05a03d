"""Inside the generator: the open model. Iterations start on schedule, whoever is still waiting.

A user that is about to run a task first takes an arrival, and with it the moment at which the task
was meant to start; the scheduler puts arrivals into one queue per user class. Locustfiles need no
change: `wait_time` is ignored, task weights hold, task sets pass through to their tasks, and each
step of a SequentialTaskSet takes one arrival. `on_start` runs outside of the schedule.

Arrivals are shared out between user classes by their weight; a class with a `fixed_count` gets the
share that it has of the pool.
"""

from __future__ import annotations

import time
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from math import inf
from typing import Any

import gevent
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
from harness.load.child.common_random import install as note_choices
from harness.load.child.common_random import redraw_task, repeat
from harness.load.child.pools import Pool, class_limits, class_shares
from harness.load.child.recording import INTENDED, Recorder
from harness.load.child.timer import Alarm
from harness.load.sharding import ScheduleShard, draw
from harness.names import LATE, SCHEDULER_LAG, START_LAG

_SERVED = "harness_served"  # attribute of a user: it has run a task since it last waited


class OpenModel:
    """Schedules arrivals and hands them to users.

    The account `asked == sent + dropped + backlog` holds at all times.

    Attributes:
        asked: Arrivals whose moment has come.
        sent: Arrivals that a user has taken.
        late: Those of them that a user took more than `names.LATE` after their moment.
        dropped: Arrivals that no user will take.
        busy: Users within an iteration.
    """

    def __init__(self, workload: OpenWorkload, recorder: Recorder) -> None:
        self.asked = self.sent = self.late = self.dropped = self.busy = 0
        self._workload = workload
        self._recorder = recorder
        self._by_class: dict[type[User], Pool] = {}
        self._pools: tuple[Pool, ...] = ()
        self._cumulative: list[float] = []
        self._slice = ScheduleShard(())
        self._t0 = inf
        self._alarm: Alarm | None = None
        self._greenlet: gevent.Greenlet | None = None
        self._stopped = False

    def install(self, user_classes: Sequence[type[User]], runner: Any) -> None:
        """Make tasks take arrivals; call it before the first user is spawned.

        Args:
            user_classes: Of which there will be users.
            runner: Starts further users when the workload says that the pool grows.
        """
        self._by_class = {
            user_class: Pool(user_class.__name__, runner, self._recorder.on_notice)
            for user_class in user_classes
        }
        self._pools = tuple(self._by_class.values())
        self._cumulative = list(accumulate(class_shares(user_classes, self._workload.max_users)))
        note_choices()
        for task_set in (TaskSet, DefaultTaskSet):
            self._wrap_execute(task_set)
        TaskSet.wait = _do_not_wait  # type: ignore[method-assign]

    def start(self, t0: float, index: int = 0, count: int = 1) -> None:
        """Begin the schedule, or each `count`-th arrival of it from number `index` on.

        Its first second starts at the moment `t0`. The users of the pool wait by now.
        """
        for pool in self._pools:
            pool.made = pool.idle
        self._t0 = t0
        self._slice = ScheduleShard(arrivals(self._workload), index, count)
        self._limit_growth(count)
        self.lowest_idle()
        self._alarm = Alarm()
        self._greenlet = gevent.spawn(self._run)

    def take_over(self, index: int, count: int, since: float) -> None:
        """From the moment `since` on, serve another share of the schedule.

        When all that are left are told so with the same `since`, each arrival from then on is
        emitted by one of them. It should lie ahead: an arrival that somebody else has emitted by
        the time that he hears of it is emitted twice.
        """
        if self._greenlet is None:
            return
        self._greenlet.kill()
        if self._stopped:  # perhaps only while it was killed
            return
        self._slice.resplit(index, count, since - self._t0)
        self._limit_growth(count)
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """No arrivals from now on. Those whose moment has come are still to be served."""
        self._stopped = True
        if self._greenlet is not None:
            self._greenlet.kill()
            self._emit(time.monotonic())

    def abandon(self) -> None:
        """Count what still waits for a user as dropped: the drain is over."""
        for pool in self._pools:
            self.dropped += pool.clear()

    @property
    def idle(self) -> int:
        """Users that wait for an arrival."""
        return sum(pool.idle for pool in self._pools)

    @property
    def backlog(self) -> int:
        """Arrivals that wait for a user."""
        return sum(pool.waiting for pool in self._pools)

    def lowest_idle(self) -> int:
        """Fewest idle users of any one class at any moment since the last call.

        Users that the pool may still grow by count as idle: nobody has to wait for long for them.
        """
        lowest = min(pool.low for pool in self._pools)
        for pool in self._pools:
            pool.low = pool.idle + pool.room
        return lowest

    def _run(self) -> None:
        assert self._alarm is not None
        while self._slice.due < inf:
            self._alarm.wait_until(self._t0 + self._slice.due)
            self._emit(time.monotonic())

    def _emit(self, now: float) -> None:
        following = self._slice
        while (due := self._t0 + following.due) <= now:
            place = following.place
            pool = self._pool_of(place)
            following.advance()
            self.asked += 1
            self._recorder.reading(SCHEDULER_LAG, due, now - due)
            if self._workload.when_exhausted == "drop" and not pool.spare:
                self.dropped += 1
                pool.low = 0
                continue
            pool.put(due, place)

    def _pool_of(self, place: int) -> Pool:
        """Of the user class that serves an arrival: it depends on the seed and its place alone."""
        if len(self._pools) == 1:
            return self._pools[0]
        number = draw(self._workload.seed, place)
        return self._pools[min(bisect(self._cumulative, number), len(self._pools) - 1)]

    def _limit_growth(self, count: int) -> None:
        if self._workload.when_exhausted == "grow":
            limits = class_limits(list(self._by_class), self._workload.max_users, count)
            for pool, limit in zip(self._pools, limits, strict=True):
                pool.limit = limit

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
            repeat(self._workload.seed, self._take(user))
            try:
                original(this, redraw_task(this, task))
            finally:
                self.busy -= 1
                user.__dict__.pop(INTENDED, None)  # no request took it

        task_set.execute_task = execute_task

    def _take(self, user: Any) -> int:
        """Wait for an arrival; its place in the schedule."""
        if user._state == LOCUST_STATE_STOPPING:  # noqa: SLF001
            raise StopUser
        user._state = LOCUST_STATE_WAITING  # noqa: SLF001 - so that Locust stops an idle user at once
        intended, place = self._by_class[type(user)].get(user)
        user._state = LOCUST_STATE_RUNNING  # noqa: SLF001
        self.sent += 1
        self.busy += 1
        lag = time.monotonic() - intended
        self.late += lag > LATE
        self._recorder.reading(START_LAG, intended, lag)
        user.__dict__[INTENDED] = intended
        user.__dict__[_SERVED] = True
        return place


def _do_not_wait(self: TaskSet) -> None:
    """Instead of TaskSet.wait: the schedule alone decides when the next task starts."""
    user: Any = self.user
    if user._state == LOCUST_STATE_STOPPING:  # noqa: SLF001
        raise StopUser
    if not user.__dict__.pop(_SERVED, False):
        gevent.sleep(0.1)  # nothing was served since the last time: do not spin

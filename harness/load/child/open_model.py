"""Inside the generator: the open model. Iterations start on schedule; responses do not delay them.

A user that is about to run a task first takes an arrival, and with it the intended start of the
task; each user class has its own arrivals. Locustfiles need no change: users do not wait between
tasks, task weights hold, task sets pass through to their tasks, and each step of a
SequentialTaskSet takes one arrival. A user within a sequence (see `progress`) takes arrivals before
users that would begin one, so all steps run in the proportions of Locust. `on_start` runs outside
of the schedule.

Arrivals are divided between user classes by their weight; a class with a `fixed_count` gets the
share that it has of the pool.
"""

from __future__ import annotations

import time
from bisect import bisect
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate
from math import inf
from typing import Any, assert_never

import gevent
from locust import TaskSet, User
from locust.exception import CatchResponseError, StopUser
from locust.user.task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
)
from locust.user.users import PytestUser
from requests.exceptions import RequestException

from harness.budgets.workload import OpenWorkload
from harness.load.arrivals import arrivals
from harness.load.child.common_random import install as record_choices
from harness.load.child.common_random import redraw_task, repeat
from harness.load.child.locustfile.progress import advance, is_within_sequence
from harness.load.child.pools import Pool, class_limits, class_shares
from harness.load.child.recording import INTENDED, Recorder
from harness.load.child.records.failures import FAILED
from harness.load.child.timer import Alarm
from harness.load.sharding import ScheduleShard, draw
from harness.names import LATE, SCHEDULER_LAG, START_LAG

# Attribute of a user: whether the task of its last arrival has ended; none after the next wait.
_SERVED = "harness_served"
_wait: Any = TaskSet.wait


class OpenModel:
    """Schedules arrivals and assigns them to users.

    `asked == sent + dropped + backlog` holds at all times.

    Attributes:
        asked: Arrivals whose intended start has passed.
        sent: Arrivals that a user has taken.
        late: Arrivals that a user took more than `names.LATE` after their intended start.
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
        self._shard = ScheduleShard(())
        self._t0 = inf
        self._alarm: Alarm | None = None
        self._stopped = False

    def install(self, user_classes: Sequence[type[User]], runner: Any) -> None:
        """Make tasks take arrivals; to be called before the first user is spawned.

        Args:
            user_classes: The classes of the load.
            runner: Starts further users when the workload's pool grows.
        """
        self._by_class = {
            user_class: Pool(user_class.__name__, runner, self._recorder.on_notice)
            for user_class in user_classes
        }
        self._pools = tuple(self._by_class.values())
        self._cumulative = list(accumulate(class_shares(user_classes, self._workload.max_users)))
        record_choices()
        for task_set in (TaskSet, DefaultTaskSet):
            self._wrap_execute(task_set)
        TaskSet.wait = _wait_within_tasks  # type: ignore[method-assign]

        def run(user: Any) -> None:
            self._run_tests(user)

        PytestUser.run = run  # type: ignore[method-assign, misc]

    def start(self, t0: float, index: int = 0, count: int = 1) -> None:
        """Begin the schedule at time `t0`; the users of the pool wait already.

        Of several generators, this one serves every `count`-th arrival from number `index` on.
        """
        for pool in self._pools:
            pool.made = pool.idle
        self._t0 = t0
        self._shard = ScheduleShard(arrivals(self._workload), index, count)
        self._limit_growth(count)
        self.lowest_idle()
        self._alarm = Alarm(self._run)
        self._run()

    def take_over(self, index: int, count: int, since: float) -> None:
        """From time `since` on, serve another share of the schedule.

        When all remaining generators get the same `since`, each arrival from then on is emitted by
        one of them. `since` should lie ahead: an arrival that another generator has emitted before
        it learns of the change is emitted twice.
        """
        if self._alarm is None or self._stopped:
            return
        self._shard.resplit(index, count, since - self._t0)
        self._limit_growth(count)
        self._run()

    def stop(self) -> None:
        """Emit no further arrivals; those whose intended start has passed are still served."""
        self._stopped = True
        if self._alarm is not None:
            self._alarm.stop()
            self._emit(time.monotonic())

    def abandon(self) -> None:
        """Count arrivals that still wait for a user as dropped: the drain is over."""
        for pool in self._pools:
            dues = pool.clear()
            self.dropped += len(dues)
            self._recorder.add_unstarted(dues)

    @property
    def idle(self) -> int:
        """Users that wait for an arrival."""
        return sum(pool.idle for pool in self._pools)

    @property
    def backlog(self) -> int:
        """Arrivals that wait for a user."""
        return sum(pool.waiting for pool in self._pools)

    def lowest_idle(self) -> int:
        """Lowest number of idle users of any class since the last call.

        Users that the pool may still start count as idle: starting them takes little time.
        """
        lowest = min(pool.low for pool in self._pools)
        for pool in self._pools:
            pool.low = pool.idle + pool.room
        return lowest

    def _run(self) -> None:
        assert self._alarm is not None
        self._emit(time.monotonic())
        if self._shard.due < inf:
            self._alarm.set(self._t0 + self._shard.due)
        else:
            self._alarm.stop()

    def _emit(self, now: float) -> None:
        following = self._shard
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
        """The pool of an arrival's user class, which depends only on the seed and the place."""
        if len(self._pools) == 1:
            return self._pools[0]
        number = draw(self._workload.seed, place)
        return self._pools[min(bisect(self._cumulative, number), len(self._pools) - 1)]

    def _limit_growth(self, count: int) -> None:
        match self._workload.when_exhausted:
            case "grow":
                limits = class_limits(list(self._by_class), self._workload.max_users, count)
                for pool, limit in zip(self._pools, limits, strict=True):
                    pool.limit = limit
            case "queue" | "drop":
                pass
            case _:
                assert_never(self._workload.when_exhausted)

    def _wrap_execute(self, task_set: Any) -> None:
        original = task_set.execute_task

        def execute_task(this: Any, task: Any) -> None:
            if isinstance(task, type) and issubclass(task, TaskSet):
                try:
                    original(this, task)
                finally:
                    advance(this)
                    # A task set that interrupts itself before any task must not block the loop.
                    gevent.sleep(0)
                return
            user = this.user
            repeat(self._workload.seed, self._take(user, this))
            try:
                original(this, redraw_task(this, task))
            finally:
                advance(this)
                self._end_iteration(user)

        task_set.execute_task = execute_task

    def _run_tests(self, user: Any) -> None:
        """Replaces PytestUser.run: each arrival runs all tests of the user, in their order."""
        user._state = LOCUST_STATE_RUNNING  # noqa: SLF001
        fixtures = [next(test.fixturedef.func(user)) for test in user.functions]
        while True:
            repeat(self._workload.seed, self._take(user, None))
            try:
                for test, fixture in zip(user.functions, fixtures, strict=True):
                    with suppress(RequestException, CatchResponseError, ConnectionError):
                        test.obj(fixture)
            except StopUser:
                return
            finally:
                self._end_iteration(user)

    def _end_iteration(self, user: Any) -> None:
        self.busy -= 1
        user.__dict__.pop(INTENDED, None)  # unless the first request took it
        user.__dict__[_SERVED] = True

    def _take(self, user: Any, task_set: TaskSet | None) -> int:
        """Wait for an arrival; its place in the schedule."""
        if user._state == LOCUST_STATE_STOPPING:  # noqa: SLF001
            raise StopUser
        user._state = LOCUST_STATE_WAITING  # noqa: SLF001 - so that Locust stops an idle user at once
        within = task_set is not None and is_within_sequence(task_set)
        intended, place = self._by_class[type(user)].get(user, within_sequence=within)
        user._state = LOCUST_STATE_RUNNING  # noqa: SLF001
        self.sent += 1
        self.busy += 1
        lag = time.monotonic() - intended
        self.late += lag > LATE
        self._recorder.reading(START_LAG, intended, lag)
        user.__dict__[INTENDED] = intended
        user.__dict__[_SERVED] = False
        if self._recorder.any_failed:
            user.__dict__.pop(FAILED, None)
        return place


def _wait_within_tasks(self: TaskSet) -> None:
    """Replaces TaskSet.wait: only the schedule determines the start of the next task."""
    user: Any = self.user
    if user._state == LOCUST_STATE_STOPPING:  # noqa: SLF001
        raise StopUser
    if user.__dict__.get(_SERVED) is False:  # a task has called it
        since = time.monotonic()
        _wait(self)
        if INTENDED in user.__dict__:  # the first request is due after the wait
            user.__dict__[INTENDED] += time.monotonic() - since
    elif user.__dict__.pop(_SERVED, None) is None:
        gevent.sleep(0.1)  # without an iteration since the last call, do not block the loop

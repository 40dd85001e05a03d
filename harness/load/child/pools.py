"""Inside the generator: the users of the open model, one pool for each class.

An arrival goes to the user that has waited longest. Users within a sequence come first: with more
users than arrivals, each would otherwise begin a sequence and none would end it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, assert_never

import gevent
from gevent.hub import Waiter
from locust import User
from locust.dispatch import _kl_generator
from locust.user.task import TaskSet

from harness.budgets.workload import OpenWorkload
from harness.load.sharding import apportion

_STARTING = "harness_starting"  # attribute of a user that joined the pool later and is not ready


class _Turn(Waiter):  # type: ignore[misc] # gevent has no types
    """A user that waits for an arrival, for less CPU time than a queue.

    Attributes:
        arrival: The arrival that it was assigned; it gets it in the next callback of the loop.
    """

    arrival: tuple[float, int] | None = None


class Pool:
    """The users of one class, and the arrivals that wait for them.

    Attributes:
        idle: Users that wait for an arrival.
        low: Lowest number of idle users since `OpenModel.lowest_idle` last read it, plus `room`.
        made: Users that were ever started, dead ones included: a class whose `on_start` fails is
            not retried without end.
        limit: Highest number of users; 0 for a pool that does not grow.
    """

    def __init__(self, name: str, runner: Any, on_notice: Callable[[str], None]) -> None:
        self.idle = self.low = self.made = self.limit = 0
        self._name = name
        self._runner = runner
        self._on_notice = on_notice
        self._starting = 0
        self._arrivals: deque[tuple[float, int]] = deque()  # while no user waits
        self._assigned = 0  # arrivals of users that have not resumed yet
        # The users that wait, the first one first.
        self._free: deque[_Turn] = deque()
        self._within_sequence: deque[_Turn] = deque()

    @property
    def waiting(self) -> int:
        """Arrivals that wait for a user."""
        return len(self._arrivals) + self._assigned

    @property
    def spare(self) -> int:
        """Users that wait for an arrival, less the arrivals that wait for a user."""
        return max(0, self.idle - self.waiting)

    @property
    def room(self) -> int:
        """Users that may still be started."""
        return max(0, self.limit - self.made)

    def put(self, due: float, place: int) -> None:
        """Add an arrival; start one more user if none is idle or about to be."""
        if self.room and self.idle + self._starting <= self.waiting:
            self.made += 1
            self._starting += 1
            self.low = min(self.low, self.room)
            gevent.spawn(self._grow)
        self._assign((due, place))

    def get(self, user: Any, *, within_sequence: bool = False) -> tuple[float, int]:
        """Wait for an arrival; returns its intended start and its place.

        Args:
            user: The user that waits.
            within_sequence: Whether it comes before users that are not.
        """
        self._arrived(user)
        if self._arrivals:
            self.low = min(self.low, self.idle + self.room)
            return self._arrivals.popleft()
        turn = _Turn()
        waiting = self._within_sequence if within_sequence else self._free
        waiting.append(turn)
        self.idle += 1
        try:
            arrival: tuple[float, int] = turn.get()
        except BaseException:  # the user was killed
            self._withdraw(turn, waiting)
            raise
        finally:
            self.idle -= 1
        self._assigned -= 1
        self.low = min(self.low, self.idle + self.room)
        return arrival

    def clear(self) -> list[float]:
        """Remove the arrivals that wait; returns their intended starts."""
        dues = [due for due, _ in self._arrivals]
        self._arrivals.clear()
        return dues

    def _assign(self, arrival: tuple[float, int]) -> None:
        waiting = self._within_sequence or self._free
        if waiting:
            self._assigned += 1
            turn = waiting.popleft()
            turn.arrival = arrival
            gevent.get_hub().loop.run_callback(turn.switch, arrival)
        else:
            self._arrivals.append(arrival)

    def _withdraw(self, turn: _Turn, waiting: deque[_Turn]) -> None:
        """Forget a user that waited; another one gets the arrival that it was assigned."""
        if turn.arrival is not None:
            self._assigned -= 1
            self._assign(turn.arrival)
        else:
            waiting.remove(turn)

    def _grow(self) -> None:
        try:
            (user,) = self._runner.spawn_users({self._name: 1})
        except Exception as error:  # noqa: BLE001 - of the class's __init__
            self._starting -= 1
            self.limit = 0
            self._on_notice(f"the pool of {self._name} cannot grow: {error!r}")
            return
        user.__dict__[_STARTING] = True
        user.greenlet.link(lambda _: self._arrived(user))

    def _arrived(self, user: Any) -> None:
        self._starting -= bool(user.__dict__.pop(_STARTING, False))


def class_shares(user_classes: Sequence[type[User]], max_users: int) -> list[float]:
    """The share of the arrivals that each user class gets; the shares add up to 1."""
    fixed = sum(user_class.fixed_count for user_class in user_classes)
    weights = sum(c.weight for c in user_classes if not c.fixed_count)
    pool = max(max_users, fixed) if weights else fixed
    left = pool - fixed
    return [
        c.fixed_count / pool if c.fixed_count else left / pool * c.weight / weights
        for c in user_classes
    ]


def class_limits(user_classes: Sequence[type[User]], max_users: int, count: int) -> list[int]:
    """Highest number of users of each class in one of `count` generators."""
    return apportion(max_users // count, class_shares(user_classes, max_users))


def pool_size(workload: OpenWorkload, user_classes: Sequence[type[User]], count: int = 1) -> int:
    """Users that all `count` generators together start with.

    A pool that grows starts with enough users to give each generator one of each class.
    """
    match workload.when_exhausted:
        case "queue" | "drop":
            return workload.max_users
        case "grow":
            return min(workload.max_users, max(workload.min_users, _smallest(user_classes, count)))
        case _:
            assert_never(workload.when_exhausted)


def _smallest(user_classes: Sequence[type[User]], count: int) -> int:
    fixed = sum(user_class.fixed_count for user_class in user_classes)
    weighted = [(c.__name__, c.weight) for c in user_classes if not c.fixed_count]
    missing = dict.fromkeys((name for name, _ in weighted), count)

    def still_missing(name: Any) -> bool:
        missing[name] -= 1
        return any(number > 0 for number in missing.values())

    dealt = takewhile(still_missing, _kl_generator(weighted)) if weighted else ()
    return fixed + sum(1 for _ in dealt) + bool(weighted)


AT_ONCE = 10_000.0  # users per second; as fast as a generator can create them


def act_at_start(user_classes: Sequence[type[User]]) -> bool:
    """Whether code of a locustfile, or of a library, runs in some user before its first task."""
    pending: list[Any] = list(user_classes)
    seen: set[Any] = set()
    while pending:
        found = pending.pop()
        if found in seen or not isinstance(found, type) or not issubclass(found, User | TaskSet):
            continue  # a function
        seen.add(found)
        if any(_is_foreign(getattr(found, name)) for name in ("__init__", "on_start", "run")):
            return True
        pending += found.tasks
    return False


def _is_foreign(function: Any) -> bool:
    package = str(getattr(function, "__module__", "")).partition(".")[0]
    return package not in {"locust", "harness"}

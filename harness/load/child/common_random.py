"""Inside the generator: an arrival draws the same numbers each time that its schedule is repeated.

Which task an arrival runs, and what that draws from `random` before its first request, then depend
on the seed and the arrival's place alone: not on which user serves it, nor on what others drew in
the meantime. So two versions of a service that get the same arrivals get the same requests, and
much of the noise between them is gone (common random numbers; Law 2015, "Simulation Modeling and
Analysis", 11.2).

Locust chooses a user's next task before the user waits, so it is chosen again once the arrival is
there. Task sets that are left to choose later keep their own order: sequences, Markov chains, and
those in which some tasks are task sets. What a task draws after its first request is not repeated.
"""

from __future__ import annotations

import random
from typing import Any

from locust import TaskSet
from locust.user.task import DefaultTaskSet

from harness.load.sharding import draw

_CHOSEN = "harness_chosen"  # attribute of a task set: what it chose at random and has not begun
_STREAM = 0x7A5C  # keeps these numbers apart from those that say which user class serves an arrival

_by_chance: list[Any] = []  # the methods of Locust that choose by weight alone, wrapped


def install() -> None:
    """Note what task sets choose; call it before the first user is spawned."""
    for task_set in (TaskSet, DefaultTaskSet):
        _wrap(task_set)


def repeat(seed: int, place: int) -> None:
    """Let `random` go on from where it always does for this arrival."""
    random.seed(int(draw(seed ^ _STREAM, place) * 2**53))


def redraw_task(task_set: TaskSet, task: Any) -> Any:
    """The task that an arrival runs, for which Locust took this one from the queue."""
    chosen = task_set.__dict__.pop(_CHOSEN, None)
    if chosen is not task or type(task_set).get_next_task not in _by_chance:
        return task  # a sequence's next one, or what the locustfile scheduled
    again: Any = task_set.get_next_task()  # type: ignore[no-untyped-call]
    task_set.__dict__.pop(_CHOSEN)
    return task if isinstance(again, type) else again


def _wrap(task_set: Any) -> None:
    original = task_set.get_next_task

    def get_next_task(self: Any) -> Any:
        task = original(self)
        self.__dict__[_CHOSEN] = task
        return task

    task_set.get_next_task = get_next_task
    _by_chance.append(get_next_task)

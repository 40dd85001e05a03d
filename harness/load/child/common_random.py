"""Inside the generator: an arrival draws the same random numbers whenever its schedule is repeated.

The task of an arrival, and the numbers that the task draws from `random` before its first request,
depend only on the seed and the place of the arrival: not on the user that serves it, nor on the
numbers that other users draw meanwhile. So two versions of a service that get the same arrivals get
the same requests, which removes much of the noise between them (common random numbers; Law 2015,
"Simulation Modeling and Analysis", 11.2).

Locust chooses a user's next task before the user waits, so the task is drawn again once the arrival
is there. Task sets with another order keep it: sequences, Markov chains, and task sets with nested
task sets. Numbers that a task draws after its first request are not repeated.
"""

from __future__ import annotations

import random
from typing import Any

from locust import TaskSet
from locust.user.task import DefaultTaskSet

from harness.load.sharding import draw

_CHOSEN = "harness_chosen"  # attribute of a task set: the task that it has chosen and not begun
_STREAM = 0x7A5C  # separates these numbers from those that choose the user class of an arrival

_random_choices: list[Any] = []  # the methods of Locust that choose by weight only, wrapped


def install() -> None:
    """Record the choices of task sets; to be called before the first user is spawned."""
    for task_set in (TaskSet, DefaultTaskSet):
        _wrap(task_set)


def repeat(seed: int, place: int) -> None:
    """Seed `random` for an arrival, by its place in the schedule."""
    random.seed(int(draw(seed ^ _STREAM, place) * 2**53))


def redraw_task(task_set: TaskSet, task: Any) -> Any:
    """The task of an arrival, in place of the one that Locust took from its queue."""
    chosen = task_set.__dict__.pop(_CHOSEN, None)
    if chosen is not task or type(task_set).get_next_task not in _random_choices:
        return task  # the next one of a sequence, or one that the locustfile scheduled
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
    _random_choices.append(get_next_task)

"""Inside the generator: whether a user is within a sequence of tasks that it has begun.

A sequence is a round of a `SequentialTaskSet`, or the stay in a nested task set that calls
`interrupt`. It begins with its first task and ends with its last.
"""

from __future__ import annotations

from functools import cache

from locust import SequentialTaskSet, TaskSet
from locust.user.task import DefaultTaskSet

from harness.load.child.locustfile.classes import methods

_DONE = "harness_done"  # attribute of a task set: the tasks that it has run


def advance(task_set: TaskSet) -> None:
    """Count a task that a task set has run."""
    known = task_set.__dict__
    known[_DONE] = known.get(_DONE, 0) + 1


def is_within_sequence(task_set: TaskSet) -> bool:
    """Whether the task set that is about to run a task, or one around it, has begun a sequence."""
    level: object = task_set
    while isinstance(level, TaskSet) and not isinstance(level, DefaultTaskSet):
        done = level.__dict__.get(_DONE, 0)
        if isinstance(level, SequentialTaskSet):
            if done % max(1, len(level.tasks)):
                return True
        elif done and _ends(type(level)):
            return True
        level = level.parent
    return False


@cache
def _ends(task_set: type[TaskSet]) -> bool:
    """Whether a method of the class calls `interrupt`, e.g. `self.interrupt()`."""
    ends = {"interrupt", "InterruptTaskSet"}
    return any(ends.intersection(function.__code__.co_names) for function in methods(task_set))

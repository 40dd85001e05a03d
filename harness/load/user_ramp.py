"""When users start and stop in a closed workload: a pure function of the workload."""

from __future__ import annotations

from typing import NamedTuple

from harness.budgets.model import ClosedWorkload

SPAWN_RATE = 100.0  # users per second that start where the workload does not say, at least
SPAWN_TIME = 10.0  # s that starting them takes, at most, their `on_start` aside


class Step(NamedTuple):
    """From a moment on, one user starts or stops after the other until there are so many.

    Attributes:
        at: Seconds from the start of the load.
        rate: Users per second.
    """

    at: float
    users: int
    rate: float


def spawn_rate(users: int) -> float:
    """Users per second with which so many start or stop where the workload does not say."""
    return max(SPAWN_RATE, users / SPAWN_TIME)


def steps_of(workload: ClosedWorkload) -> list[Step]:
    """What is to be done when. A stage that changes nothing has no step."""
    steps: list[Step] = []
    begin, users = 0.0, 0
    for stage in workload.stages:
        first = stage.users if stage.start_users is None else stage.start_users
        ready = begin
        if first != users:
            rate = spawn_rate(abs(first - users))
            steps.append(Step(begin, first, rate))
            ready += abs(first - users) / rate
        if stage.users != first:
            # At once what there is no time for.
            left = max(begin + stage.seconds - ready, 1 / SPAWN_RATE)
            steps.append(Step(ready, stage.users, abs(stage.users - first) / left))
        begin, users = begin + stage.seconds, stage.users
    return steps

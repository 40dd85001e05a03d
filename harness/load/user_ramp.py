"""The times at which users of a closed workload start and stop: a pure function of the workload."""

from __future__ import annotations

from typing import NamedTuple

from harness.budgets.workload import ClosedWorkload

SPAWN_RATE = 100.0  # users per second; the lowest rate where the workload specifies none
SPAWN_TIME = 10.0  # s; the longest time in which all users are started, `on_start` aside


class Step(NamedTuple):
    """A ramp: users start or stop one by one until their number is reached.

    Attributes:
        at: Start of the ramp, seconds from the start of the load.
        users: Number of users at its end.
        rate: Users per second.
    """

    at: float
    users: int
    rate: float


def spawn_rate(users: int) -> float:
    """Users that start or stop per second where the workload specifies no rate."""
    return max(SPAWN_RATE, users / SPAWN_TIME)


def steps_of(workload: ClosedWorkload) -> list[Step]:
    """The ramps of the workload. A stage that does not change the number of users has none."""
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
            # Without time for a ramp, all users change at once.
            left = max(begin + stage.seconds - ready, 1 / SPAWN_RATE)
            steps.append(Step(ready, stage.users, abs(stage.users - first) / left))
        begin, users = begin + stage.seconds, stage.users
    return steps

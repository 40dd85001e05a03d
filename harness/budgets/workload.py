"""Workload models: the schedule of arrivals or users of a load.

Durations are seconds, rates are per second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Stage:
    """An arrival rate for some seconds.

    Attributes:
        rate: Arrivals per second; at the end of the stage when it is a ramp.
        start_rate: None for a constant rate; otherwise the rate changes linearly from this one.
    """

    rate: float
    seconds: float
    start_rate: float | None = None


@dataclass(frozen=True, slots=True)
class OpenWorkload:
    """Arrivals that follow a schedule and do not wait for answers.

    Attributes:
        stages: In order. Nothing arrives after the last one.
        arrivals: `poisson` draws exponential gaps, `even` spaces them equally.
        seed: Two runs with one seed get the same arrival times.
        max_users: Size of the pool of Locust users that serve the arrivals.
        when_exhausted: What happens to an arrival when no user is idle: with `queue` it waits,
            with `grow` it waits and one more user starts, up to `max_users`, with `drop` it is
            counted and not served.
        min_users: Number of users at the start, with `grow`.
    """

    stages: tuple[Stage, ...]
    arrivals: Literal["poisson", "even"] = "poisson"
    seed: int = 1
    max_users: int = 100
    when_exhausted: Literal["queue", "grow", "drop"] = "queue"
    min_users: int = 10

    @property
    def seconds(self) -> float:
        """Duration of the arrivals."""
        return sum(stage.seconds for stage in self.stages)


@dataclass(frozen=True, slots=True)
class UserStage:
    """A number of users for some seconds.

    Attributes:
        users: Their number; at the end of the stage when it is a ramp.
        start_users: None for a constant number; otherwise users start or stop one by one, at equal
            intervals, beginning with this number.
    """

    users: int
    seconds: float
    start_users: int | None = None


@dataclass(frozen=True, slots=True)
class ClosedWorkload:
    """Users that wait for an answer before they send the next request.

    Attributes:
        stages: In order. There are no users after the last one.
    """

    stages: tuple[UserStage, ...]
    seed: int = 1

    @property
    def seconds(self) -> float:
        """Duration of the stages."""
        return sum(stage.seconds for stage in self.stages)


@dataclass(frozen=True, slots=True)
class ShapeWorkload:
    """Closed model in which a `LoadTestShape` of the locustfile sets the number of users.

    Attributes:
        shape: The name of the class.
    """

    shape: str
    seed: int = 1


@dataclass(frozen=True, slots=True)
class CapacityOptions:
    """How `harness capacity` searches with a scenario, and what must come out.

    Attributes:
        least: The capacity that the service must have, per second; None without a bound.
        start: The first rate; None is the rate of the scenario.
        most: The highest rate to try; None without a limit.
        seconds: Longest duration of the search; None is that of the command.
        max_regression: How far the capacity may be below that of another version, as a share;
            None without a bound.
    """

    least: float | None = None
    start: float | None = None
    most: float | None = None
    seconds: float | None = None
    max_regression: float | None = None


Workload = OpenWorkload | ClosedWorkload | ShapeWorkload

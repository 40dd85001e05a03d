"""The loop of a search: when it goes on, and what ends it from outside."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.budgets.model import Load, Scenario
from harness.budgets.workload import OpenWorkload, Stage
from harness.errors import TargetError
from harness.experiments.capacity import CapacityDesign, search_capacity
from harness.judge.capacity.model import CapacityStep
from harness.judge.capacity.search import SearchRange

LOAD = Load(Path("a.py"), OpenWorkload((Stage(50.0, 15.0),)))
SCENARIO = Scenario("load", (LOAD,), warm_up=5.0, duration=10.0)


def design(seconds: float = 600.0, repeat: int = 1) -> CapacityDesign:
    return CapacityDesign(SCENARIO, SearchRange(50, 1e6, 1), seconds, repeat)


def step(rate: float) -> CapacityStep:
    return CapacityStep(rate, "holds" if rate <= 130 else "breaks", "", 10.0, "step")


@dataclass
class Service:
    """A service with a capacity of 130/s, whose steps take no time."""

    expected: float = 15.0
    at: Callable[[float], CapacityStep | None] = step
    rates: list[float] = field(default_factory=list)

    def run(self, rate: float, deadline: float) -> CapacityStep | None:
        assert deadline > time.monotonic()
        self.rates.append(rate)
        return self.at(rate)


def test_search_goes_on_until_the_interval_is_narrow() -> None:
    service = Service()
    (search,), error = search_capacity(service, design())
    assert error is None
    assert (search.end, search.bracket.lower, search.bracket.upper) == ("found", 130, 135)
    assert [one.rate for one in search.steps] == service.rates


def test_second_search_begins_near_the_result_of_the_first() -> None:
    service = Service()
    searches, _ = search_capacity(service, design(repeat=3))
    first, second, third = ([one.rate for one in search.steps] for search in searches)
    assert (first[0], second[0], third[0]) == (50, 130 / 1.2, 130 / 1.2)
    assert len(second) < len(first)
    assert {(one.bracket.lower or 0) <= 130 for one in searches} == {True}


def test_search_ends_before_a_step_that_its_time_does_not_allow() -> None:
    (search,), error = search_capacity(Service(expected=700.0), design())
    assert (search.end, error) == ("time", None)
    assert [one.rate for one in search.steps] == [50]  # one step is always made


def test_signal_ends_the_search_with_the_steps_so_far() -> None:
    searches, error = search_capacity(
        Service(at=lambda rate: step(rate) if rate < 100 else None), design(repeat=2)
    )
    assert [search.end for search in searches] == ["interrupted"]
    assert (error, len(searches[0].steps)) == (None, 1)


def test_signal_between_the_loads_ends_the_search_too() -> None:
    def raises(rate: float) -> CapacityStep:
        if rate < 100:
            return step(rate)
        raise KeyboardInterrupt

    (search,), error = search_capacity(Service(at=raises), design())
    assert (search.end, error, len(search.steps)) == ("interrupted", None, 1)


def test_service_that_does_not_start_once_is_started_again() -> None:
    service = Service()

    def raises(rate: float) -> CapacityStep:
        if service.rates == [50, 100]:
            raise TargetError("the service was not ready within 30 s")
        return step(rate)

    service.at = raises
    (search,), error = search_capacity(service, design())
    assert (search.end, error) == ("found", None)
    assert service.rates[:4] == [50, 100, 100, 200]


def test_service_that_does_not_start_ends_the_search_with_its_error() -> None:
    problem = TargetError("the service was not ready within 30 s", "see its log")

    def raises(rate: float) -> CapacityStep:
        if rate < 100:
            return step(rate)
        raise problem

    (search,), error = search_capacity(Service(at=raises), design(repeat=2))
    assert error is problem
    assert (search.end, search.reason) == ("error", problem.message)

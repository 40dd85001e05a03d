"""The search for the capacity: which rate comes next, when it ends, and how often it is right."""

import random
from collections.abc import Callable
from math import exp, inf, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.judge.capacity.judge import judge_capacity
from harness.judge.capacity.model import CapacitySearch, CapacityStep
from harness.judge.capacity.search import (
    MOST_STEPS_AT_A_RATE,
    Bracket,
    SearchEnd,
    SearchRange,
    StepResult,
    bracket,
    next_rate,
)

RANGE = SearchRange(start=50, most=1_000_000, least=1)
Service = Callable[[float], StepResult]
Tried = list[tuple[float, StepResult]]


def search(limits: SearchRange, service: Service) -> tuple[SearchEnd, Bracket, Tried]:
    """Search until it ends by itself."""
    tried: Tried = []
    while True:
        rate = next_rate(limits, tried)
        if isinstance(rate, str):
            return rate, bracket(tried), tried
        assert limits.least <= rate <= limits.most
        tried.append((rate, service(rate)))
        assert len(tried) < 300


def exact(capacity: float, generator: float = inf) -> Service:
    """A service without noise, and a generator that makes at most `generator`."""

    def at(rate: float) -> StepResult:
        if rate > generator:
            return "generator"
        return "holds" if rate <= capacity else "breaks"

    return at


def noisy(
    capacity: float, seed: int, *, deviation: float, undecided: float, lost: float
) -> Service:
    """A service as the judge sees it: near its capacity a step is undecided.

    Args:
        capacity: The true one.
        seed: Of the noise.
        deviation: Of the logarithm of the capacity from step to step.
        undecided: Half the width of the judge's interval, in deviations.
        lost: Share of the steps that break a budget for another reason, at any rate.
    """
    source = random.Random(seed)

    def at(rate: float) -> StepResult:
        distance = log(rate / capacity) + source.gauss(0, deviation)
        if source.random() < lost:
            return "breaks"
        if abs(distance) < undecided * deviation:
            return "undecided"
        return "holds" if distance < 0 else "breaks"

    return at


def rates(tried: Tried) -> list[float]:
    return [rate for rate, _ in tried]


# --- without noise --------------------------------------------------------------------------------


def test_search_doubles_the_rate_confirms_the_breach_and_bisects() -> None:
    end, found, tried = search(RANGE, exact(130))
    assert end == "found"
    assert rates(tried) == [50, 100, 200, 200, 141, 141, 119, 130, 135, 135, 130]
    assert (found.held, found.lower, found.upper) == (130, 130, 135)


@settings(max_examples=80)
@given(st.floats(1.1, 500_000), st.sampled_from([0.01, 0.05, 0.2]))
def test_interval_holds_the_capacity_and_is_as_narrow_as_wanted(
    capacity: float, within: float
) -> None:
    limits = SearchRange(50, 1_000_000, 1, within)
    end, found, tried = search(limits, exact(capacity))
    assert end == "found"
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower <= capacity < found.upper <= found.lower * (1 + within) * (1 + 1e-9)
    assert found.held == found.lower
    assert rates(tried).count(found.upper) == 2
    assert len(tried) < 65


def test_search_that_reaches_the_highest_rate_says_so() -> None:
    end, found, tried = search(SearchRange(50, 150, 1), exact(inf))
    assert end == "reached"
    assert rates(tried) == [50, 100, 150, 150]
    assert (found.lower, found.upper) == (150, None)


def test_search_ends_below_when_not_even_the_lowest_rate_holds() -> None:
    end, found, tried = search(SearchRange(50, 1000, 12.5), exact(3))
    assert end == "nothing-holds"
    assert rates(tried) == [50, 50, 25, 25, 12.5, 12.5]
    assert (found.lower, found.upper) == (None, 12.5)


@pytest.mark.parametrize(
    ("service", "upper", "headline"),
    [
        (exact(inf, generator=3), None, "the capacity is not known"),
        # The generator is held back while the lowest rate is tried.
        (lambda rate: "breaks" if rate > 20 else "generator", 25, "the capacity is below 25/s"),
    ],
)
def test_generator_that_cannot_make_the_lowest_rate_breaks_no_budget(
    service: Service, upper: float | None, headline: str
) -> None:
    limits = SearchRange(50, 1000, 12.5)
    end, found, tried = search(limits, service)
    assert (end, found.lower, found.upper) == ("generator", None, upper)
    steps = tuple(CapacityStep(rate, result, "", 20.0, "") for rate, result in tried)
    judged = judge_capacity([CapacitySearch(steps, end)], limits)
    assert judged.outcome == "inconclusive"
    assert judged.headline == f"{headline}; the load generator is the limit at 12.5/s"


def test_limit_of_the_generator_is_no_upper_bound_of_the_capacity() -> None:
    end, found, _ = search(RANGE, exact(inf, generator=700))
    assert end == "generator"
    assert found.generator
    assert found.upper is None
    assert found.lower is not None
    assert found.stop is not None
    assert found.lower <= 700 < found.stop <= 1.05 * found.lower


def test_capacity_below_the_limit_of_the_generator_is_found() -> None:
    end, found, _ = search(RANGE, exact(500, generator=700))
    assert end == "found"
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower <= 500 < found.upper


@pytest.mark.parametrize("capacity", [100.5, 101.0, 137.0, 199.0])
def test_bound_is_tried_itself_once_the_capacity_may_lie_on_either_side(capacity: float) -> None:
    limits = SearchRange(50, 1_000_000, 1, bound=101.0)
    _, found, tried = search(limits, exact(capacity))
    assert 101.0 in rates(tried)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower >= 101.0 or found.upper <= 101.0


# --- one rate -------------------------------------------------------------------------------------

H: StepResult = "holds"
B: StepResult = "breaks"
U: StepResult = "undecided"
D: StepResult = "disturbed"
G: StepResult = "generator"
AT_A_RATE: dict[str, tuple[list[StepResult], float]] = {
    "one that holds is enough at first": ([H], 100.0),
    "one that breaks is tried again": ([B], 50.0),
    "one that is undecided is not tried again": ([U], 100.0),
    "one that was disturbed is tried again": ([D], 50.0),
    "two that were disturbed are undecided": ([D, D], 100.0),
    "one that was disturbed says nothing": ([D, H], 100.0),
    "one that breaks is not confirmed by one that was disturbed": ([B, D], 50.0),
    "one of three that breaks is undecided": ([B, D, D], 100.0),
    "one that the generator cannot make is tried again": ([G], 50.0),
    "two that differ need a third": ([B, H], 50.0),
    "two that break bound the capacity": ([B, B], 25.0),
    "two of three decide": ([B, H, B], 25.0),
    "two of three hold": ([B, H, H], 100.0),
    "three that differ are undecided": ([B, H, U], 100.0),
}


@pytest.mark.parametrize(("results", "expected"), AT_A_RATE.values(), ids=AT_A_RATE)
def test_rate_counts_by_two_equal_results(results: list[StepResult], expected: float) -> None:
    assert next_rate(RANGE, [(50.0, one) for one in results]) == expected


def test_highest_rate_that_held_once_by_chance_does_not_stay_the_lower_bound() -> None:
    tried: Tried = [(50, H), (100, H), (104, B), (104, B)]
    assert next_rate(RANGE, tried) == 100
    tried += [(100, B), (100, B)]
    found = bracket(tried)
    assert (found.held, found.lower, found.upper) == (50, None, 100)
    assert next_rate(RANGE, [*tried, (70, H)]) == 83.7
    assert bracket([*tried, (70, H)]).lower == 50


def test_rate_that_held_above_one_that_broke_does_not_count() -> None:
    found = bracket([(50, H), (100, B), (100, B), (120, H), (120, H)])
    assert (found.held, found.lower, found.upper) == (50, None, 100)


BY_TWO_STEPS: dict[str, tuple[Tried, float | None]] = {
    "one step": ([(50, H)], None),
    "two at one rate": ([(50, H), (50, H)], 50),
    "two rates": ([(50, H), (100, H), (200, H)], 100),
    "a rate that broke the next two times": ([(50, H), (100, H), (100, B), (100, B)], None),
    "a rate that is still open": ([(50, H), (60, H), (100, H), (100, B)], 50),
    "above what the generator can make": ([(50, H), (100, G), (100, G), (200, H)], None),
}


@pytest.mark.parametrize(("tried", "lower"), BY_TWO_STEPS.values(), ids=BY_TWO_STEPS)
def test_rate_bounds_the_capacity_from_below_by_two_steps_that_held_at_it_or_above(
    tried: Tried, lower: float | None
) -> None:
    assert bracket(tried).lower == lower


def test_climb_ends_when_the_two_highest_rates_are_undecided() -> None:
    end, found, tried = search(RANGE, lambda rate: H if rate <= 60 else U)
    assert end == "noise"
    assert max(rates(tried)) == 200
    assert found.upper is None
    assert found.lower is not None
    assert 50 <= found.lower <= 60


@settings(max_examples=80)
@given(st.data())
def test_search_ends_whatever_the_results(data: st.DataObject) -> None:
    results: st.SearchStrategy[StepResult] = st.sampled_from([H, B, U, D, G])
    limits = SearchRange(50, 2000, 2, 0.05, data.draw(st.none() | st.floats(2, 2000)))
    _, found, tried = search(limits, lambda _: data.draw(results))
    counts = [rates(tried).count(rate) for rate in set(rates(tried))]
    assert max(counts) <= MOST_STEPS_AT_A_RATE
    if found.lower is not None and found.upper is not None:
        assert found.lower < found.upper


# --- with noise -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deviation", "lost"),
    [(0.01, 0.0), (0.02, 0.0), (0.05, 0.0), (0.02, 0.05), (0.05, 0.05)],
)
def test_interval_of_a_noisy_service_holds_its_capacity_in_95_of_100_searches(
    deviation: float, lost: float
) -> None:
    """The judge's intervals are those of 95%: two deviations on either side."""
    right, count = 0, 300
    for number in range(count):
        capacity = exp(random.Random(number).uniform(log(5), log(5000)))
        service = noisy(capacity, number, deviation=deviation, undecided=2, lost=lost)
        _, found, _ = search(SearchRange(50, 1e6, 0.1), service)
        right += (found.lower or 0) <= capacity <= (found.upper or inf)
    assert right >= 0.95 * count


def test_three_searches_hold_the_capacity_of_a_service_that_varies_from_start_to_start() -> None:
    """Each step has a capacity of its own, and no step is undecided.

    The interval of one search is then too narrow, and that of several searches is not.
    """
    once = thrice = 0
    for number in range(150):
        service = noisy(110, number, deviation=0.02, undecided=0, lost=0)
        found = [search(RANGE, service)[1] for _ in range(3)]
        lows, highs = [one.lower or 0 for one in found], [one.upper or inf for one in found]
        once += lows[0] <= 110 <= highs[0]
        thrice += min(lows) <= 110 <= max(highs)
    assert once < 0.9 * 150
    assert thrice >= 0.95 * 150

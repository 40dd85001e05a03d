"""Schedules of two services in turn or together: equal arrivals, and no overlap in turn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.budgets.rates import expected
from harness.budgets.workload import OpenWorkload, Stage
from harness.load.arrivals import arrivals
from harness.load.interleaving import Interleaving, in_turn, random_order

POISSON = OpenWorkload((Stage(20.0, 30.0),))
few = settings(max_examples=40)

interleavings = st.builds(
    Interleaving,
    warm_up=st.sampled_from([0.0, 0.5, 3.0]),
    first=st.lists(st.integers(0, 1), min_size=1, max_size=4).map(tuple),
    gap=st.sampled_from([0.125, 0.25, 1.0]),
    together=st.booleans(),
)


def times(
    interleaving: Interleaving, side: int, seed: int = 7, workload: OpenWorkload = POISSON
) -> list[float]:
    return list(arrivals(in_turn(workload, interleaving, side, seed)))


def begins(interleaving: Interleaving, side: int) -> list[float]:
    """The start of each turn of a service, by the definition of the schedule."""
    places = []
    for number, first in enumerate(interleaving.first):
        place = number if interleaving.together else 2 * number + (first != side)
        places.append(
            interleaving.warm_up
            + 1.5 * interleaving.gap
            + place * (interleaving.length + interleaving.gap)
        )
    return places


def offsets(interleaving: Interleaving, side: int, seed: int) -> list[list[float]]:
    """The arrivals in each turn of a service, seconds from its start."""
    found = times(interleaving, side, seed)
    return [
        [t - begin for t in found if begin - 1e-9 <= t <= begin + interleaving.length + 1e-9]
        for begin in begins(interleaving, side)
    ]


@few
@given(interleavings, st.integers(0, 2**31), st.sampled_from(["poisson", "even"]))
def test_arrivals_lie_in_the_warm_up_and_in_own_turns_only(
    interleaving: Interleaving, seed: int, kind: str
) -> None:
    workload = OpenWorkload((Stage(20.0, 30.0),), arrivals=kind)  # type: ignore[arg-type]
    for side in (0, 1):
        found = times(interleaving, side, seed, workload)
        inside = [t for t in found if t <= interleaving.warm_up]
        for begin in begins(interleaving, side):
            inside += [t for t in found if begin - 1e-9 <= t <= begin + interleaving.length + 1e-9]
        assert inside == found
        window = [t for t in found if t > interleaving.warm_up]
        assert all(interleaving.lead < t < interleaving.lead + interleaving.window for t in window)


@few
@given(interleavings, st.integers(0, 2**31))
def test_both_services_get_the_same_arrivals_in_their_turns(
    interleaving: Interleaving, seed: int
) -> None:
    one, other = (offsets(interleaving, side, seed) for side in (0, 1))
    assert [len(turn) for turn in one] == [len(turn) for turn in other]
    for first, second in zip(one, other, strict=True):
        assert first == pytest.approx(second, abs=1e-9)
    warm = [
        [t for t in times(interleaving, side, seed) if t < interleaving.warm_up] for side in (0, 1)
    ]
    assert warm[0] == warm[1]


@few
@given(interleavings)
def test_turns_do_not_overlap_and_a_gap_lies_between(interleaving: Interleaving) -> None:
    every = sorted({*begins(interleaving, 0), *begins(interleaving, 1)})
    assert np.diff(every) == pytest.approx(
        [interleaving.length + interleaving.gap] * (len(every) - 1)
    )
    one, other = set(times(interleaving, 0)), set(times(interleaving, 1))
    shared = {t for t in one & other if t > interleaving.warm_up}
    assert shared == (
        {t for t in one if t > interleaving.warm_up} if interleaving.together else set()
    )


@few
@given(interleavings)
def test_turns_end_one_length_after_their_start_and_within_the_window(
    interleaving: Interleaving,
) -> None:
    for side in (0, 1):
        ends = interleaving.ends(side)
        assert ends == pytest.approx(
            [begin + interleaving.length for begin in begins(interleaving, side)]
        )
        assert all(
            interleaving.lead < end < interleaving.lead + interleaving.window for end in ends
        )


@few
@given(interleavings)
def test_expected_arrivals_are_the_rate_times_the_loaded_time(interleaving: Interleaving) -> None:
    schedules = [in_turn(POISSON, interleaving, side, 1) for side in (0, 1)]
    for schedule in schedules:
        assert schedule.seconds == pytest.approx(interleaving.lead + interleaving.window)
        assert expected(schedule.stages, schedule.seconds) == pytest.approx(
            20.0 * (interleaving.warm_up + len(interleaving.first) * interleaving.length)
        )
    warm, turned = 20.0 * interleaving.warm_up, 20.0 * len(interleaving.first) * interleaving.length
    assert 20.0 * interleaving.loaded == pytest.approx(
        warm + turned * (1 if interleaving.together else 2)
    )


def test_another_seed_has_other_arrivals() -> None:
    interleaving = Interleaving(1.0, (0, 1, 0))
    assert times(interleaving, 0, seed=1) == times(interleaving, 0, seed=1)
    assert times(interleaving, 0, seed=1) != times(interleaving, 0, seed=2)


def test_workload_keeps_all_but_stages_and_seed() -> None:
    workload = OpenWorkload((Stage(9.0, 1.0),), "even", 3, 17, "drop", 5)
    turned = in_turn(workload, Interleaving(2.0, (1,)), 0, 11)
    assert (turned.arrivals, turned.max_users, turned.when_exhausted) == ("even", 17, "drop")
    assert (turned.min_users, turned.seed) == (5, 11)


def test_random_order_is_fair_and_repeatable() -> None:
    assert random_order(1.0, 40, 5) == random_order(1.0, 40, 5)
    candidates = sum(sum(random_order(1.0, 5, seed).first) for seed in range(2000))
    assert stats.binomtest(candidates, 10_000).pvalue > 1e-3

"""Two services loaded in turn or together: the same arrivals for both, and never both in turn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.budgets.model import OpenWorkload, Stage
from harness.load.arrivals import arrivals, expected_count
from harness.load.interleaving import Interleaving, in_turn, random_order

POISSON = OpenWorkload((Stage(20.0, 30.0),))
few = settings(max_examples=40)

turns = st.builds(
    Interleaving,
    warm_up=st.sampled_from([0.0, 0.5, 3.0]),
    first=st.lists(st.integers(0, 1), min_size=1, max_size=4).map(tuple),
    gap=st.sampled_from([0.125, 0.25, 1.0]),
    together=st.booleans(),
)


def times(
    plan: Interleaving, which: int, seed: int = 7, workload: OpenWorkload = POISSON
) -> list[float]:
    return list(arrivals(in_turn(workload, plan, which, seed)))


def begins(plan: Interleaving, which: int) -> list[float]:
    """When each turn of a service begins, by the schedule's description."""
    places = []
    for number, first in enumerate(plan.first):
        place = number if plan.together else 2 * number + (first != which)
        places.append(plan.warm_up + 1.5 * plan.gap + place * (plan.length + plan.gap))
    return places


def offsets(plan: Interleaving, which: int, seed: int) -> list[list[float]]:
    """Of the arrivals in each turn of a service, from its begin."""
    found = times(plan, which, seed)
    return [
        [t - begin for t in found if begin - 1e-9 <= t <= begin + plan.length + 1e-9]
        for begin in begins(plan, which)
    ]


@few
@given(turns, st.integers(0, 2**31), st.sampled_from(["poisson", "even"]))
def test_arrivals_lie_in_the_warm_up_and_in_own_turns_only(
    plan: Interleaving, seed: int, kind: str
) -> None:
    workload = OpenWorkload((Stage(20.0, 30.0),), arrivals=kind)  # type: ignore[arg-type]
    for which in (0, 1):
        found = times(plan, which, seed, workload)
        inside = [t for t in found if t <= plan.warm_up]
        for begin in begins(plan, which):
            inside += [t for t in found if begin - 1e-9 <= t <= begin + plan.length + 1e-9]
        assert inside == found
        window = [t for t in found if t > plan.warm_up]
        assert all(plan.lead < t < plan.lead + plan.window for t in window)


@few
@given(turns, st.integers(0, 2**31))
def test_both_services_get_the_same_arrivals_in_their_turns(plan: Interleaving, seed: int) -> None:
    one, other = (offsets(plan, which, seed) for which in (0, 1))
    assert [len(turn) for turn in one] == [len(turn) for turn in other]
    for mine, theirs in zip(one, other, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-9)
    warm = [[t for t in times(plan, which, seed) if t < plan.warm_up] for which in (0, 1)]
    assert warm[0] == warm[1]


@few
@given(turns)
def test_turns_do_not_overlap_and_a_gap_lies_between(plan: Interleaving) -> None:
    every = sorted({*begins(plan, 0), *begins(plan, 1)})
    assert np.diff(every) == pytest.approx([plan.length + plan.gap] * (len(every) - 1))
    one, other = set(times(plan, 0)), set(times(plan, 1))
    shared = {t for t in one & other if t > plan.warm_up}
    assert shared == ({t for t in one if t > plan.warm_up} if plan.together else set())


@few
@given(turns)
def test_turns_end_a_length_after_their_begin_and_within_the_window(plan: Interleaving) -> None:
    for which in (0, 1):
        ends = plan.ends(which)
        assert ends == pytest.approx([begin + plan.length for begin in begins(plan, which)])
        assert all(plan.lead < end < plan.lead + plan.window for end in ends)


@few
@given(turns)
def test_expected_arrivals_of_both_are_the_rate_times_the_load(plan: Interleaving) -> None:
    schedules = [in_turn(POISSON, plan, which, 1) for which in (0, 1)]
    for schedule in schedules:
        assert schedule.seconds == pytest.approx(plan.lead + plan.window)
        assert expected_count(schedule) == pytest.approx(
            20.0 * (plan.warm_up + len(plan.first) * plan.length)
        )
    warm, turned = 20.0 * plan.warm_up, 20.0 * len(plan.first) * plan.length
    assert 20.0 * plan.loaded == pytest.approx(warm + turned * (1 if plan.together else 2))


def test_another_seed_has_other_arrivals() -> None:
    plan = Interleaving(1.0, (0, 1, 0))
    assert times(plan, 0, seed=1) == times(plan, 0, seed=1)
    assert times(plan, 0, seed=1) != times(plan, 0, seed=2)


def test_workload_keeps_all_but_stages_and_seed() -> None:
    workload = OpenWorkload((Stage(9.0, 1.0),), "even", 3, 17, "drop", 5)
    turned = in_turn(workload, Interleaving(2.0, (1,)), 0, 11)
    assert (turned.arrivals, turned.max_users, turned.when_exhausted) == ("even", 17, "drop")
    assert (turned.min_users, turned.seed) == (5, 11)


def test_coin_is_fair_and_repeatable() -> None:
    assert random_order(1.0, 40, 5) == random_order(1.0, 40, 5)
    heads = sum(sum(random_order(1.0, 5, seed).first) for seed in range(2000))
    assert stats.binomtest(heads, 10_000).pvalue > 1e-3

"""The change of the capacity between two versions: its interval, its verdict, its error rate."""

import random
from dataclasses import replace
from math import exp, inf, log

import pytest

from harness.experiments.capacity import range_after
from harness.judge.capacity.compare import (
    SearchPair,
    change_words,
    compare_capacities,
    contradict,
    more_pairs,
    width_for,
)
from harness.judge.capacity.model import CapacityEnd, CapacitySearch, CapacityStep
from harness.judge.capacity.search import SearchRange
from harness.judge.model import Outcome
from tests.unit.judge.capacity.test_judge import searched
from tests.unit.judge.capacity.test_search import noisy, search

RANGE = SearchRange(50, 1_000_000, 1)


def pair(
    baseline: tuple[float | None, float | None],
    candidate: tuple[float | None, float | None],
    ends: tuple[CapacityEnd, CapacityEnd] = ("found", "found"),
) -> SearchPair:
    return SearchPair(searched(*baseline, ends[0]), searched(*candidate, ends[1]))


SAME = pair((100, 102), (100, 102))
CASES: dict[str, tuple[list[SearchPair], Outcome, str]] = {
    "equal": ([SAME, SAME], "pass", "it is lower by at most 1.96%, and 10% is tolerated"),
    "higher": ([pair((100, 102), (150, 153))] * 2, "pass", "it is lower by at most 0%"),
    "lower": ([pair((100, 102), (80, 82))] * 2, "fail", "it is lower by at least 18%"),
    "lower by what is tolerated": (
        [pair((100, 102), (90, 92))] * 2,
        *("inconclusive", "it may be lower by more or by less than is tolerated; use a smaller"),
    ),
    "one pair decides and the other does not": (
        [pair((100, 102), (80, 82)), SAME],
        *("inconclusive", "the versions vary from start to start: raise --searches"),
    ),
    "one pair alone": ([pair((100, 102), (80, 82))], "inconclusive", "1 of 2 pairs of searches"),
    "an interrupted pair does not count": (
        [SAME, pair((100, 102), (80, 82), ("found", "interrupted"))],
        *("inconclusive", "1 of 2 pairs of searches are complete, which is too few"),
    ),
    "a pair that ended by an error does not count": (
        [SAME, SAME, pair((100, 102), (None, None), ("error", "error"))],
        *("pass", "it is lower by at most 1.96%"),
    ),
    "an error came before the first step": (
        [SearchPair(*[CapacitySearch((), "error", "no service\n  its output")] * 2)],
        *("inconclusive", "0 of 2 pairs of searches are complete, which is too few; no service"),
    ),
    "both hold at the highest rate": (
        [pair((150, None), (150, None), ("reached", "reached"))] * 2,
        *("inconclusive", "the baseline holds at the highest rate to try: raise --to"),
    ),
    "only the baseline holds at the highest rate": (
        [pair((150, None), (80, 82), ("reached", "found"))] * 2,
        *("fail", "it is lower by at least 45.3%"),
    ),
    "only the candidate holds at the highest rate": (
        [pair((80, 82), (150, None), ("found", "reached"))] * 2,
        *("pass", "it is lower by at most 0%"),
    ),
    "the generator is the limit": (
        [pair((150, None), (150, None), ("generator", "generator"))] * 2,
        *("inconclusive", "the load generator is the limit for the baseline"),
    ),
    "noise": (
        [pair((90, 130), (90, 130), ("noise", "noise"))] * 2,
        *("inconclusive", "steps with the baseline have no result: use an idle machine"),
    ),
    "no time": (
        [pair((100, 102), (90, 130), ("found", "time"))] * 2,
        *("inconclusive", "the search with the candidate ran out of time: raise --for"),
    ),
    "the candidate holds at no rate": (
        [pair((100, 102), (None, 2), ("found", "nothing-holds"))] * 2,
        *("fail", "it is lower by at least 98%"),
    ),
    "neither holds at any rate": (
        [pair((None, 2), (None, 2), ("nothing-holds", "nothing-holds"))] * 2,
        *("inconclusive", "no rate holds for the baseline: begin with a lower --from"),
    ),
}


@pytest.mark.parametrize(("pairs", "outcome", "reason"), CASES.values(), ids=CASES)
def test_verdict_on_the_change(pairs: list[SearchPair], outcome: Outcome, reason: str) -> None:
    found = compare_capacities(pairs, RANGE, 0.1, 2)
    assert (found.outcome, found.exit_code) == (
        outcome,
        {"pass": 0, "fail": 3, "inconclusive": 4}[outcome],
    )
    assert reason in found.check.reason


def test_interval_of_the_change_holds_those_of_all_complete_pairs() -> None:
    pairs = [pair((100, 102), (100, 103)), pair((80, 84), (84, 88))]
    interrupted = pair((10, 11), (90, 92), ("found", "interrupted"))
    found = compare_capacities([*pairs, interrupted], RANGE, 0.1, 2)
    assert found.check.lower == pytest.approx(100 / 102 - 1)
    assert found.check.upper == pytest.approx(88 / 80 - 1)
    assert (found.baseline.lower, found.baseline.upper) == (80, 102)
    assert (found.candidate.lower, found.candidate.upper) == (84, 103)


def test_pairs_are_compared_with_their_like_when_the_machine_slows_down() -> None:
    """Both capacities fall to a half between the pairs: their ratio does not change."""
    pairs = [pair((100, 102), (100, 102)), pair((50, 51), (50, 51))]
    assert compare_capacities(pairs, RANGE, 0.1, 2).outcome == "pass"


def test_pairs_that_contradict_each_other_need_one_more() -> None:
    lower = pair((100, 102), (80, 82))
    assert (contradict([SAME, SAME]), contradict([SAME, lower])) == (False, True)
    assert [more_pairs(found, 2) for found in ([], [SAME], [SAME, SAME])] == [True, True, False]
    assert more_pairs([SAME, lower], 2)
    assert not more_pairs([SAME, lower, SAME], 2)
    assert not contradict([pair((None, None), (None, None), ("time", "time"))] * 2)


@pytest.mark.parametrize(
    ("tolerance", "width"), [(0.1, 0.025), (0.5, 0.05), (0.02, 0.01), (0.08, 0.02)]
)
def test_width_of_each_search_follows_from_the_tolerance(tolerance: float, width: float) -> None:
    assert width_for(tolerance) == pytest.approx(width)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (None, None, "not known"),
        (-0.2, -0.1, "lower by 10% to 20%"),
        (0.1, 0.2, "higher by 10% to 20%"),
        (-0.05, 0.02, "between 5% lower and 2% higher"),
        (-0.05, 0.0, "between 5% lower and unchanged"),
        (-0.05, None, "lower by at most 5%"),
        (0.05, None, "higher by at least 5%"),
        (None, -0.05, "lower by at least 5%"),
        (None, 0.05, "higher by at most 5%"),
    ],
)
def test_change_in_words(low: float | None, high: float | None, text: str) -> None:
    assert change_words((low, high)) == text


# --- error rates ----------------------------------------------------------------------------------


def simulated(seed: int, change: float, deviation: float, drift: float) -> list[SearchPair]:
    """Two pairs, or three, of searches with services that vary from start to start.

    Args:
        seed: Of the noise.
        change: Of the capacity, true.
        deviation: Of the logarithm of the capacity, from start to start; the judge does not see it.
        drift: Of the logarithm of both capacities, from pair to pair.
    """
    source = random.Random(seed)
    capacity = exp(source.uniform(log(20), log(2000)))
    limits = [SearchRange(capacity / 3 * source.uniform(0.8, 1.2), 1e6, 0.01, width_for(0.1))] * 2
    pairs: list[SearchPair] = []
    while more_pairs(pairs, 2):
        machine = exp(source.gauss(0, drift))
        found = []
        for which, true in enumerate((capacity, capacity * (1 + change))):
            number = 1000 * seed + 10 * len(pairs) + which
            service = noisy(true * machine, number, deviation=deviation, undecided=0, lost=0)
            end, _, tried = search(limits[which], service)
            steps = tuple(CapacityStep(rate, result, "", 10.0, "") for rate, result in tried)
            found.append(CapacitySearch(steps, end))
            limits[which] = range_after(found[-1], limits[which])
        pairs.append(SearchPair(*found))
    return pairs


@pytest.mark.parametrize("drift", [0.0, 0.05])
def test_interval_holds_the_change_in_95_of_100_comparisons(drift: float) -> None:
    right, failed, count = 0, 0, 100
    for seed in range(count):
        found = compare_capacities(simulated(seed, -0.1, 0.02, drift), RANGE, 0.1, 2)
        low, high = found.check.lower, found.check.upper
        right += (-inf if low is None else low) <= -0.1 <= (inf if high is None else high)
        failed += found.outcome == "fail"
    assert right >= 0.93 * count  # docs/capacity.md has the rates of more comparisons
    assert failed <= 0.06 * count


def test_change_of_twice_the_tolerance_fails_and_none_passes() -> None:
    outcomes = [
        [
            compare_capacities(simulated(seed, change, 0.02, 0.0), RANGE, 0.1, 2).outcome
            for seed in range(40)
        ]
        for change in (-0.2, 0.0)
    ]
    assert outcomes[0].count("fail") >= 38
    assert outcomes[1].count("pass") >= 38


def test_undecided_search_widens_the_interval() -> None:
    wide = replace(SAME, candidate=searched(80, 120, "noise"))
    found = compare_capacities([SAME, wide], RANGE, 0.1, 2)
    assert found.outcome == "inconclusive"
    assert found.check.lower == pytest.approx(80 / 102 - 1)

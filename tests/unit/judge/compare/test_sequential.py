"""The sequential test on pairs, held against scipy and against simulations with a known truth."""

from __future__ import annotations

from math import exp, inf, log, log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.judge.compare.sequential import (
    MOST_PAIRS,
    Design,
    design,
    detectable,
    hodges_lehmann,
    interval,
    look,
    pairs_needed,
)

PLAN = design(0.1, 32, alpha=0.01)
RATIOS = st.lists(st.floats(-1, 1), min_size=1, max_size=20, unique=True)


@pytest.mark.parametrize("count", [4, 5, 6])
def test_interval_of_few_pairs_is_students(count: int) -> None:
    values = np.random.default_rng(count).normal(0.02, 0.05, count)
    lower, upper = interval(list(values), PLAN)
    for level, end, side in ((PLAN.fail, lower, 0), (PLAN.passing, upper, 1)):
        both = stats.ttest_1samp(values, 0).confidence_interval(1 - 2 * level.t)
        assert end == pytest.approx(both[side], rel=1e-9)


@given(st.lists(st.integers(-1000, 1000), min_size=7, max_size=20, unique_by=abs), st.data())
def test_interval_of_many_pairs_ends_where_the_exact_signed_rank_test_does(
    thousandths: list[int], data: st.DataObject
) -> None:
    # Off the grid on which the averages lie: ties have no exact distribution.
    center = data.draw(st.integers(-1000, 1000)) / 1000 + 0.0001237
    values = np.array(thousandths) / 1000
    if len(set(np.abs(values - center).round(9))) < len(values):
        return
    lower, upper = interval(list(values), PLAN)
    above = stats.wilcoxon(values - center, alternative="greater", method="exact").pvalue
    below = stats.wilcoxon(values - center, alternative="less", method="exact").pvalue
    assert (lower > center) == (above <= PLAN.fail.rank)
    assert (upper < center) == (below <= PLAN.passing.rank)


def test_interval_of_so_few_pairs_that_no_rank_sum_is_rare_enough_has_no_end() -> None:
    strict = design(0.1, 64, alpha=0.001)
    assert interval([0.2 + i / 100 for i in range(9)], strict)[0] == -inf
    assert look([0.2 + i / 100 for i in range(9)], strict).decision == "continue"


@given(RATIOS)
def test_estimate_is_the_median_of_the_pairwise_averages(ratios: list[float]) -> None:
    values = np.array(ratios)
    i, j = np.triu_indices(len(values))
    assert hodges_lehmann(ratios) == pytest.approx(float(np.median((values[i] + values[j]) / 2)))


DECISIONS = {
    "three pairs say nothing": ([0.5, 0.5, 0.5], "continue"),
    "four equal pairs pass": ([0.001, -0.001, 0.002, 0.0], "pass"),
    "four pairs far over the tolerance fail": ([0.3, 0.31, 0.29, 0.3], "fail"),
    "worse than before, but by less than the tolerance, passes": (
        [0.03, 0.031, 0.03, 0.029],
        "pass",
    ),
    "four pairs of noise go on": ([0.1, -0.1, 0.2, -0.05], "continue"),
    "better passes": ([-0.3, -0.31, -0.29, -0.3], "pass"),
}


@pytest.mark.parametrize(("ratios", "decision"), DECISIONS.values(), ids=DECISIONS)
def test_look_decides(ratios: list[float], decision: str) -> None:
    assert look(ratios, PLAN).decision == decision


def test_look_at_the_most_pairs_without_a_decision_is_inconclusive() -> None:
    ratios = list(np.random.default_rng(5).normal(0.05, 0.3, 32))
    assert [look(ratios[:k], PLAN).decision for k in (31, 32)] == ["continue", "inconclusive"]


@given(RATIOS, st.floats(0, 0.5))
def test_look_never_improves_when_every_pair_gets_worse(ratios: list[float], shift: float) -> None:
    order = {"pass": 0, "continue": 1, "inconclusive": 1, "fail": 2}
    before, after = look(ratios, PLAN), look([r + shift for r in ratios], PLAN)
    assert order[after.decision] >= order[before.decision]


@given(RATIOS)
def test_look_does_not_depend_on_the_order_of_the_pairs(ratios: list[float]) -> None:
    assert look(sorted(ratios), PLAN).decision == look(ratios, PLAN).decision


@pytest.mark.parametrize("most", MOST_PAIRS)
def test_levels_are_stricter_for_smaller_errors(most: int) -> None:
    plans = [design(0.1, most, alpha=0.01 / m) for m in (1, 2, 5, 10, 50)]
    for levels in ([p.fail.t for p in plans], [p.fail.rank for p in plans]):
        assert levels == sorted(set(levels), reverse=True)
    assert plans[0].fail.t < plans[0].passing.t


def test_levels_are_stricter_for_more_looks() -> None:
    ranks = [design(0.1, most, alpha=0.01).fail.rank for most in MOST_PAIRS]
    assert ranks == sorted(set(ranks), reverse=True)


@pytest.mark.parametrize(("most", "alpha"), [(20, 0.01), (32, 1e-5)])
def test_design_without_a_level_is_refused(most: int, alpha: float) -> None:
    with pytest.raises(ValueError, match=r"most pairs|too many budgets"):
        design(0.1, most, alpha=alpha)


def test_detectable_is_what_the_fixed_size_test_finds_with_95_percent() -> None:
    random = np.random.default_rng(3)
    noise, count = 0.05, 12
    worse = detectable(list(random.normal(0, noise, count)))
    assert worse is not None
    expected = exp(3.97 * noise / (count - 2.7) ** 0.5) - 1
    pairs = random.normal(log1p(expected), noise, (20_000, count))
    found = stats.ttest_1samp(pairs, 0, axis=1, alternative="greater").pvalue <= 0.01
    assert 0.93 < found.mean() < 0.97
    assert detectable([0.1] * 3) is None


def test_pairs_needed_grow_with_the_noise_up_to_the_most() -> None:
    needed = [pairs_needed(noise, 0.1) for noise in (0.01, 0.03, 0.06, 0.08, 0.1, 0.5)]
    assert needed == sorted(needed)
    assert (needed[0], needed[-1]) == (12, 64)


def test_pairs_needed_grow_with_the_number_of_budgets() -> None:
    of_one, of_ten = ([pairs_needed(s, 0.1, alpha=a) for s in (0.03, 0.05, 0.08)]
                      for a in (0.01, 0.001))  # fmt: skip
    assert (of_one, of_ten) == ([12, 16, 32], [12, 24, 48])


def gate(random: np.random.Generator, change: float, noise: float, plan: Design) -> tuple[str, int]:
    ratios: list[float] = []
    while True:
        ratios.append(random.normal(change, noise))
        state = look(ratios, plan)
        if state.decision != "continue":
            return state.decision, len(ratios)


@pytest.mark.untraced
def test_gates_err_no_more_than_promised() -> None:
    # 1,000 gates each: 20 false alarms would be 3 standard errors over 1%, 30 misses are under 5%.
    random = np.random.default_rng(11)
    plan = design(0.1, 24, alpha=0.01)
    quiet = [gate(random, 0.0, 0.05, plan)[0] for _ in range(1000)]
    worse = [gate(random, log(1.1), 0.05, plan)[0] for _ in range(1000)]
    assert quiet.count("fail") < 20
    assert worse.count("pass") < 70
    assert worse.count("fail") > 930

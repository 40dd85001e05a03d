"""The noise that identical pairs and runs show, and what a comparison can see through it."""

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log, log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmarks.campaign.simulated import Case, simulate
from harness.judge.compare.compare import most_pairs
from harness.judge.compare.model import Pair, Rules, SideMeasurements
from harness.judge.compare.noise import noises, spread, typical_pairs, undetectable
from harness.judge.compare.sequential import MOST_PAIRS, min_detectable, pairs_needed
from harness.judge.model import guard
from tests.unit.judge.compare.test_compare import P95, QUERIES, STEAL, measured, pairs

RATIOS = tuple(np.random.default_rng(3).normal(0.0, 0.04, 12))
VALUES = tuple(np.exp(np.random.default_rng(4).normal(log(0.1), 0.2, 6)))
PLAIN = replace(P95, name="plain", max_regression=None)


def runs(values: Sequence[float | None]) -> list[SideMeasurements]:
    return [SideMeasurements({"p95": measured(value)}) for value in values]


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=30))
def test_spread_is_numpys_deviation_with_scipys_bound(values: list[float]) -> None:
    found = spread(values)
    count = len(values)
    deviation = float(np.std(values, ddof=1))
    bound = deviation * np.sqrt((count - 1) / stats.chi2.ppf(0.05, count - 1))
    assert found.deviation == pytest.approx(deviation, abs=1e-12)
    assert found.upper == pytest.approx(bound, abs=1e-12)


def test_upper_bound_holds_in_95_of_100_calibrations() -> None:
    rows = np.random.default_rng(1).normal(0.0, 0.05, (2000, 12))
    held = sum((spread(row).upper or 0.0) >= 0.05 for row in rows)
    assert stats.binomtest(held, 2000, 0.95).pvalue > 1e-3


def test_three_values_have_no_deviation() -> None:
    assert (spread((0.1, 0.2, 0.3)).deviation, spread((0.1, 0.2, 0.3)).upper) == (None, None)


@given(
    st.floats(0.005, 0.2),
    st.sampled_from(MOST_PAIRS),
    st.sampled_from([0.01, 0.005, 0.001, 0.0002]),
)
def test_smallest_regression_is_the_one_that_so_many_pairs_are_needed_for(
    deviation: float, most: int, alpha: float
) -> None:
    seen = min_detectable(deviation, most, alpha=alpha)
    assert pairs_needed(deviation, seen * 1.0001, alpha=alpha) <= most
    if most < MOST_PAIRS[-1]:
        assert pairs_needed(deviation, seen * 0.999, alpha=alpha) > most


@pytest.mark.parametrize("deviation", [0.03, 0.08])
def test_smallest_regression_is_found_in_95_of_100_simulated_comparisons(deviation: float) -> None:
    # The simulation has a tolerance of 10%: noise and change are scaled to it.
    seen = min_detectable(deviation, 32)
    scaled = deviation * log1p(0.1) / log1p(seen)
    tally = simulate(Case(0.1, scaled, most=32), 4000, seed=7)
    assert tally.failed / 4000 > 0.94


def test_typical_length_is_the_median_of_the_simulation() -> None:
    simulated = np.median(simulate(Case(0.0, 0.05, most=16), 4000, seed=8).pairs)
    assert typical_pairs(0.05, 0.1, 16, alpha=0.01, beta=0.05) == pytest.approx(simulated, abs=2)
    assert typical_pairs(0.0, 0.1, 16, alpha=0.01, beta=0.05) == 4


def test_noise_of_a_budget_has_the_figures_of_its_pairs_and_runs() -> None:
    (noise,) = noises([P95], pairs(p95=RATIOS), runs(VALUES), Rules())
    deviation = float(np.std(RATIOS, ddof=1))
    assert (noise.name, noise.tolerance) == ("p95", 0.1)
    assert noise.pairs.deviation == pytest.approx(deviation)
    assert noise.starts.deviation == pytest.approx(float(np.std(np.log(VALUES), ddof=1)))
    assert noise.smallest == pytest.approx(min_detectable(deviation, 64))
    assert noise.most == pairs_needed(deviation, 0.1)
    assert noise.typical is not None
    assert 4 <= noise.typical <= noise.most


@given(st.floats(1e-3, 1e3))
def test_units_are_irrelevant(factor: float) -> None:
    scaled = noises(
        [PLAIN], [], [SideMeasurements({"plain": measured(v * factor)}) for v in VALUES], Rules()
    )
    assert scaled[0].starts.deviation == pytest.approx(np.std(np.log(VALUES), ddof=1), rel=1e-6)


def test_budgets_in_one_family_see_less_than_one_alone() -> None:
    both = pairs(p95=RATIOS, queries=[0.0] * 12)
    alone = noises([P95], both, [], Rules())[0].smallest or 0.0
    p95, queries = noises([P95, QUERIES], both, [], Rules())
    assert (p95.smallest or 0.0) > alone
    assert (queries.smallest, queries.most, queries.typical) == (0.0, 12, 4)


def test_budget_without_a_tolerance_shows_what_it_could_have() -> None:
    (noise,) = noises([PLAIN], pairs(plain=RATIOS), [], Rules())
    assert noise.smallest == pytest.approx(min_detectable(float(np.std(RATIOS, ddof=1)), 64))
    assert (noise.tolerance, noise.most, noise.typical) == (None, None, None)


def test_tolerance_below_all_that_can_be_seen_has_no_number_of_pairs() -> None:
    wild = [10 * ratio for ratio in RATIOS]
    (noise,) = noises([P95], pairs(p95=wild), [], Rules())
    assert (noise.smallest or 0.0) > 0.1
    assert (noise.most, noise.typical) == (None, None)


def test_what_a_guard_distrusts_or_has_no_logarithm_is_left_out() -> None:
    steal = guard("host-steal", "the host took 9% of the time.", tripped=True)
    found = [*runs((*VALUES[:4], None, 0.0)), SideMeasurements({"p95": measured(9.0)}, (steal,))]
    bad = Pair(
        SideMeasurements({"p95": measured(0.1)}, (STEAL,)),
        SideMeasurements({"p95": measured(0.9)}),
        20.0,
    )
    (noise,) = noises([P95], [*pairs(p95=RATIOS), bad], found, Rules())
    assert noise.pairs.values == pytest.approx(RATIOS)
    assert noise.pairs.left_out == (
        "host-steal tripped for the baseline: the host took 9% of the time",
    )
    assert noise.starts.values == pytest.approx(np.log(VALUES[:4]))
    assert noise.starts.left_out == (
        "no data: nothing was measured",
        "the value is zero or below, so it has no logarithm",
        "host-steal tripped: the host took 9% of the time",
    )


def test_unseen_are_the_budgets_whose_tolerance_is_too_small() -> None:
    # 0.05 alone sees 10% with 16 pairs and not with 12: 1.9 * (15.8 * 0.05**2 / ln(1.1)**2 + 2.7).
    deviations = {"p95": 0.05, "plain": 9.0}
    assert list(undetectable([P95, PLAIN], deviations, 16)) == []
    ((budget, seen),) = undetectable([P95, PLAIN], deviations, 12)
    assert budget is P95
    assert seen == pytest.approx(exp(3.971 * 0.05 / (12 / 1.9 - 2.7) ** 0.5) - 1, rel=1e-3)
    assert list(undetectable([P95], {}, 12)) == []


def test_budget_that_no_number_of_pairs_can_decide_does_not_prolong_a_comparison() -> None:
    assert most_pairs([P95, QUERIES], {"p95": 0.4, "queries": 0.0}) == 12
    assert most_pairs([P95], {"p95": 0.4}) is None

"""The simulated gates decide as the gate does, on pairs that are what they are said to be."""

from math import log1p, sqrt

import numpy as np
import pytest

from benchmarks.campaign.simulated import CORRELATION, Case, draw, outcomes, share, simulate
from harness.budgets.model import Latency
from harness.judge.compare.compare import compare
from harness.judge.compare.model import Pair, Rules, SideMeasurements
from harness.judge.model import Measurement
from tests.unit.judge.evidence import budget


def gate(ratios: np.ndarray, most: int) -> tuple[int, int]:
    """A gate by the product's own judge: 1 fail, -1 pass, 0 inconclusive, and its pairs."""
    budgets = [budget(Latency(), 1, name=f"b{i}", max_regression=0.1) for i in range(len(ratios))]

    def side(values: np.ndarray) -> SideMeasurements:
        found = zip(budgets, values, strict=True)
        return SideMeasurements({b.name: Measurement(float(value), 1, "") for b, value in found})

    pairs = [Pair(side(np.ones(len(row))), side(np.exp(row)), 1.0) for row in ratios.T]
    for count in range(4, most + 1):
        found = compare(budgets, pairs[:count], Rules(most=most))
        if found.done:
            return {"fail": 1, "pass": -1, "inconclusive": 0}[found.outcome], count
    raise AssertionError("it never ended")


@pytest.mark.parametrize(
    ("case", "gates"),
    [
        pytest.param(Case(0.05, 0.06, most=16), 25, id="one budget"),
        pytest.param(Case(0.05, 0.05, True, 2, most=12), 15, id="two budgets, disturbed"),
        pytest.param(Case(0.05, 0.4, most=12), 4, id="so much noise that some are inconclusive"),
    ],
)
def test_simulated_gates_end_as_the_gate_does(case: Case, gates: int) -> None:
    ratios = draw(case, gates, case.plan.most, np.random.default_rng(3))
    found = list(zip(*(part.tolist() for part in outcomes(ratios, case.plan)), strict=True))
    assert found == [gate(one, case.plan.most) for one in ratios]
    assert len({outcome for outcome, _ in found}) > 1


def test_drawn_pairs_have_the_moments_of_the_case() -> None:
    ratios = draw(Case(0.1, 0.05, budgets=3), 20_000, 4, np.random.default_rng(1))
    assert ratios.mean(axis=(0, 2)) == pytest.approx([log1p(0.1), 0, 0], abs=0.002)
    assert ratios.std(axis=(0, 2)) == pytest.approx([0.05] * 3, rel=0.02)
    flat = ratios.transpose(1, 0, 2).reshape(3, -1)
    assert np.array(np.corrcoef(flat))[np.triu_indices(3, 1)] == pytest.approx(
        [CORRELATION] * 3, abs=0.02
    )


def test_disturbances_hit_their_share_of_the_pairs_and_widen_them() -> None:
    ratios = draw(Case(0, 0.02, True), 20_000, 4, np.random.default_rng(2))
    assert ratios.std() == pytest.approx(sqrt(0.02**2 + 0.08 * 2 * 0.4**2), rel=0.03)
    # Of those hit, exp(-0.1 / 0.4) are further out than 0.1, which is 5 deviations of the others.
    assert (np.abs(ratios) > 0.1).mean() == pytest.approx(0.08 * np.exp(-0.25), rel=0.05)


def test_most_pairs_follow_from_the_noise() -> None:
    noises = (0.02, 0.03, 0.05, 0.08)
    assert [Case(0, noise).plan.most for noise in noises] == [12, 12, 16, 32]
    assert Case(0, 0.02, disturbed=True).plan.most == 64


def test_simulation_is_repeatable_and_counts_every_gate() -> None:
    first, again = (simulate(Case(0.05, 0.05), 200, seed=4) for _ in range(2))
    assert first.failed + first.passed + first.inconclusive == len(first.pairs) == 200
    assert (first.failed, first.pairs.tolist()) == (again.failed, again.pairs.tolist())


def test_share_has_the_bounds_of_clopper_and_pearson() -> None:
    # No event in n: the upper 95% bound is 1 - 0.025 ** (1 / n).
    assert share(0, 300) == f"0: 0.00% [0.00 .. {100 * (1 - 0.025 ** (1 / 300)):.2f}]"

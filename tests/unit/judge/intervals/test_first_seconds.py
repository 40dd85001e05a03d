"""Whether the excess of a latency lies in the first seconds of the window."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.budgets.model import Latency
from harness.judge.intervals.first_seconds import slow_at_first
from tests.unit.judge.evidence import budget, distribution

P95 = budget(Latency(0.95), 0.2)
FAST, SLOW = 0.01, 0.9


def batches(*slow: int, size: int = 60) -> list:  # type: ignore[type-arg]
    return [distribution([SLOW] * n + [FAST] * (size - n)) for n in slow]


def test_excess_in_the_first_seconds_names_the_warm_up() -> None:
    found = slow_at_first(P95, batches(20, 8, 0, 1, 0, 0, 0, 1), 2)
    assert found == (
        "28 of the 30 over it came in the first 4 s of the window: if the service is slow only at"
        " first, raise `warm_up`"
    )


@pytest.mark.parametrize(
    ("slow", "because"),
    [
        ((3, 3, 3, 3, 3, 3, 3, 3), "it is slow all the time"),
        ((0, 0, 0, 20, 8, 0, 0, 0), "it is slow later"),
        ((2, 1, 0, 1, 0, 0, 0, 1), "that may be chance"),
        ((40, 40, 9, 9, 9, 9, 9, 9), "the rest alone breaches as well"),
        ((0, 0, 0, 0, 0, 0, 0, 0), "nothing is slow"),
        ((50, 0, 0), "the window is too short"),
    ],
)
def test_other_excess_does_not(slow: tuple[int, ...], because: str) -> None:
    assert slow_at_first(P95, batches(*slow), 2) == "", because


def test_only_a_max_of_a_quantile_can_be_slow_at_first() -> None:
    cold = batches(20, 8, 0, 1, 0, 0, 0, 1)
    assert slow_at_first(replace(P95, direction="min"), cold, 2) == ""
    assert slow_at_first(budget(Latency(None), 0.2), cold, 2) == ""


def test_level_is_that_of_fishers_exact_test() -> None:
    rest = [0] * 6
    for slow in range(1, 30):
        chance = stats.hypergeom.sf(slow - 1, 480, slow + 2, 120)
        found = slow_at_first(P95, batches(slow, 0, 1, 1, *rest[2:]), 2)
        assert bool(found) == (chance <= 0.001)


def test_steady_service_is_hardly_ever_called_slow_at_first() -> None:
    generator = np.random.default_rng(1)
    draws = generator.binomial(60, 0.03, (2000, 8))
    told = [bool(slow_at_first(P95, batches(*map(int, row)), 2)) for row in draws]
    chances = [stats.hypergeom.sf(r[:2].sum() - 1, 480, r.sum(), 120) <= 0.001 for r in draws]
    assert told == chances
    assert 0 < np.mean(told) <= 0.001 + 3 * np.sqrt(0.001 / 2000)

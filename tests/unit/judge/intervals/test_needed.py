"""How many samples a budget gets, and how many its verdict needs."""

from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from harness.budgets.model import Budget, ErrorRatio, Gauge, Latency, Load, Scenario, Selector
from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.judge.intervals.needed import needed, sample_count
from harness.units import Unit
from tests.unit.judge.evidence import budget

P95 = budget(Latency(0.95), 0.2, name="p95")
LOAD = Load(Path("a.py"), OpenWorkload((Stage(30.0, 50.0),)))
FIXED = Scenario("smoke", (LOAD,), warm_up=5.0, duration=15.0)
GOES_ON = replace(FIXED, duration=45.0, planned=15.0)


@pytest.mark.parametrize(
    ("allowed", "alpha", "outliers", "count", "bad"),
    [(0.05, 0.05, 0.0, 59, 0), (0.05, 0.025, 0.2, 142, 2), (0.01, 0.05, 0.2, 473, 1)],
)
def test_needed_samples_are_the_fewest_that_show_the_share(
    allowed: float, alpha: float, outliers: float, count: int, bad: int
) -> None:
    assert needed(allowed, alpha, outliers) == count
    assert stats.beta.ppf(1 - alpha, bad + 1, count - bad) <= allowed
    assert stats.beta.ppf(1 - alpha, bad + 1, count - 1 - bad) > allowed
    assert bad >= outliers * allowed * count


@pytest.mark.parametrize("allowed", [1e-5, 0.001, 0.01, 0.05, 0.3, 0.9])
@pytest.mark.parametrize("alpha", [0.05, 0.013, 1e-4])
def test_needed_samples_agree_with_the_binomial_distribution(allowed: float, alpha: float) -> None:
    for outliers in (0.0, 0.2, 0.5):
        count = needed(allowed, alpha, outliers)
        bad = next(n for n in range(count) if n >= outliers * allowed * count)
        assert stats.binom.cdf(bad, count, allowed) <= alpha
        assert stats.binom.cdf(bad, count - 1, allowed) > alpha


@pytest.mark.parametrize(
    ("one", "scenario", "text"),
    [
        (
            P95,
            GOES_ON,
            (
                "about 450 samples in 15 s of scenario smoke; with 1% of the answers over the"
                " bound, a pass needs 142"
            ),
        ),
        (
            P95,
            FIXED,
            (
                "about 450 samples in 15 s of scenario smoke; with 1% of the answers over the"
                " bound, a pass needs 93"
            ),
        ),
        (
            budget(Latency(0.99, "GET /a"), 0.2),
            GOES_ON,
            (
                "at most 450 samples in 15 s of scenario smoke; with 0.2% of the answers over the"
                " bound, a pass needs 720"
            ),
        ),
        (
            budget(ErrorRatio(), 0.001, unit=Unit.RATIO),
            GOES_ON,
            (
                "about 450 samples in 15 s of scenario smoke, and 1350 in the longest run of 45 s;"
                " with 0.02% of the answers failed, a pass needs 7223"
            ),
        ),
    ],
    ids=["a p95", "a fixed length", "of one request", "too few"],
)
def test_samples_of_a_budget_are_told(one: Budget, scenario: Scenario, text: str) -> None:
    found = sample_count(one, scenario)
    assert found is not None
    assert found.text() == text


def test_advice_names_the_duration_and_the_rate_that_are_enough() -> None:
    found = sample_count(budget(ErrorRatio(), 0.001, unit=Unit.RATIO), GOES_ON)
    assert found is not None
    assert found.hardly
    assert "raise the duration to 4.02 min, or the rate 16.1 times" in found.advice()
    longer = replace(GOES_ON, duration=241.0 * 3, planned=241.0)
    enough = replace(longer, loads=(Load(Path("a.py"), OpenWorkload((Stage(30.0, 900.0),))),))
    after = sample_count(budget(ErrorRatio(), 0.001, unit=Unit.RATIO), enough)
    assert after is not None
    assert after.planned >= after.needed


USERS = Load(Path("a.py"), ClosedWorkload((UserStage(5, 50.0),)))


@pytest.mark.parametrize(
    ("one", "scenario"),
    [
        (budget(Latency(None), 0.2), FIXED),
        (budget(Latency(1.0), 0.2), FIXED),
        (budget(ErrorRatio(), 0.0, unit=Unit.RATIO), FIXED),
        (budget(Gauge(Selector("g")), 1.0, unit=Unit.COUNT), FIXED),
        (replace(P95, decide="value"), FIXED),
        (P95, replace(FIXED, loads=(USERS,))),
    ],
    ids=["a mean", "the longest", "no error", "a gauge", "the value decides", "closed model"],
)
def test_budget_without_a_number_of_samples_is_left_out(one: Budget, scenario: Scenario) -> None:
    assert sample_count(one, scenario) is None


@pytest.mark.parametrize(
    ("scenario", "at_the_planned_end", "at_the_last_look"),
    [
        (FIXED, 0.05, 0.05),
        (GOES_ON, 0.025, 0.0165),
        (replace(GOES_ON, duration=60.0), 0.025, 0.00625),
        (replace(GOES_ON, early=True), 0.0086, 0.0086),
    ],
    ids=["fixed", "goes on", "goes far", "ends early"],
)
def test_needed_samples_are_those_of_the_levels_by_which_the_run_is_judged(
    scenario: Scenario, at_the_planned_end: float, at_the_last_look: float
) -> None:
    found = sample_count(P95, scenario)
    assert found is not None
    assert found.needed == needed(0.05, at_the_planned_end)
    assert found.needed_late == needed(0.05, at_the_last_look)

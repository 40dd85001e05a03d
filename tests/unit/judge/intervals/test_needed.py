"""How many samples a budget gets, and how many its verdict needs."""

from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Gauge,
    Latency,
    Load,
    Rate,
    Scenario,
    Selector,
)
from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.judge.intervals.needed import WindowLength, need_of, needed, sample_count
from harness.judge.intervals.rare import rare_bounds, weight_without_events
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


TIMEOUTS = budget(Rate(Selector("timeouts_total")), 0.1, unit=Unit.PER_SECOND)


@pytest.mark.parametrize(
    ("one", "scenario", "hardly", "text"),
    [
        pytest.param(
            TIMEOUTS,
            GOES_ON,
            False,
            "the window of scenario smoke is 15 s; without any event, a pass needs 37 s",
            id="goes on for long enough",
        ),
        pytest.param(
            TIMEOUTS,
            FIXED,
            True,
            "the window of scenario smoke is 15 s; without any event, a pass needs 30 s",
            id="a fixed length",
        ),
        pytest.param(
            replace(TIMEOUTS, bound=0.01),
            GOES_ON,
            True,
            "the window of scenario smoke is 15 s, at most 45 s; without any event, a pass needs"
            " 6.15 min",
            id="one in a hundred seconds",
        ),
    ],
)
def test_window_that_a_rate_of_rare_events_needs_is_told(
    one: Budget, scenario: Scenario, hardly: bool, text: str
) -> None:
    found = need_of(one, scenario)
    assert isinstance(found, WindowLength)
    assert (found.hardly, found.text()) == (hardly, text)
    assert found.advice().startswith(text + ": raise the duration to ")


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.7])
@pytest.mark.parametrize("alpha", [0.05, 0.0165])
def test_seconds_without_an_event_are_those_that_a_poisson_process_needs(
    rate: float, alpha: float
) -> None:
    seconds = weight_without_events(rate, alpha)
    assert stats.poisson.cdf(0, rate * seconds) == pytest.approx(alpha)
    assert rare_bounds(0, seconds, 0.01, alpha)[1] == pytest.approx(rate)


@pytest.mark.parametrize(
    "one",
    [
        replace(TIMEOUTS, bound=0.0),
        replace(TIMEOUTS, direction="min"),
        replace(TIMEOUTS, decide="value"),
        budget(Rate(Selector("cpu_seconds_total")), 0.5, unit=Unit.RATIO),
        budget(Rate(Selector("sent_bytes_total")), 100.0, unit=Unit.PER_SECOND),
    ],
    ids=["none", "a minimum", "the value decides", "CPU time", "bytes"],
)
def test_rate_that_needs_no_length_of_the_window_is_left_out(one: Budget) -> None:
    assert need_of(one, GOES_ON) is None

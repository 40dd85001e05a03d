"""Rare events: a window without one shows only that they are rarer than its length allows."""

import numpy as np
import pytest
from scipy import stats

from harness.budgets.model import Budget, Indicator, PerRequest, Rate, Ratio, Selector
from harness.judge.bounds import proven
from harness.judge.intervals.interval import confidence
from harness.judge.intervals.levels import ONCE
from harness.judge.intervals.rare import rare_bounds
from harness.judge.judge import judge
from harness.judge.measure.observation import Coverage, ObservedRate
from harness.runs.model import Series
from harness.units import Unit
from tests.unit.judge.evidence import SECONDS, budget, counter, evidence, requests, series

EVENTS = Selector("rejections_total")
RATE = Rate(EVENTS)
PER_REQUEST = PerRequest(EVENTS)
RATIO = Ratio(EVENTS, Selector("calls_total"))
NONE = counter("rejections_total", 0.0)
CALLS = counter("calls_total", 100.0)


def once(at: float) -> Series:
    """One event at a second of the window."""
    return series("rejections_total", lambda t: 7.0 + (t >= at))


def outcome(indicator: Indicator, bound: float, *found: Series, unit: Unit = Unit.COUNT) -> str:
    run = evidence(*found, CALLS, latency=requests(ok=[0.01] * 100))
    return judge((budget(indicator, bound, unit=unit),), run).verdicts[0].outcome


@pytest.mark.parametrize("count", [0, 1, 2, 7, 19])
def test_rare_bounds_are_those_of_a_poisson_distribution(count: int) -> None:
    """Garwood's bounds by chi-squared, and by the tails of the distribution itself."""
    low, high = rare_bounds(count, 50.0, 0.01, 0.05)
    assert high == pytest.approx(stats.chi2.ppf(0.95, 2 * count + 2) / 2 / 50)
    assert stats.poisson.cdf(count, high * 50) == pytest.approx(0.05)
    assert low == (pytest.approx(stats.chi2.ppf(0.01, 2 * count) / 2 / 50) if count else 0)


@pytest.mark.parametrize(
    ("indicator", "unit", "enough"),
    [
        (RATE, Unit.PER_SECOND, -np.log(0.05) / SECONDS),
        (PER_REQUEST, Unit.COUNT, -np.log(0.05) / 100),
        (PER_REQUEST, Unit.RATIO, -np.log(0.05) / 100),
        (RATIO, Unit.COUNT, -np.log(0.05) / 100),
    ],
)
def test_no_event_passes_only_a_bound_that_the_window_can_show(
    indicator: Indicator, unit: Unit, enough: float
) -> None:
    assert outcome(indicator, enough * 1.01, NONE, unit=unit) == "pass"
    assert outcome(indicator, enough * 0.99, NONE, unit=unit) == "inconclusive"


@pytest.mark.parametrize(
    ("indicator", "unit"), [(RATE, Unit.PER_SECOND), (PER_REQUEST, Unit.COUNT)]
)
def test_bound_of_zero_is_about_the_run_itself(indicator: Indicator, unit: Unit) -> None:
    assert outcome(indicator, 0.0, NONE, unit=unit) == "pass"
    assert outcome(indicator, 0.0, once(4.0), unit=unit) == "fail"


@pytest.mark.parametrize("name", ["pause_seconds_total", "pause_seconds_sum", "sent_bytes_total"])
def test_seconds_and_bytes_are_no_events(name: str) -> None:
    still = counter(name, 0.0)
    assert outcome(Rate(Selector(name)), 0.01, still, unit=Unit.PER_SECOND) == "pass"


def test_events_at_regular_intervals_are_not_rare() -> None:
    """Each request makes one or three calls: the mean is exact, although they are few."""
    for each in (1, 3):
        regular = counter("rejections_total", 10.0 * each)
        run = evidence(regular, latency=requests(ok=[0.01] * 10))
        (verdict,) = judge((budget(PER_REQUEST, float(each), unit=Unit.COUNT),), run).verdicts
        assert verdict.outcome == "pass"


@pytest.mark.parametrize("seconds", [12, 20, 50, 150])
def test_service_at_its_limit_passes_in_5_and_fails_in_1_of_100_runs(seconds: int) -> None:
    """The same budget passed in 28% of the windows of 12 s by the scatter of the batches alone."""
    rng, one = np.random.default_rng(seconds), budget(RATE, 0.1, unit=Unit.PER_SECOND)
    verdicts = [verdict(one, rng.poisson(0.2, seconds // 2)) for _ in range(600)]
    # By chance up to 3 standard errors more.
    assert verdicts.count(True) / 600 < 0.05 + 3 * (0.05 * 0.95 / 600) ** 0.5
    assert verdicts.count(False) / 600 < 0.01 + 3 * (0.01 * 0.99 / 600) ** 0.5


def verdict(one: Budget, counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> bool | None:
    """By a window with so many events in each batch of two seconds."""
    increases = {number: float(count) for number, count in enumerate(counts)}
    rate = sum(increases.values()) / (2 * len(counts))
    observed = ObservedRate(
        RATE, Coverage(), rate, 1.0, 9, increases, dict.fromkeys(increases, 2.0), "service metrics"
    )
    found = confidence(one, observed, rate, ONCE, 0.05)
    assert found is not None
    return proven(found.lower, found.upper, one.bound, "max")

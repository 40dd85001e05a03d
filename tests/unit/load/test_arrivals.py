"""Arrival schedules against their definition, and against scipy."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from harness.budgets.rates import expected, first_rate
from harness.budgets.workload import OpenWorkload, Stage
from harness.load.arrivals import arrivals, rate_at

RATES = st.one_of(st.just(0.0), st.floats(0.01, 200))
STAGES = st.lists(
    st.builds(Stage, RATES, st.floats(0.05, 5), st.none() | RATES), min_size=1, max_size=4
).map(tuple)
WORKLOADS = st.builds(
    OpenWorkload, STAGES, st.sampled_from(["poisson", "even"]), st.integers(0, 2**31)
)


@given(WORKLOADS)
def test_arrivals_of_any_workload_ascend_within_the_load(workload: OpenWorkload) -> None:
    times = list(arrivals(workload))
    assert all(0 <= t <= workload.seconds for t in times)
    assert all(a <= b for a, b in pairwise(times))


@given(WORKLOADS)
def test_arrivals_with_one_seed_repeat(workload: OpenWorkload) -> None:
    assert list(arrivals(workload)) == list(arrivals(workload))


@given(STAGES)
def test_number_of_even_arrivals_is_the_expected_count(stages: tuple[Stage, ...]) -> None:
    workload = OpenWorkload(stages, "even")
    assert abs(len(list(arrivals(workload))) - expected(workload.stages, workload.seconds)) <= 1


def test_arrivals_with_different_seeds_differ() -> None:
    first, second = (OpenWorkload((Stage(100, 1),), seed=seed) for seed in (1, 2))
    assert list(arrivals(first)) != list(arrivals(second))


def test_even_arrivals_of_two_stages_keep_each_rate() -> None:
    workload = OpenWorkload((Stage(4, 1), Stage(0, 1), Stage(10, 0.5)), "even")
    times = [0, 0.25, 0.5, 0.75, 2, 2.1, 2.2, 2.3, 2.4]
    assert list(arrivals(workload)) == pytest.approx(times)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_poisson_gaps_follow_the_exponential_distribution(seed: int) -> None:
    times = np.array(list(arrivals(OpenWorkload((Stage(250, 40),), seed=seed))))
    gaps = np.diff(times)
    assert stats.kstest(gaps, stats.expon(scale=1 / 250).cdf).pvalue > 0.01
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 4 / math.sqrt(len(gaps))


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_poisson_arrivals_of_each_stage_are_uniform_within_it(seed: int) -> None:
    stages = (Stage(50, 20), Stage(300, 10), Stage(5, 30))
    times = np.array(list(arrivals(OpenWorkload(stages, seed=seed))))
    begin = 0.0
    for stage in stages:
        inside = times[(times >= begin) & (times < begin + stage.seconds)] - begin
        mean = stage.rate * stage.seconds
        assert abs(len(inside) - mean) < 4 * math.sqrt(mean)
        assert stats.kstest(inside, stats.uniform(scale=stage.seconds).cdf).pvalue > 0.005
        begin += stage.seconds


def test_poisson_counts_have_the_mean_and_variance_of_a_poisson_variable() -> None:
    counts = [
        len(list(arrivals(OpenWorkload((Stage(20, 1), Stage(60, 0.5)), seed=seed))))
        for seed in range(800)
    ]
    assert np.mean(counts) == pytest.approx(50, abs=4 * math.sqrt(50 / 800))
    assert np.var(counts) == pytest.approx(50, rel=0.2)


@pytest.mark.parametrize(
    ("t", "rate", "count"),
    [(-1, 0, 0), (0, 10, 0), (1.5, 10, 15), (2, 0, 20), (3, 40, 20), (3.5, 40, 40), (4, 0, 60)],
    ids=[
        "before the load",
        "at its start",
        "within the first stage",
        "at the start of a pause",
        "at the start of the last stage",
        "within the last stage",
        "at the end",
    ],
)
def test_rate_and_expected_count_at_a_moment(t: float, rate: float, count: float) -> None:
    workload = OpenWorkload((Stage(10, 2), Stage(0, 1), Stage(40, 1)))
    assert rate_at(workload, t) == rate
    assert expected(workload.stages, max(0.0, t)) == pytest.approx(count)
    assert expected(workload.stages, workload.seconds) == 60


# --- ramps --------------------------------------------------------------------------------------

RAMPS = {
    "from zero": Stage(200, 20, 0),
    "upwards": Stage(150, 20, 50),
    "down to zero": Stage(0, 20, 200),
    "nearly level": Stage(100 + 1e-11, 20, 100),
    "level": Stage(100, 20, 100),
    "almost zero": Stage(1e-300, 20, 0),
    "zero": Stage(0, 20, 0),
}


@pytest.mark.parametrize("stage", RAMPS.values(), ids=RAMPS)
def test_even_arrivals_of_a_ramp_match_the_integral_of_its_rate(stage: Stage) -> None:
    workload = OpenWorkload((stage,), "even")
    grid = np.linspace(0, stage.seconds, 400_001)
    rates = np.interp(grid, [0, stage.seconds], [first_rate(stage), stage.rate])
    cumulative = integrate.cumulative_trapezoid(rates, grid, initial=0)
    times = np.array(list(arrivals(workload)))
    assert len(times) == pytest.approx(cumulative[-1], abs=1.001)
    numbers = np.arange(len(times))
    assert np.interp(times, grid, cumulative) == pytest.approx(numbers, abs=1e-3)
    assert expected(workload.stages, 7) == pytest.approx(np.interp(7, grid, cumulative))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("stage", list(RAMPS.values())[:4], ids=list(RAMPS)[:4])
def test_poisson_arrivals_of_a_ramp_follow_its_density(stage: Stage, seed: int) -> None:
    times = np.array(list(arrivals(OpenWorkload((stage,), seed=seed))))
    a, b, d = first_rate(stage), stage.rate, stage.seconds
    total = d * (a + b) / 2

    def share(t: np.ndarray) -> np.ndarray:  # the distribution function of a trapezoid
        return np.asarray((a * t + (b - a) * t * t / (2 * d)) / total)

    assert abs(len(times) - total) < 4 * math.sqrt(total)
    assert stats.kstest(times, share).pvalue > 0.005
    gaps = np.diff(share(times) * total)  # in unit time, the gaps are exponential again
    assert stats.kstest(gaps, stats.expon.cdf).pvalue > 0.005


def test_even_arrivals_of_a_ramp_from_zero_are_square_roots() -> None:
    workload = OpenWorkload((Stage(8, 2, 0), Stage(8, 0.5)), "even")
    times = [math.sqrt(n / 2) for n in range(8)] + [2 + n / 8 for n in range(4)]
    assert list(arrivals(workload)) == pytest.approx(times)


@pytest.mark.parametrize(
    ("t", "rate", "count"),
    [(0, 0, 0), (1, 10, 5), (2, 20, 20), (3, 15, 37.5), (4, 0, 50)],
    ids=["at its start", "half-way up", "at the top", "half-way down", "at the end"],
)
def test_rate_and_expected_count_on_a_ramp(t: float, rate: float, count: float) -> None:
    workload = OpenWorkload((Stage(20, 2, 0), Stage(10, 2, 20)))
    assert rate_at(workload, t) == pytest.approx(rate)
    assert expected(workload.stages, t) == pytest.approx(count)

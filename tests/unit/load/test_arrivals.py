"""Arrival schedules against their definition, and against scipy."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from harness.budgets.model import OpenWorkload, Stage
from harness.load.arrivals import arrivals, expected_count, rate_at

RATES = st.one_of(st.just(0.0), st.floats(0.01, 200))
STAGES = st.lists(st.builds(Stage, RATES, st.floats(0.05, 5)), min_size=1, max_size=4).map(tuple)
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
def test_even_arrivals_number_what_is_expected(stages: tuple[Stage, ...]) -> None:
    workload = OpenWorkload(stages, "even")
    assert abs(len(list(arrivals(workload))) - expected_count(workload)) <= 1


def test_arrivals_with_different_seeds_differ() -> None:
    first, second = (OpenWorkload((Stage(100, 1),), seed=seed) for seed in (1, 2))
    assert list(arrivals(first)) != list(arrivals(second))


def test_even_arrivals_of_two_stages_keep_each_rate() -> None:
    workload = OpenWorkload((Stage(4, 1), Stage(0, 1), Stage(10, 0.5)), "even")
    expected = [0, 0.25, 0.5, 0.75, 2, 2.1, 2.2, 2.3, 2.4]
    assert list(arrivals(workload)) == pytest.approx(expected)


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
    assert expected_count(workload, max(0.0, t)) == pytest.approx(count)
    assert expected_count(workload) == 60

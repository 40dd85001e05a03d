"""Where the latency has settled: by simulation with a known transient, and by its laws."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from harness.judge.stopping.warm_up import settling
from harness.runs.model import Distribution, Settled
from tests.unit.judge.evidence import distribution, evidence
from tests.unit.judge.guards.guarding import found

RATE = 50
Logarithms = npt.NDArray[np.float64]


def steady(rng: np.random.Generator, seconds: int) -> Logarithms:
    """Logarithms of latencies that are correlated over one second."""
    n, keep = RATE * seconds, math.exp(-1 / RATE)
    common = lfilter([1], [1, -keep], rng.normal(0, 0.12 * math.sqrt(1 - keep**2), n))
    return np.asarray(math.log(0.04) + 0.35 * rng.normal(size=n) + common)


def bins(logarithms: Logarithms) -> list[Distribution]:
    return [distribution(map(float, np.exp(part))) for part in logarithms.reshape(-1, RATE)]


def transient(seconds: int, tau: float) -> Logarithms:
    """Three times as slow at first, and ever less so with a time constant."""
    t = np.arange(RATE * seconds) / RATE
    return np.asarray(np.log1p(2 * np.exp(-t / tau)))


def cuts(seconds: int, tau: float | None, runs: int = 200) -> list[int | None]:
    rng = np.random.default_rng(4)
    added = 0.0 if tau is None else transient(seconds, tau)
    return [settling(bins(steady(rng, seconds) + added)).cut for _ in range(runs)]


@pytest.mark.untraced
def test_steady_latency_is_cut_by_little() -> None:
    found = cuts(60, None)
    assert None not in found
    assert np.median([cut or 0 for cut in found]) <= 1
    assert np.quantile([cut or 0 for cut in found], 0.9) <= 6


@pytest.mark.untraced
@pytest.mark.parametrize(("tau", "least", "most"), [(1.0, 1, 6), (3.0, 4, 13), (8.0, 11, 25)])
def test_transient_is_cut_for_a_few_time_constants(tau: float, least: int, most: int) -> None:
    found = cuts(60, tau)
    assert found.count(None) <= 8  # of 200
    low, median, high = np.quantile([cut for cut in found if cut is not None], [0.1, 0.5, 0.9])
    assert least <= median <= most
    # What is left of the transient there: a fifth of the latency at most, in nine of ten runs.
    assert math.log1p(2 * math.exp(-low / tau)) < 0.6
    assert high <= 30


def test_step_is_cut_where_it_ends() -> None:
    rng = np.random.default_rng(5)
    logarithms = steady(rng, 60)
    logarithms[: 12 * RATE] += math.log(3)
    assert settling(bins(logarithms)).cut in range(12, 20)


def test_latency_that_falls_until_the_end_never_settles() -> None:
    rng = np.random.default_rng(6)
    logarithms = steady(rng, 60) + np.linspace(3, 0, 60 * RATE)
    cut, limit = settling(bins(logarithms))
    assert cut is None
    assert limit is not None


@pytest.mark.parametrize("seconds", [0, 1, 2])
def test_too_few_seconds_do_not_settle(seconds: int) -> None:
    assert settling([distribution([0.1])] * seconds).cut is None


def test_seconds_without_requests_do_not_settle() -> None:
    preallocate, empty = distribution([0.1]), Distribution()
    assert settling([empty] * 4 + [preallocate] * 16).cut == 4
    assert settling([empty] * 20) == (None, None)


@given(st.lists(st.floats(0.001, 1.0), min_size=6, max_size=40), st.integers(-8, 8))
def test_cut_does_not_depend_on_the_unit(means: list[float], power: int) -> None:
    plain = settling([distribution([mean]) for mean in means])
    scaled = settling([distribution([mean * 2.0**power]) for mean in means])
    assert scaled.cut == plain.cut
    assert scaled.limit == pytest.approx((plain.limit or 0) * 2.0**power)


def test_limit_is_the_quantile_that_numpy_has() -> None:
    means = [0.1 * (i + 1) for i in range(20)]
    limit = settling([distribution([mean]) for mean in means]).limit
    assert limit == pytest.approx(math.exp(np.quantile(np.log(means[10:]), 0.9)))


@pytest.mark.parametrize(
    ("settled", "tripped", "words"),
    [
        ({"cut": 7.0, "limit": 0.04}, False, "had settled after 7 s of load"),
        ({"cut": None, "limit": 0.04}, True, "as fast as most of the second half, 40 ms"),
        ({"cut": None, "limit": None}, True, "there was no request"),
    ],
)
def test_guard_trips_when_it_did_not_settle(
    settled: dict[str, float | None], tripped: bool, words: str
) -> None:
    run = evidence()
    known = run.manifest.model_copy(update={"settled": Settled(**settled)})
    one = found(replace(run, manifest=known))["settled"]
    assert (one.outcome == "tripped") is tripped
    assert words in one.reason
    assert one.scope == "all"
    assert "settled" not in found(run)

"""When a breach is certain: by simulation, and case by case."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.campaign.absolute import noisy_latencies
from harness.budgets.model import Budget, ErrorRatio, Indicator, Latency, Waiver
from harness.judge.stopping.abort import AbortWatch
from harness.names import ERROR, LATENCY, OK, SERVICE_TIME
from harness.runs.cells import Cell, bucket_of
from harness.units import Unit

RATE, SECONDS = 100, 60
FAST, SLOW = bucket_of(0.05), bucket_of(0.4)
Counts = npt.NDArray[np.int64]


def budget(indicator: Indicator, bound: float, **changes: object) -> Budget:
    unit = Unit.RATIO if isinstance(indicator, ErrorRatio) else Unit.SECONDS
    base = Budget("it", indicator, unit, bound, "max", abort=True, abort_after=5.0)
    return replace(base, **changes)  # type: ignore[arg-type]


P95 = budget(Latency(0.95), 0.2)
ERRORS = budget(ErrorRatio(), 0.01)


def cell(second: int, counts: dict[int, int], outcome: str = OK, what: str = LATENCY) -> Cell:
    return Cell(what, outcome, "GET", "/", second, counts)


def timed(second: int, over: int, total: int) -> list[Cell]:
    return [cell(second, {FAST: total - over, SLOW: over})]


def failing(second: int, over: int, total: int) -> list[Cell]:
    return [cell(second, {FAST: total - over}), cell(second, {FAST: over}, ERROR)]


def aborted_at(
    watched: Budget, over: Iterable[int], cells: Callable[[int, int, int], list[Cell]]
) -> float:
    """The second of the window after which the load is stopped; infinity when it never is."""
    watch = AbortWatch([watched], SECONDS)
    for second, count in enumerate(over):
        watch.add(cells(second, int(count), RATE))
        if watch.breach(second + 1.2) is watched:
            return second + 1
    return np.inf


# --- by simulation ------------------------------------------------------------------------------


def log_latencies(rng: np.random.Generator, runs: int, tau: float = 1.0) -> npt.NDArray[np.float64]:
    return noisy_latencies(rng, runs, SECONDS, tau)


@pytest.fixture(scope="module")
def latencies() -> npt.NDArray[np.float64]:
    return log_latencies(np.random.default_rng(3), 300)


def over_limit(latencies: npt.NDArray[np.float64], share: float) -> Counts:
    """Requests of each second over the limit that `share` of all requests exceed."""
    over = latencies > np.quantile(latencies, 1 - share)
    return np.asarray(over.reshape(len(latencies), SECONDS, RATE).sum(axis=2))


@pytest.mark.untraced
def test_service_exactly_at_its_limit_is_hardly_ever_aborted(
    latencies: npt.NDArray[np.float64],
) -> None:
    ends = [aborted_at(P95, run, timed) for run in over_limit(latencies, 0.05)]
    assert np.mean(np.isfinite(ends)) <= 0.01


@pytest.mark.untraced
def test_service_at_its_limit_with_slower_noise_is_seldom_aborted() -> None:
    slow = log_latencies(np.random.default_rng(5), 300, tau=3.0)
    ends = [aborted_at(P95, run, timed) for run in over_limit(slow, 0.05)]
    assert np.mean(np.isfinite(ends)) <= 0.02


@pytest.mark.parametrize(
    ("share", "certain", "median"),
    [(0.1, 0.95, 18), (0.15, 1.0, 13), (0.3, 1.0, 9), (0.6, 1.0, 6)],
    ids=["twice", "three times", "six times", "twelve times"],
)
def test_service_far_over_its_limit_is_aborted_within_seconds(
    latencies: npt.NDArray[np.float64], share: float, certain: float, median: float
) -> None:
    ends = [aborted_at(P95, run, timed) for run in over_limit(latencies, share)[:100]]
    assert np.mean(np.isfinite(ends)) >= certain
    assert np.median(ends) <= median


@pytest.mark.untraced
def test_failures_in_clusters_at_the_limit_are_hardly_ever_an_abort() -> None:
    rng = np.random.default_rng(4)
    outage = rng.random((400, 2 * SECONDS)) < 0.02  # half seconds in which half of them fail
    over = rng.binomial(50, 0.5 * outage).reshape(400, SECONDS, 2).sum(axis=2)
    ends = [aborted_at(ERRORS, run, failing) for run in over]
    assert np.mean(np.isfinite(ends)) <= 0.01


# --- case by case -------------------------------------------------------------------------------

OUTAGES = {
    "from the start, of an error budget": (ERRORS, failing, 0, 5),
    "from the start, of a p95": (P95, timed, 0, 5),
    "from the middle, of an error budget": (ERRORS, failing, 30, 32),
    "from the middle, of a p95": (P95, timed, 30, 40),
}


@pytest.mark.parametrize(("watched", "cells", "begin", "end"), OUTAGES.values(), ids=OUTAGES)
def test_total_outage_is_certain_within_seconds(
    watched: Budget, cells: Callable[[int, int, int], list[Cell]], begin: int, end: int
) -> None:
    over = [0] * begin + [RATE] * (SECONDS - begin)
    assert aborted_at(watched, over, cells) == end


KEPT = {
    "every answer in time": (P95, [0] * SECONDS),
    "exactly what is allowed": (P95, [5] * SECONDS),
    "a single second of outage": (P95, [0] * 20 + [RATE] + [0] * 39),
    "three slow seconds at the start of sixty": (P95, [RATE] * 3 + [0] * 57),
}


@pytest.mark.parametrize(("watched", "over"), KEPT.values(), ids=KEPT)
def test_budget_that_may_still_be_kept_is_no_breach(watched: Budget, over: list[int]) -> None:
    assert aborted_at(watched, over, timed) == np.inf


@pytest.mark.parametrize(
    ("watched", "end"),
    [
        pytest.param(replace(ERRORS, abort_after=12.0), 12, id="only after abort_after"),
        pytest.param(replace(ERRORS, min_samples=801), 9, id="only with enough samples"),
        pytest.param(replace(ERRORS, bound=0.0, abort_after=0.0), 1, id="at once when none may"),
        pytest.param(replace(ERRORS, abort=False), np.inf, id="not without abort"),
        pytest.param(
            replace(ERRORS, waiver=Waiver(date(2031, 5, 1), "x")), np.inf, id="not when waived"
        ),
    ],
)
def test_outage_aborts_when_the_budget_says_so(watched: Budget, end: float) -> None:
    assert aborted_at(watched, [RATE] * SECONDS, failing) == end


SELECTED: dict[str, tuple[Indicator, Cell, bool]] = {
    "the request that is meant": (Latency(0.9, "GET /"), cell(0, {SLOW: 50}), True),
    "another request": (Latency(0.9, "GET /other"), cell(0, {SLOW: 50}), False),
    "service time for latency": (Latency(0.9), cell(0, {SLOW: 50}, what=SERVICE_TIME), False),
    "service time": (
        Latency(0.9, of="service_time"),
        cell(0, {SLOW: 50}, what=SERVICE_TIME),
        True,
    ),
    "time of failures": (Latency(0.9), cell(0, {SLOW: 50}, ERROR), False),
    "time of failures that count": (Latency(0.9, outcome="all"), cell(0, {SLOW: 50}, ERROR), True),
    "time in the bucket of the bound": (Latency(0.9), cell(0, {bucket_of(0.2): 50}), False),
    "failures": (ErrorRatio(), cell(0, {FAST: 50}, ERROR), True),
    "failures of the request": (ErrorRatio("GET /"), cell(0, {FAST: 50}, ERROR), True),
    "failures of another request": (ErrorRatio("GET /x"), cell(0, {FAST: 50}, ERROR), False),
    "service time of failures": (ErrorRatio(), cell(0, {FAST: 50}, ERROR, SERVICE_TIME), False),
    "failures of the warm-up": (ErrorRatio(), cell(-1, {FAST: 50}, ERROR), False),
}


@pytest.mark.parametrize(("indicator", "one", "breach"), SELECTED.values(), ids=SELECTED)
def test_only_requests_that_the_budget_is_about_count(
    indicator: Indicator, one: Cell, breach: bool
) -> None:
    watched = budget(indicator, 0.2)
    watch = AbortWatch([watched], 5)
    for second in range(5):
        watch.add([replace(one, second=second if one.second >= 0 else -1 - second)])
    assert (watch.breach(5.0) is watched) is breach


def test_requests_in_flight_count_as_if_they_kept_the_budget() -> None:
    watch = AbortWatch([ERRORS], SECONDS)
    for second in range(10):  # the answers of this service are slow, its failures fast
        watch.add([cell(second, {FAST: 1}, ERROR)])
    assert watch.breach(10.0, in_flight=1000) is None
    assert watch.breach(10.0) is ERRORS


def test_first_of_several_breached_budgets_is_named_and_all_are_watched() -> None:
    other = replace(ERRORS, name="other")
    watch = AbortWatch(
        [replace(P95, name="p95"), replace(P95, abort=False), ERRORS, other], SECONDS
    )
    assert [budget.name for budget in watch.budgets] == ["p95", "it", "other"]
    assert watch.states() == (("p95", ""), ("it", ""), ("other", ""))
    for second in range(6):
        watch.add(failing(second, RATE, RATE))
    assert watch.breach(6.0) is ERRORS
    assert watch.states() == (("p95", ""), ("it", "fail"), ("other", ""))


def test_parts_of_a_second_from_several_generators_add_up_late() -> None:
    watch = AbortWatch([ERRORS], SECONDS)
    for second in range(5):
        watch.add(failing(second, 0, RATE))
    assert watch.breach(5.0) is None
    for second in range(5):
        watch.add(failing(second, RATE, RATE))
    assert watch.breach(5.5) is ERRORS

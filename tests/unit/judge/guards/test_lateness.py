"""Where the kernel timed the answers, only lateness before the sending is in doubt."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from math import ceil
from typing import Literal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness import names
from harness.budgets.model import Budget, Latency
from harness.judge.guards import lateness
from harness.judge.guards.readings import GeneratorReading
from harness.judge.judge import judge
from harness.judge.measure.observation import Coverage, ObservedTimes, RequestCount, Waits
from harness.runs.model import Distribution, Evidence, LatencyKey
from tests.unit.judge.evidence import budget, distribution, evidence, requests
from tests.unit.judge.guards.guarding import (
    CLOSED,
    P95,
    SERVER,
    account,
    found,
    lag,
    readings,
    tripped,
)

LAGS = {
    names.GENERATOR_LOOP_LAG: "generator-loop-lag",
    names.GENERATOR_CANARY: "generator-canary",
    names.SCHEDULER_LAG: "scheduler-lag",
}
MEAN = budget(Latency(None), 0.2)
BUSY = readings(names.GENERATOR_CPU, [0.95, 0.95, 0.95])
Latencies = Mapping[LatencyKey, Distribution]


def run(
    lags: Latencies,
    slow: float = 0.21,
    by_kernel: int = 100,
    *,
    closed: bool = False,
    busy: bool = False,
) -> Evidence:
    """A hundred requests that take so long, of which the kernel timed some."""
    times = [slow] * 100
    latency = {**requests(ok=times), **requests(ok=times, what=names.SERVICE_TIME), **lags}
    if by_kernel:
        latency |= requests(ok=[0.0001] * by_kernel, what=names.RECEIVE_LAG)
    series = (BUSY,) if busy else ()
    return evidence(*series, latency=latency, requests=CLOSED if closed else account())


def late(*whats: str, share: float = 0.5, seconds: float = 0.030) -> Latencies:
    """So late for a share of the time, in each of these ways; 1 ms in the others."""
    slow = round(1000 * share)
    kinds = {names.GENERATOR_LOOP_LAG, names.GENERATOR_CANARY, names.START_LAG, *whats}
    return {
        key: times
        for what in kinds
        for key, times in lag(what, slow=slow if what in whats else 0, seconds=seconds).items()
    }


LOOP = late(names.GENERATOR_LOOP_LAG, names.GENERATOR_CANARY)
START = late(names.START_LAG, names.SCHEDULER_LAG)


@pytest.mark.parametrize("budget", [P95, MEAN], ids=["p95", "mean"])
@pytest.mark.parametrize(
    ("lags", "by_kernel", "closed", "doubted"),
    [
        pytest.param(LOOP, 0, False, True, id="answers read late, by the loop"),
        pytest.param(LOOP, 100, False, False, id="answers read late, by the kernel"),
        pytest.param(LOOP, 4, False, True, id="answers read late, most by the loop"),
        pytest.param(START, 100, False, True, id="sent late, by the kernel"),
        pytest.param(LOOP, 100, True, True, id="closed: late loops bunch requests"),
    ],
)
def test_breach_by_kernel_times_is_doubted_only_for_late_sending(
    budget: Budget, lags: Latencies, by_kernel: int, closed: bool, doubted: bool
) -> None:
    assert bool(tripped(run(lags, 0.21, by_kernel, closed=closed), budget)) is doubted


@pytest.mark.parametrize(
    ("by_kernel", "slow", "doubted"),
    [
        pytest.param(0, 0.258, True, id="by the loop, both lags together explain it"),
        pytest.param(0, 0.262, False, id="by the loop, more than both lags"),
        pytest.param(100, 0.229, True, id="by the kernel, one lag explains it"),
        pytest.param(100, 0.232, False, id="by the kernel, more than one lag"),
    ],
)
def test_lag_of_the_loop_counts_once_in_the_closed_model(
    by_kernel: int, slow: float, doubted: bool
) -> None:
    lags = {**lag(names.GENERATOR_LOOP_LAG, slow=500), **lag(names.GENERATOR_CANARY, slow=500)}
    found = tripped(run(lags, slow, by_kernel, closed=True), P95)
    assert found == ({"generator-loop-lag", "generator-canary"} if doubted else set())


@pytest.mark.parametrize(
    ("unknown", "doubted"),
    [pytest.param(5, False, id="5% may exceed"), pytest.param(96, True, id="more than that")],
)
def test_answers_that_the_loop_timed_count_as_explained(unknown: int, doubted: bool) -> None:
    assert bool(tripped(run(LOOP, 0.21, 100 - unknown), P95)) is doubted


def test_kernel_times_of_other_requests_prove_nothing() -> None:
    other = requests("GET /other", ok=[0.0001] * 100, what=names.RECEIVE_LAG)
    only = budget(Latency(0.95, "GET /contacts"), 0.2)
    assert tripped(run({**LOOP, **other}, by_kernel=0), only) != set()
    failed = requests(failed=[0.0001] * 100, what=names.RECEIVE_LAG)
    assert tripped(run({**LOOP, **failed}, by_kernel=0), P95) != set()


@pytest.mark.parametrize(
    ("lags", "slow", "by_kernel", "closed", "doubted"),
    [
        pytest.param({}, 0.1, 0, False, True, id="holds, by the loop"),
        pytest.param({}, 0.1, 100, False, False, id="holds, by the kernel"),
        pytest.param({}, 0.1, 100, True, True, id="holds in the closed model"),
        pytest.param({}, 0.1, 50, False, True, id="holds, half by the loop"),
        pytest.param(LOOP, 0.21, 100, False, False, id="breached, by the kernel"),
        pytest.param(START, 0.21, 100, False, True, id="breached, and sent late"),
    ],
)
def test_generator_short_of_cpu_leaves_what_the_kernel_timed(
    lags: Latencies, slow: float, by_kernel: int, closed: bool, doubted: bool
) -> None:
    guard = found(run(lags, slow, by_kernel, closed=closed, busy=True), P95)["generator-cpu"]
    assert guard.outcome == ("tripped" if doubted else "ok")
    assert guard.budgets == ((P95.name,) if doubted else None)
    assert ("the kernel timed the answers" in guard.reason) is not doubted


def test_budget_of_the_service_owes_nothing_to_the_kernel() -> None:
    guard = found(run({}, 0.1, by_kernel=100, busy=True), SERVER)["generator-cpu"]
    assert guard.outcome == "ok"
    assert guard.reason.endswith("of a core; no verdict depends on that")


def test_service_time_that_holds_is_doubted_whoever_timed_it() -> None:
    of_service = budget(Latency(0.95, of="service_time"), 0.2)
    both = found(run({}, 0.1, busy=True), of_service)["generator-cpu"]
    assert both.outcome == "tripped"


def test_distribution_of_receive_lags_is_no_latency() -> None:
    with_lags = run({}, 0.1)
    assert with_lags.latency[LatencyKey("receive_lag", "ok", "GET", "/contacts")] == distribution(
        [0.0001] * 100
    )
    assert tripped(with_lags, P95) == set()


@pytest.mark.parametrize(
    ("of", "by_kernel", "ran_out", "late"),
    [
        pytest.param("latency", 100, False, 0.003, id="by the kernel: of the start"),
        pytest.param("latency", 0, False, 0.008, id="by the loop: of start and reading"),
        pytest.param("latency", 80, False, 0.004, id="a fifth of it by the loop"),
        pytest.param("latency", 100, True, 0.0, id="arrivals that waited for users"),
        pytest.param("service_time", 100, False, 0.0, id="from the real start on"),
        pytest.param("service_time", 0, False, 0.005, id="the same, by the loop"),
    ],
)
def test_interval_of_a_time_is_without_the_lateness_that_is_usual(
    of: Literal["latency", "service_time"], by_kernel: int, ran_out: bool, late: float
) -> None:
    lags = {
        **lag(names.START_LAG, slow=1000, seconds=0.003),
        **lag(names.GENERATOR_LOOP_LAG, slow=1000, seconds=0.002),
        **lag(names.GENERATOR_CANARY, slow=1000, seconds=0.005),
    }
    one = budget(Latency(0.5, of=of), 0.1)
    idle = readings(names.GENERATOR_IDLE_USERS, [0.0 if ran_out else 1.0])
    ends = []
    for late_by in ({}, lags):
        made = run(late_by, 0.21, by_kernel)
        (verdict,) = judge((one,), replace(made, series=(*made.series, idle))).verdicts
        ends.append((verdict.lower, verdict.upper, verdict.value))
    (before, upper, value), (lower, *others) = ends
    assert before is not None
    assert lower == pytest.approx(before - late, abs=1e-9)
    assert others == [upper, value]


def test_interval_of_a_time_that_is_all_lateness_begins_at_zero() -> None:
    (verdict,) = judge((P95,), run(late(names.START_LAG, seconds=9.0), 0.21)).verdicts
    assert verdict.lower == 0.0


def test_service_at_its_bound_does_not_fail_because_each_request_is_some_milliseconds_late() -> (
    None
):
    """The p95 is 30 ms, and each of 500 requests is sent 3 to 5 ms late: 1% may fail."""
    draw, outcomes = np.random.default_rng(3), []
    one = budget(Latency(0.95), 0.03)
    for _ in range(100):
        start = draw.uniform(0.003, 0.005, 500)
        times = draw.exponential(0.03 / np.log(20), 500) * np.exp(draw.normal(0, 0.05)) + start
        latency = {
            **requests(ok=times.round(5).tolist()),
            **requests(ok=[0.0001] * 500, what=names.RECEIVE_LAG),
            LatencyKey(names.START_LAG): distribution(start.round(4).tolist()),
        }
        made = evidence(latency=latency, requests=account())
        outcomes.append(judge((one,), made).verdicts[0].outcome)
    assert outcomes.count("fail") <= 4  # of 1 expected
    assert outcomes.count("inconclusive") > 50  # none of the other guards has a part in it


OF_BATCH = st.dictionaries(
    st.integers(0, 5), st.lists(st.sampled_from([0.0, 0.01, 0.1, 0.7]), min_size=1, max_size=9)
)
TIMES = st.lists(st.floats(0.05, 1), min_size=1, max_size=9)


@example({}, {what: {0: [0.01]} for what in lateness.LAGS}, 0.5)  # no request was answered
@given(
    st.dictionaries(st.integers(0, 4), TIMES),
    st.fixed_dictionaries(dict.fromkeys(lateness.LAGS, OF_BATCH)),
    st.floats(0, 1),
)
def test_breach_is_certain_by_the_sum_over_requests_of_what_lateness_cannot_explain(
    batches: dict[int, list[float]], lags: dict[str, dict[int, list[float]]], bound: float
) -> None:
    """The inequality of `lateness`, request by request."""
    parts = {number: distribution(batches[number]) for number in sorted(batches)}
    times = Distribution.merge(parts.values())
    observed = ObservedTimes(
        *(Latency(0.95), Coverage(), times, times, {}, tuple(parts.values()), ()),
        *(RequestCount(times.count), Waits(), 2, tuple(parts)),
    )
    of_batch = {
        what: ({number: distribution(values) for number, values in found.items()},)
        for what, found in lags.items()
    }
    whole = {what: (Distribution.merge(one[0].values()),) for what, one in of_batch.items()}
    generator = GeneratorReading(whole, closed=False, users_ran_out=False, batches=of_batch)
    highest = sum(one[0].quantile(1.0) or 0.0 for one in whole.values())

    def late(share: float, number: int | None) -> float:
        """The lateness of a batch that is exceeded in a share of the time."""
        found = lateness.OWN_TIME
        for values in lags.values():
            near = range(number or 0, (number or 0) + ceil((P95.bound + highest) / 2) + 1)
            some = [value for n in near for value in values.get(n, ())]
            every = [value for one in values.values() for value in one]
            chosen = distribution(some if number in values else every)
            found += chosen.quantile(1 - share) or 0.0
        return found

    def is_certain(place: int, *, by_batch: bool) -> bool:
        over = 0.0
        for number, some in batches.items():
            of = number if by_batch else None
            limit = bound + late(lateness.SHARES[place], of)
            over += sum(time > limit for time in some)
            for share, after in pairwise(lateness.SHARES[: place + 1]):
                slow = sum(time > limit - late(share, of) for time in some)
                over -= lateness.BURSTS * (after - share) * slow
        return over > 0.05 * times.count * (1 + 1e-9)

    places = range(len(lateness.SHARES))
    certain = any(is_certain(p, by_batch=by_batch) for p in places for by_batch in (False, True))
    assert lateness.certainly_breached(P95, observed, generator)(bound) == certain

"""A late generator takes away the verdicts that its lateness could have turned, and no other."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import names
from harness.budgets.model import Budget, ErrorRatio, Latency
from harness.runs.model import Distribution, Evidence, LatencyKey
from tests.unit.judge.evidence import budget, distribution, evidence, requests
from tests.unit.judge.guards.guarding import (
    CLOSED,
    P95,
    account,
    by_value,
    found,
    lag,
    lagging,
    readings,
    tripped,
)

LAGS = {
    names.GENERATOR_LOOP_LAG: "generator-loop-lag",
    names.GENERATOR_CANARY: "generator-canary",
    names.SCHEDULER_LAG: "scheduler-lag",
}
FAST = budget(Latency(0.95, "GET /health"), 0.01)
MEAN = budget(Latency(None), 0.2)
SERVICE = budget(Latency(0.95, of="service_time"), 0.2)


def run(
    lags: Mapping[LatencyKey, Distribution],
    slow: float = 0.21,
    fast: int = 0,
    *,
    closed: bool = False,
) -> Evidence:
    """A hundred requests, of which some take 10 ms and the others so long."""
    times = [0.010] * fast + [slow] * (100 - fast)
    both = requests(ok=times) | requests(ok=times, what=names.SERVICE_TIME)
    return evidence(latency={**both, **lags}, requests=CLOSED if closed else account())


def late(
    share: float, seconds: float = 0.030, what: str = names.SCHEDULER_LAG
) -> dict[LatencyKey, Distribution]:
    return lag(what, slow=round(1000 * share), seconds=seconds)


@pytest.mark.parametrize("what", LAGS)
@pytest.mark.parametrize(
    ("share", "slow", "fast", "outcome"),
    [
        pytest.param(0.5, 0.229, 0, "tripped", id="half late by more than the breach is large"),
        pytest.param(0.5, 0.232, 0, "ok", id="late, but the breach is larger"),
        pytest.param(0.01, 0.21, 0, "ok", id="one in a hundred late is no p95"),
        pytest.param(0.02, 0.21, 90, "ok", id="10% too slow, of which lateness explains 4%"),
        pytest.param(0.04, 0.21, 90, "ok", id="10% too slow, and the others far from the bound"),
        pytest.param(0.5, 0.21, 90, "tripped", id="10% too slow, half of them late"),
        pytest.param(0.5, 0.19, 0, "ok", id="it holds although it was late"),
    ],
)
def test_lag_in_the_open_model_takes_away_breaches_that_it_explains(
    what: str, share: float, slow: float, fast: int, outcome: str
) -> None:
    evidence = run(late(share, what=what), slow, fast)
    assert found(evidence, P95)[LAGS[what]].outcome == outcome
    assert tripped(evidence, P95) == ({LAGS[what]} if outcome == "tripped" else set())
    (verdict,) = by_value((P95,), evidence)
    expected = "pass" if slow < 0.2 else "fail"
    assert verdict.outcome == ("inconclusive" if outcome == "tripped" else expected)


@pytest.mark.parametrize("what", LAGS)
@pytest.mark.parametrize(
    ("share", "seconds", "slow", "outcome"),
    [
        pytest.param(0.02, 0.021, 0.1, "tripped", id="over a tenth of the bound"),
        pytest.param(0.02, 0.0199, 0.1, "ok", id="under a tenth of the bound"),
        pytest.param(0.009, 0.5, 0.1, "ok", id="seldom late"),
        pytest.param(0.02, 0.021, 0.24, "ok", id="a breach that it cannot explain"),
    ],
)
def test_lag_in_the_closed_model_takes_away_what_holds(
    what: str, share: float, seconds: float, slow: float, outcome: str
) -> None:
    evidence = run(late(share, seconds, what), slow, closed=True)
    assert found(evidence, P95)[LAGS[what]].outcome == outcome


def test_lag_takes_away_only_the_budgets_that_it_could_have_turned() -> None:
    generous = budget(Latency(0.95), 1.0, name="generous")
    tight = budget(Latency(0.95), 0.2, name="tight")
    hopeless = budget(Latency(0.95), 0.1, name="hopeless")
    evidence = run(late(0.5))
    guard = found(evidence, generous, tight, hopeless)["scheduler-lag"]
    assert (guard.outcome, guard.scope, guard.budgets) == ("tripped", "latency", ("tight",))
    assert (
        "the verdict on tight (10 ms over its bound, and perhaps 30.5 ms too high) may be due to"
        " that"
    ) in guard.reason
    outcomes = [v.outcome for v in by_value((generous, tight, hopeless), evidence)]
    assert outcomes == ["pass", "inconclusive", "fail"]


def test_lag_does_not_trust_a_pass_on_service_time_in_the_open_model() -> None:
    evidence = run(late(0.02), 0.19)
    assert tripped(evidence, SERVICE) == {"scheduler-lag"}
    assert tripped(evidence, P95) == set()


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [pytest.param(0.06, "tripped", id="30 ms on average"), pytest.param(0.004, "ok", id="2.5 ms")],
)
def test_lag_of_a_mean_is_that_on_average(seconds: float, outcome: str) -> None:
    assert found(run(late(0.5, seconds)), MEAN)["scheduler-lag"].outcome == outcome


def test_lags_add_up() -> None:
    one = late(0.5)
    both = one | late(0.5, what=names.GENERATOR_CANARY)
    assert tripped(run(one, 0.25), P95) == set()
    assert tripped(run(both, 0.25), P95) == {"scheduler-lag", "generator-canary"}


@pytest.mark.parametrize(
    ("left", "service", "slow", "outcome"),
    [
        pytest.param(0, 0.010, 500, "tripped", id="late, and users ran out on a fast service"),
        pytest.param(0, 0.300, 500, "ok", id="late, and users ran out on a slow service"),
        pytest.param(0, 0.010, 0, "ok", id="in time, and users ran out"),
        pytest.param(1, 0.010, 500, "ok", id="late, and no request waited for a user"),
    ],
)
def test_lag_while_users_run_out_leaves_only_the_service_time(
    left: int, service: float, slow: int, outcome: str
) -> None:
    """Two seconds from the intended start, of which so much from the real one."""
    times = requests(ok=[2.0] * 100) | requests(ok=[service] * 100, what=names.SERVICE_TIME)
    lags = lag(names.GENERATOR_CANARY, slow=slow)
    users = readings(names.GENERATOR_IDLE_USERS, [5, left, 5])
    run = evidence(users, latency=times | lags, requests=account())
    assert found(run, P95)["generator-canary"].outcome == outcome


def test_lag_of_starts_is_the_generators_while_users_are_idle() -> None:
    lags = lag(names.SCHEDULER_LAG, slow=0) | lag(names.START_LAG, slow=900)
    idle, busy = (readings(names.GENERATOR_IDLE_USERS, [least]) for least in (3, 0))
    times = requests(ok=[0.22] * 100)
    assert tripped(evidence(idle, latency=times | lags), P95) == {"scheduler-lag"}
    assert tripped(evidence(busy, latency=times | lags), P95) == set()


def test_lags_of_several_generators_are_judged_by_the_worst() -> None:
    of = [lag(names.SCHEDULER_LAG, slow=slow, source=f"worker-{slow}") for slow in (0, 500, 3)]
    evidence = run({key: value for part in of for key, value in part.items()})
    guard = found(evidence, P95)["scheduler-lag"]
    assert (guard.outcome, guard.value) == ("tripped", 0.030)


@pytest.mark.parametrize(
    ("budgets", "limit"),
    [
        pytest.param((P95,), 0.020, id="a tenth of the tightest bound"),
        pytest.param((P95, FAST), 0.005, id="never under the noise of a shared machine"),
        pytest.param((P95, budget(Latency(0.5), 0.01, "min")), 0.020, id="a min is no tight bound"),
    ],
)
def test_limit_of_lag_follows_the_tightest_latency_budget(
    budgets: tuple[Budget, ...], limit: float
) -> None:
    run = evidence(**lagging(names.SCHEDULER_LAG, slow=0))
    assert found(run, *budgets)["scheduler-lag"].limit == pytest.approx(limit)


def test_lag_does_not_apply_without_a_latency_budget() -> None:
    run = evidence(**lagging(names.SCHEDULER_LAG, slow=999))
    assert "scheduler-lag" not in found(run, budget(ErrorRatio(), 0.01))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    quantile=st.sampled_from([0.5, 0.9, 0.95, 0.99]),
    scale=st.floats(0.0001, 0.05),
    bound=st.floats(0.05, 0.4),
)
def test_breach_made_of_lateness_alone_is_never_a_fail(
    seed: int, quantile: float, scale: float, bound: float
) -> None:
    """Times of a service that keeps the bound, plus any lateness: never a breach that stands."""
    random = np.random.default_rng(seed)
    true = random.lognormal(-2.5, 0.7, 2000)
    lateness = random.exponential(scale, 2000) * random.integers(0, 2, 2000)
    if np.quantile(true, quantile, method="inverted_cdf") > bound:
        return
    measured = requests(ok=(true + lateness).tolist())
    lags = {LatencyKey(names.SCHEDULER_LAG): distribution(lateness.tolist())}
    of = budget(Latency(quantile), bound)
    (verdict,) = by_value((of,), evidence(latency=measured | lags, requests=account()))
    assert verdict.outcome != "fail"


@pytest.mark.parametrize(
    ("share", "seconds", "slow", "closed", "outcome", "limit"),
    [
        pytest.param(0.5, 0.030, 0.210, False, "tripped", 0.02, id="a large lag that trips"),
        pytest.param(0.5, 0.008, 0.204, False, "tripped", None, id="a small lag that trips"),
        pytest.param(0.5, 0.030, 0.400, False, "ok", None, id="a large lag that trips not"),
        pytest.param(0.5, 0.008, 0.100, False, "ok", 0.02, id="a small lag that trips not"),
        pytest.param(0.5, 0.021, 0.100, True, "tripped", 0.02, id="users that ask less"),
    ],
)
def test_lag_has_a_limit_only_where_that_tells_tripped_from_not(
    share: float, seconds: float, slow: float, closed: bool, outcome: str, limit: float | None
) -> None:
    guard = found(run(late(share, seconds), slow, closed=closed), P95)["scheduler-lag"]
    assert guard.outcome == outcome
    assert guard.limit == (None if limit is None else pytest.approx(limit))


def test_lag_says_how_far_a_breach_in_doubt_is_over_its_bound() -> None:
    guard = found(run(late(0.5, 0.008), 0.204), P95)["scheduler-lag"]
    assert guard.reason.startswith(
        "the generator was at most 8 ms late in 99% of cases, and the verdict on the-budget (4 ms"
        " over its bound, and perhaps 8.52 ms too high) may be due to that; "
    )


@pytest.mark.parametrize(
    ("by_kernel", "reason"),
    [
        pytest.param(
            {"GET /contacts": 100, "GET /other": 300},
            "answers timed by the kernel: 100%; the generator read them 100 µs (p50) to 3 ms (p99)"
            " later",
            id="all",
        ),
        pytest.param(
            {"GET /contacts": 100, "GET /other": 298},
            "answers timed by the kernel: 99.5%; the generator read them 100 µs (p50) to 3 ms (p99)"
            " later",
            id="all but the first ones",
        ),
        pytest.param(
            {"GET /contacts": 25, "GET /other": 300},
            "answers timed by the kernel: 81.2%; the generator read them 100 µs (p50) to 3 ms (p99)"
            " later; by its event loop: GET /contacts (75%)",
            id="one endpoint mixed",
        ),
        pytest.param({}, None, id="none"),
    ],
)
def test_run_says_which_answers_the_kernel_timed(
    by_kernel: dict[str, int], reason: str | None
) -> None:
    latency = {
        **requests(ok=[0.1] * 90, failed=[0.1] * 10),
        **requests("GET /other", ok=[0.1] * 300),
    }
    for name, count in by_kernel.items():
        slow = round(0.02 * count)
        lags = [0.0001] * (count - slow) + [0.003] * slow
        latency |= requests(name, ok=lags[10:], failed=lags[:10], what=names.RECEIVE_LAG)
    guard = found(evidence(latency=latency), P95).get("receive-times")
    assert (guard and guard.reason) == reason
    if guard:
        assert guard.outcome == "ok"
        assert guard.value == pytest.approx(sum(by_kernel.values()) / 400)

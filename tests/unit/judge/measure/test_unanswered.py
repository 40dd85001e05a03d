"""Requests without an answer count in a verdict as what they are: they took at least so long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import names
from harness.budgets.model import Budget, ErrorRatio, Latency, Throughput
from harness.judge.judge import judge
from harness.judge.model import Verdict
from harness.runs.model import Distribution, Evidence, LatencyKey, Requests
from harness.units import Unit
from tests.unit.judge.evidence import (
    END,
    START,
    budget,
    confidence,
    distribution,
    evenly,
    evidence,
    measure,
    requests,
    series,
)

P95 = budget(Latency(0.95), 0.04)
MEAN = budget(Latency(None), 0.04)
LONGEST = budget(Latency(1.0), 0.04)
ERRORS = budget(ErrorRatio(), 0.01, unit=Unit.RATIO)
LITTLE = {"workload": {"model": "open", "stages": [{"rate": 30.0}], "max_users": 100}}


def waits(
    seconds: Iterable[float], request: str = "GET /contacts"
) -> dict[LatencyKey, Distribution]:
    """Requests that were unanswered for so long, and sent when they were due."""
    method, _, name = request.partition(" ")
    found = distribution(seconds)
    kinds = (names.UNANSWERED_LATENCY, names.UNANSWERED_SERVICE_TIME)
    return {LatencyKey(kind, "", method, name): found for kind in kinds}


def arrivals(seconds: Iterable[float]) -> dict[LatencyKey, Distribution]:
    """Arrivals that had waited for a user for so long."""
    return {LatencyKey(names.UNSTARTED_LATENCY): distribution(seconds)}


def run(
    latency: Mapping[LatencyKey, Distribution],
    *more: Any,
    batches: Mapping[LatencyKey, Mapping[int, Distribution]] | None = None,
    in_flight: int | None = None,
    dropped: int = 0,
    waited: float = 30.0,
    **fields: Any,
) -> Evidence:
    """A run with the account that belongs to its times."""
    unanswered = sum(d.count for k, d in latency.items() if k.what == names.UNANSWERED_LATENCY)
    recorded = sum(d.count for k, d in latency.items() if k.what == names.LATENCY)
    count = unanswered if in_flight is None else in_flight
    account = Requests(
        asked=recorded + count + dropped,
        sent=recorded + count,
        dropped=dropped,
        started=recorded + count,
        recorded=recorded,
        in_flight=count,
    )
    found = evidence(*more, latency=latency, requests=account, waited=waited, **fields)
    return replace(
        found, batches=batches or evenly(latency), recorded=recorded, unanswered=unanswered
    )


def verdict(of: Budget, found: Evidence) -> Verdict:
    (one,) = judge((of,), found).verdicts
    return one


def users(count: float) -> Any:
    return series(names.GENERATOR_USERS, lambda _: count, instance="")


def stuck(recorded: int = 0, hanging: int = 100, never: int = 200, **fields: Any) -> Evidence:
    """A service that stopped answering: all of 100 users wait, and arrivals wait for a user."""
    latency = {
        **(requests(ok=[0.01] * recorded) if recorded else {}),
        **(waits([20.0] * hanging) if hanging else {}),
        **arrivals([10.0] * never),
    }
    idle = series(names.GENERATOR_IDLE_USERS, lambda t: 90.0 if t < 3 else 0.0, instance="")
    given: dict[str, Any] = {"loads": [LITTLE], "in_flight": 100, "dropped": never} | fields
    found = run(latency, idle, users(100), **given)
    return replace(found, unanswered=given["in_flight"])


# --- values and intervals -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "waited", "at_least"),
    [
        pytest.param([0.01] * 100, [30.0] * 4, False, id="too few to reach the p95"),
        pytest.param([0.01] * 100, [30.0] * 6, True, id="enough to reach it"),
        pytest.param([0.01] * 12, [30.0 + i for i in range(100)], True, id="100 of 112"),
        pytest.param([0.01] * 95 + [0.5] * 5, [0.2] * 3, True, id="waits below recorded times"),
        pytest.param([], [5.0] * 29, True, id="29 of 29"),
        pytest.param([0.01] * 50, [], False, id="none"),
    ],
)
def test_value_is_that_of_the_shortest_times_that_the_requests_can_take(
    recorded: list[float], waited: list[float], at_least: bool
) -> None:
    latency = {**requests(ok=recorded), **(waits(waited) if waited else {})}
    found = run(latency)
    shortest = recorded + waited
    expected = np.quantile(shortest, 0.95, method="inverted_cdf")
    value = measure(P95, found)
    assert value.value == pytest.approx(expected)
    assert (value.samples, value.at_least) == (len(shortest), at_least)
    assert measure(MEAN, found).value == pytest.approx(np.mean(shortest))
    assert measure(LONGEST, found).value == pytest.approx(max(shortest))
    if waited:
        assert value.note.startswith(f"{len(waited)} of {len(shortest)} requests unanswered after")


def test_interval_reaches_from_requests_that_end_now_to_requests_that_never_end() -> None:
    answered = run(requests(ok=[0.01] * 400))
    some = run({**requests(ok=[0.01] * 400), **waits([30.0] * 4)})
    many = run({**requests(ok=[0.01] * 400), **waits([30.0] * 40)})
    known = confidence(P95, answered)
    assert known is not None
    assert known.upper == pytest.approx(0.01, rel=0.1)
    few = confidence(P95, some)
    assert few == known  # 1% may be over the bound of a p95, whatever they take
    more = confidence(P95, many)
    assert more is not None
    assert more.upper is None
    mean = confidence(MEAN, some)
    assert mean is not None
    assert mean.upper is None


@pytest.mark.parametrize(
    ("of", "latency", "outcome"),
    [
        pytest.param(P95, waits([30.0] * 29), "fail", id="29 of 29"),
        pytest.param(MEAN, waits([30.0] * 29), "fail", id="29 of 29, the mean"),
        pytest.param(LONGEST, waits([30.0]), "fail", id="one is the longest"),
        pytest.param(
            P95, requests(ok=[0.01] * 400) | waits([30.0] * 4), "pass", id="4 of 404 may hang"
        ),
        pytest.param(
            P95, requests(ok=[0.01] * 100) | waits([0.02] * 10), "inconclusive", id="short waits"
        ),
        pytest.param(
            LONGEST, requests(ok=[0.01] * 100) | waits([0.02]), "inconclusive", id="one may be long"
        ),
        pytest.param(
            MEAN, requests(ok=[0.01] * 100) | waits([0.02]), "inconclusive", id="so may a mean"
        ),
        pytest.param(
            budget(Latency(0.95, "GET /contacts"), 0.04),
            requests(ok=[0.01] * 100) | waits([30.0] * 20, "GET /other"),
            "pass",
            id="those of another request do not matter",
        ),
        pytest.param(
            budget(Latency(0.95, "GET /gone"), 0.04),
            requests(ok=[0.01] * 100) | waits([30.0] * 29, "GET /gone"),
            "fail",
            id="a request that was never answered",
        ),
        pytest.param(
            budget(Latency(0.95, outcome="all"), 0.04), waits([30.0] * 29), "fail", id="all"
        ),
        pytest.param(
            budget(Latency(0.95, outcome="error"), 0.04),
            requests(failed=[0.01] * 400) | waits([30.0] * 40),
            "inconclusive",
            id="whether they will fail is not known",
        ),
        pytest.param(
            budget(Latency(0.95, of=names.SERVICE_TIME), 0.04),
            requests(ok=[0.01] * 20)
            | requests(ok=[0.01] * 20, what=names.SERVICE_TIME)
            | waits([30.0] * 20),
            "fail",
            id="service time",
        ),
        pytest.param(
            ERRORS, requests(failed=[0.01] * 100) | waits([30.0] * 10), "fail", id="100 of 110 fail"
        ),
        pytest.param(
            ERRORS, requests(ok=[0.01] * 1000) | waits([30.0] * 1), "pass", id="1 of 1001 may fail"
        ),
        pytest.param(
            ERRORS, requests(ok=[0.01] * 100) | waits([30.0] * 10), "inconclusive", id="10 of 110"
        ),
        pytest.param(ERRORS, waits([30.0] * 29), "inconclusive", id="nothing is known of failures"),
        pytest.param(
            budget(Throughput(), 20.0, "min", Unit.PER_SECOND),
            waits([30.0] * 29),
            "fail",
            id="no answer is no throughput",
        ),
        pytest.param(
            budget(Throughput(), 20.0, unit=Unit.PER_SECOND),
            waits([30.0] * 29),
            "inconclusive",
            id="a silent service keeps no maximum",
        ),
    ],
)
def test_verdict_is_what_holds_for_every_time_that_the_requests_can_take(
    of: Budget, latency: dict[LatencyKey, Distribution], outcome: str
) -> None:
    assert verdict(of, run(latency)).outcome == outcome


def test_reason_names_the_requests_and_their_waits() -> None:
    found = verdict(P95, run({**requests(ok=[0.01] * 12), **waits([30.0] * 100)}))
    assert (found.outcome, found.at_least) == ("fail", True)
    assert "is at least 30 s" in found.reason
    assert "(100 of 112 requests unanswered after 30 s)" in found.reason


def test_outage_in_the_middle_of_a_run_is_a_breach_although_its_batches_differ() -> None:
    ok, wait = next(iter(requests(ok=[0.01]))), next(iter(waits([1.0])))
    answered = {n: distribution([0.01] * 60) for n in (0, 1, 2)}
    hanging = {n: distribution([30.0] * 60) for n in (3, 4)}
    latency = {ok: distribution([0.01] * 180), wait: distribution([30.0] * 120)}
    found = run(latency, batches={ok: answered, wait: hanging})
    assert verdict(P95, found).outcome == "fail"
    assert verdict(MEAN, found).outcome == "fail"
    few = {3: distribution([30.0] * 1)}
    latency = {ok: distribution([0.01] * 180), wait: distribution([30.0])}
    assert verdict(P95, run(latency, batches={ok: answered, wait: few})).outcome != "fail"


@pytest.mark.parametrize("of", [P95, MEAN, LONGEST, ERRORS])
def test_folders_without_waits_are_judged_as_before(of: Budget) -> None:
    latency = requests(ok=[0.01] * 100)
    assert verdict(of, run(latency, in_flight=20)).outcome == "inconclusive"


batch = st.tuples(
    st.lists(st.sampled_from([0.005, 0.01, 0.02, 0.05, 0.1]), max_size=40),
    st.lists(st.sampled_from([0.001, 0.01, 0.03, 0.045, 0.5, 30.0]), max_size=40),
)


@given(
    st.lists(batch, min_size=5, max_size=5),
    st.sampled_from([P95, MEAN, LONGEST, budget(Latency(0.5), 0.04)]),
    st.randoms(use_true_random=False),
)
@settings(max_examples=150, deadline=None)
def test_no_completion_of_the_unanswered_requests_contradicts_a_verdict(
    parts: list[tuple[list[float], list[float]]], of: Budget, chance: Any
) -> None:
    ok, wait = next(iter(requests(ok=[0.01]))), next(iter(waits([1.0])))
    answered = {n: distribution(times) for n, (times, _) in enumerate(parts) if times}
    hanging = {n: distribution(times) for n, (_, times) in enumerate(parts) if times}
    if not answered or not hanging:
        return
    latency = {
        ok: Distribution.merge(answered.values()),
        wait: Distribution.merge(hanging.values()),
    }
    found = verdict(of, run(latency, batches={ok: answered, wait: hanging}))
    if found.outcome not in {"pass", "fail"}:
        return
    longer = [0.0, 0.0, 0.01, 0.1, 100.0]
    complete = {
        n: distribution([*times, *(w + chance.choice(longer) for w in waited)])
        for n, (times, waited) in enumerate(parts)
        if times or waited
    }
    every = Distribution.merge(complete.values())
    value = measure(of, run({ok: every}, batches={ok: complete}))
    assert value.value is not None
    assert (value.value <= of.bound * (1 + 1e-9)) == (found.outcome == "pass")
    then = verdict(of, run({ok: every}, batches={ok: complete})).outcome
    assert then in {found.outcome, "inconclusive"}


# --- arrivals that no user took ---------------------------------------------------------------


def test_arrivals_that_the_service_kept_waiting_count_as_latencies() -> None:
    found = verdict(P95, stuck(recorded=150))
    assert found.outcome == "fail"
    assert found.samples == 450
    assert "100 of 250 requests unanswered after 20 s" in found.reason
    assert "200 arrivals never began because all 100 users waited for the service" in found.reason


def test_arrivals_are_a_breach_although_every_request_was_sent_before_the_window() -> None:
    run_ = stuck(hanging=0)
    assert verdict(P95, run_).outcome == "fail"
    nothing = budget(Throughput(), 20.0, "min", Unit.PER_SECOND)
    assert verdict(nothing, run_).outcome == "fail"
    failures = verdict(ERRORS, run_)
    assert failures.outcome == "inconclusive"
    assert "no request began in the window because all 100 users waited" in failures.reason


@pytest.mark.parametrize(
    ("of", "changes"),
    [
        pytest.param(budget(Latency(0.95), 4.0), {}, id="the pool is too small for the bound"),
        pytest.param(budget(Latency(0.95, "GET /contacts"), 0.04), {}, id="one request's budget"),
        pytest.param(budget(Latency(0.95, of="service_time"), 0.04), {}, id="service time"),
        pytest.param(budget(Latency(0.95, outcome="error"), 0.04), {}, id="failures alone"),
        pytest.param(P95, {"in_flight": 80}, id="20 users did something else"),
        pytest.param(P95, {"loads": []}, id="the pool is not known"),
    ],
)
def test_arrivals_do_not_count_where_the_service_may_not_be_the_cause(
    of: Budget, changes: dict[str, Any]
) -> None:
    run_ = stuck(recorded=100, hanging=0, **changes)
    assert "never began because" not in measure(of, run_).note
    assert verdict(of, run_).outcome != "fail"


def test_arrivals_do_not_count_when_the_generator_may_have_kept_them() -> None:
    late = {LatencyKey(names.GENERATOR_LOOP_LAG): distribution([0.001] * 99 + [3.0])}
    run_ = stuck(recorded=150)
    run_ = replace(run_, latency={**run_.latency, **late})
    assert measure(P95, run_).samples == 250  # 20 s is less than ten times 3 s


@pytest.mark.parametrize("second", [START, END])
def test_users_of_all_generators_must_wait(second: float) -> None:
    run_ = stuck(recorded=150)
    other = series(
        names.GENERATOR_USERS, [100.0], {names.SOURCE: "worker-2"}, instance="", times=[second]
    )
    assert measure(P95, replace(run_, series=(*run_.series, other))).samples == 250


@pytest.mark.parametrize(
    "load",
    [
        {},
        {"workload": None},
        {"workload": "open"},
        {"workload": {"model": "open", "stages": ["30/s"], "max_users": 100}},
        {"workload": {"model": "open", "stages": [{"rate": "30"}], "max_users": 100}},
        {"workload": {"model": "open", "stages": [{"rate": 30.0}], "max_users": "many"}},
        {"workload": {"model": "open"}},
        {"workload": {"model": "open", "stages": []}},
        {"workload": {"model": "open", "stages": [{"rate": 30.0}]}},
        {"workload": {"model": "open", "stages": [{"rate": None, "start_rate": 1e9}]}},
        {"workload": {"model": "closed", "stages": [{"users": 5}]}},
    ],
)
def test_arrivals_of_a_load_that_is_not_known_do_not_count(load: dict[str, Any]) -> None:
    assert measure(P95, stuck(recorded=150, loads=[load])).samples == 250


@pytest.mark.parametrize(
    ("of", "found", "between"),
    [
        pytest.param(ERRORS, requests(ok=[0.01] * 80), (0.0, 0.2), id="any of them may fail"),
        pytest.param(MEAN, requests(ok=[0.01] * 80), (0.808, np.inf), id="mean"),
        pytest.param(P95, requests(ok=[0.01] * 980), None, id="p95 that they cannot change"),
    ],
)
def test_unanswered_requests_leave_the_value_within_bounds(
    of: Budget, found: dict[LatencyKey, Distribution], between: tuple[float, float] | None
) -> None:
    measurement = measure(of, run(found | waits([4.0] * 20)))
    assert measurement.between == (between and pytest.approx(between))

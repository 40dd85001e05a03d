"""Each guard with a run that trips it and a neighbour that must not."""

from dataclasses import replace
from typing import Any

import pytest

from harness import names
from harness.budgets.model import Budget, ErrorRatio, Gauge, Latency, Mean, Rate, Selector
from harness.judge.guards import guards
from harness.judge.model import Guard, Touches
from harness.runs.model import Evidence, LatencyKey, Requests
from harness.units import Unit
from tests.unit.judge.evidence import (
    APP,
    HEALTHY,
    OTHER,
    START,
    budget,
    counter,
    distribution,
    evidence,
    requests,
    series,
    up,
)

P95 = budget(Latency(0.95), 0.2)
FAST = budget(Latency(0.95, "GET /health"), 0.01)
SERVER = budget(Gauge(Selector("g")), 1.0, unit=Unit.COUNT)
COUNTED = budget(Rate(Selector("c_total")), 1.0, unit=Unit.PER_SECOND)


def found(run: Evidence, *budgets: Budget) -> dict[str, Guard]:
    return {guard.name: guard for guard in guards(run, budgets or (P95, SERVER, COUNTED))}


def account(**counts: int) -> Requests:
    every = {"asked": 1000, "sent": 1000, "started": 1000, "recorded": 1000}
    return Requests(**(every | counts))


def lag(what: str, *, slow: int, seconds: float = 0.030) -> dict[str, Any]:
    values = [0.001] * (1000 - slow) + [seconds] * slow
    return {"latency": HEALTHY | {LatencyKey(what): distribution(values)}}


def cpu(*busy: float) -> Evidence:
    times = [START + i for i in range(len(busy))]
    return evidence(series(names.GENERATOR_CPU, busy, instance="", times=times))


def idle(least: float) -> Any:
    return series(names.GENERATOR_IDLE_USERS, lambda t: least if t == 5 else 50.0, instance="")


def start_time(at: float, instance: str = APP) -> Any:
    """A process that is replaced at `at` seconds after the window's start."""
    return series(names.START_TIME, lambda t: 900.0 if t < at else 1005.5, instance=instance)


def late(
    lagging: str, latency: float = 0.21, asked: int = 1000, what: str = names.LATENCY
) -> Evidence:
    """A generator that is 30 ms late, where 20 ms are allowed, and measures this latency."""
    lags = lag(lagging, slow=11)["latency"]
    counts = account() if asked else account(asked=0, sent=0)
    times = requests(ok=[latency] * 100) | requests(ok=[latency] * 100, what=what)
    return evidence(latency=lags | times, requests=counts)


STALLED = account(sent=900)
REBORN = series("c_total", lambda t: t if t < 5 else t - 5)

TRIPPED = [
    (
        "run-complete",
        evidence(status="failed", reason="no host"),
        "all",
        "the run failed (no host)",
    ),
    ("run-complete", evidence(status="interrupted"), "all", "interrupted and is only a part"),
    ("run-complete", evidence(status="running"), "all", "never finished"),
    ("target-alive", evidence(exit_code=3), "all", "ended with exit code 3"),
    ("target-alive", evidence(exit_code=0), "all", "ended with exit code 0"),
    ("target-alive", evidence(exit_code=-9), "all", "was killed by signal 9"),
    ("window-complete", evidence(window=(START, None)), "all", "run it again"),
    ("window-complete", evidence(window=(None, None)), "all", "run it again"),
    ("window-complete", evidence(window=(START, START)), "all", "raise `duration`"),
    ("requests-recorded", evidence(latency={}), "all", "no request was recorded"),
    ("load-delivered", evidence(requests=account(sent=989)), "all", "98.9% of the asked load"),
    ("load-delivered", evidence(idle(1), requests=STALLED), "all", "lower the rate"),
    (
        "load-delivered",
        evidence(idle(0), requests=STALLED, **lag(names.SCHEDULER_LAG, slow=20)),
        "all",
        "90% of the asked load",
    ),
    ("generator-cpu", cpu(0.1, 0.86, 0.99, 0.1), "client", "86% of a core"),
    ("generator-loop-lag", late(names.GENERATOR_LOOP_LAG), "latency", "30 ms late in 99%"),
    ("scheduler-lag", late(names.SCHEDULER_LAG), "latency", "over 20 ms, and a verdict on"),
    ("scheduler-lag", late(names.SCHEDULER_LAG, 0.23), "latency", "may be due to that"),
    (
        "scheduler-lag",
        late(names.SCHEDULER_LAG, 0.1, asked=0),
        "latency",
        "may be due to that; lower",
    ),
    (
        "requests-accounted",
        evidence(requests=account(recorded=998, lost=2)),
        "client",
        "2 were lost",
    ),
    (
        "requests-accounted",
        evidence(requests=account(recorded=999)),
        "client",
        "fault of the harness",
    ),
    ("requests-accounted", evidence(requests=account(recorded=1001)), "client", "fault of the"),
    (
        "in-flight-at-end",
        evidence(requests=account(recorded=989, in_flight=11)),
        "client",
        "11 of 1000 requests were unanswered",
    ),
    ("user-errors", evidence(user_errors=("KeyError: 'id'",)), "client", "KeyError: 'id'"),
    ("edge-scrapes", evidence(ups=[up(failed=[-1, 0, 1])]), "server", "window's start"),
    ("edge-scrapes", evidence(ups=[up(), up(OTHER, failed=[9, 10, 11])]), "server", OTHER),
    ("edge-scrapes", evidence(ups=[]), "server", "metrics failed; let the service expose"),
    ("scrape-coverage", evidence(ups=[up(failed=[3, 5, 7])]), "server", "80% of the planned"),
    ("scrape-coverage", evidence(ups=[up(), up(OTHER, failed=[3, 5, 7])]), "server", OTHER),
    ("counter-reset", evidence(REBORN), "server", "c_total"),
    ("process-restart", evidence(start_time(5)), "all", f"of {APP} changed"),
    ("process-restart", evidence(start_time(10)), "all", f"of {APP} changed"),
]

HELD = [
    ("run-complete", evidence(), "a complete run"),
    ("target-alive", evidence(), "a service that lived"),
    ("window-complete", evidence(), "a window"),
    ("requests-recorded", evidence(latency=requests(failed=[0.1])), "one request that failed"),
    ("load-delivered", evidence(requests=account(sent=990)), "99% started"),
    ("load-delivered", evidence(idle(0), requests=STALLED), "users ran out on a slow service"),
    ("idle-users", evidence(idle(0)), "no idle users are the service's doing"),
    ("idle-users", evidence(idle(3)), "users to spare"),
    ("generator-cpu", cpu(0.1, 0.99, 0.1, 0.99, 0.1), "single busy seconds"),
    ("generator-cpu", cpu(0.85, 0.85), "busy up to the limit"),
    ("generator-loop-lag", evidence(**lag(names.GENERATOR_LOOP_LAG, slow=10)), "late in 1%"),
    ("scheduler-lag", evidence(**lag(names.SCHEDULER_LAG, slow=500, seconds=0.02)), "at the limit"),
    ("scheduler-lag", late(names.SCHEDULER_LAG, 0.19), "a pass although it was late"),
    ("scheduler-lag", late(names.SCHEDULER_LAG, 0.24), "a breach by more than the lag"),
    ("scheduler-lag", late(names.SCHEDULER_LAG, 0.24, asked=0), "a breach in the closed model"),
    ("requests-accounted", evidence(requests=account(recorded=999, lost=1)), "0.1% lost"),
    ("requests-accounted", evidence(requests=account(recorded=990, in_flight=10)), "in flight"),
    ("in-flight-at-end", evidence(requests=account(recorded=990, in_flight=10)), "1% in flight"),
    ("user-errors", evidence(), "no exception"),
    ("edge-scrapes", evidence(ups=[up(failed=[-1, 0])]), "a scrape 1 s off the edge"),
    ("scrape-coverage", evidence(ups=[up(failed=[3, 7])]), "nine of ten scrapes"),
    ("counter-reset", evidence(counter("c_total", 5)), "a counter that grows"),
    ("counter-reset", evidence(series("c_total", lambda t: t + 9 if t < -1 else t + 1)), "before"),
    ("counter-reset", evidence(counter("c_total", 5), series("g", lambda t: -t)), "a gauge falls"),
    ("process-restart", evidence(start_time(-2)), "a restart before the window"),
    ("process-restart", evidence(start_time(99), start_time(-9, OTHER)), "two processes"),
]


@pytest.mark.parametrize(
    ("name", "run", "touches", "reason"),
    [pytest.param(*row, id=f"{row[0]}: {row[3]}") for row in TRIPPED],
)
def test_guard_trips_and_says_why(name: str, run: Evidence, touches: Touches, reason: str) -> None:
    guard = found(run)[name]
    assert (guard.outcome, guard.touches) == ("tripped", touches)
    assert reason in guard.reason


@pytest.mark.parametrize(
    ("name", "run"), [pytest.param(row[0], row[1], id=f"{row[0]}: {row[2]}") for row in HELD]
)
def test_guard_holds_for_its_neighbour(name: str, run: Evidence) -> None:
    guard = found(run)[name]
    assert guard.outcome == "ok"
    assert guard.reason


def test_guards_of_a_healthy_run_all_hold() -> None:
    run = evidence(
        counter("c_total", 5),
        series("g", lambda _: 1.0),
        start_time(99),
        idle(20),
        series(names.GENERATOR_CPU, lambda _: 0.2, instance=""),
        latency=lag(names.GENERATOR_LOOP_LAG, slow=0)["latency"]
        | lag(names.SCHEDULER_LAG, slow=0)["latency"],
    )
    every = guards(run, (P95, SERVER, COUNTED, budget(ErrorRatio("GET /contacts"), 0.01)))
    assert {guard.outcome for guard in every} == {"ok"}
    assert len({guard.name for guard in every}) == len(every) == 17


def test_guards_say_raise_max_users_when_a_slow_service_used_up_the_users() -> None:
    run = found(evidence(idle(0), requests=STALLED, **lag(names.SCHEDULER_LAG, slow=0)))
    assert {name for name, guard in run.items() if guard.outcome == "tripped"} == set()
    assert "raise max_users" in run["load-delivered"].reason
    assert "raise max_users" in run["idle-users"].reason
    assert run["idle-users"].value == 0
    assert "raise max_users" not in found(evidence(idle(1)))["idle-users"].reason


@pytest.mark.parametrize(
    ("budgets", "limit"),
    [
        pytest.param((P95,), 0.020, id="a tenth of the tightest bound"),
        pytest.param((P95, FAST), 0.005, id="never under the noise of a shared machine"),
        pytest.param((P95, budget(Latency(0.5), 0.01, "min")), 0.020, id="a min is no tight bound"),
    ],
)
def test_guards_of_lag_follow_the_tightest_latency_budget(
    budgets: tuple[Budget, ...], limit: float
) -> None:
    run = evidence(**lag(names.SCHEDULER_LAG, slow=0))
    assert found(run, *budgets)["scheduler-lag"].limit == pytest.approx(limit)


def test_guard_of_lag_does_not_trust_a_pass_on_service_time() -> None:
    of = budget(Latency(0.95, of="service_time"), 0.2)
    run = late(names.SCHEDULER_LAG, 0.19, what=names.SERVICE_TIME)
    assert found(run, of)["scheduler-lag"].outcome == "tripped"
    assert found(run, P95)["scheduler-lag"].outcome == "ok"


def test_guards_of_lag_add_up_what_the_generator_may_have_added() -> None:
    both = late(names.SCHEDULER_LAG, 0.25)
    with_loop = dict(both.latency) | {
        LatencyKey(names.GENERATOR_LOOP_LAG): distribution([0.030] * 100)
    }
    assert found(both)["scheduler-lag"].outcome == "ok"
    assert found(replace(both, latency=with_loop))["scheduler-lag"].outcome == "tripped"


def test_guards_of_lag_do_not_apply_without_a_latency_budget() -> None:
    assert "scheduler-lag" not in found(
        evidence(**lag(names.SCHEDULER_LAG, slow=999)), budget(ErrorRatio(), 0.01)
    )


@pytest.mark.parametrize(
    ("run", "budgets"),
    [
        pytest.param(evidence(REBORN, ups=[up(failed=range(11))]), (P95,), id="no server budget"),
        pytest.param(
            evidence(REBORN, ups=[], metrics=()), (SERVER, COUNTED), id="no metrics endpoint"
        ),
        pytest.param(evidence(REBORN, window=(START, None)), (SERVER, COUNTED), id="no window"),
    ],
)
def test_guards_of_the_metrics_apply_only_where_they_are_needed(
    run: Evidence, budgets: tuple[Budget, ...]
) -> None:
    assert not {"edge-scrapes", "scrape-coverage", "counter-reset"} & set(found(run, *budgets))


def test_guards_of_a_closed_model_do_not_ask_for_a_schedule() -> None:
    closed = Requests(started=100, recorded=100)
    assert not {"load-delivered", "idle-users"} & set(found(evidence(idle(0), requests=closed)))


def test_guard_of_the_target_is_left_out_when_it_is_not_ours() -> None:
    assert "target-alive" not in found(evidence(ours=False))


def test_guards_of_endpoints_are_one_for_each_that_a_budget_names() -> None:
    budgets = (
        budget(Latency(0.95, "GET /contacts"), 0.2),
        budget(ErrorRatio("GET /contacts"), 0.01),
        budget(Latency(0.95, "GET /gone"), 0.2),
        P95,
    )
    every = [g for g in guards(evidence(), budgets) if g.name == "endpoint-has-requests"]
    assert [(g.request, g.outcome, g.value) for g in every] == [
        ("GET /contacts", "ok", 100),
        ("GET /gone", "tripped", 0),
    ]
    assert "recorded: GET /contacts" in every[1].reason


def test_guard_of_resets_looks_at_every_counter_that_a_budget_rests_on() -> None:
    falling = series("d_count", lambda t: 100 + t if t < 4 else t)
    run = evidence(falling, counter("d_sum", 1))
    guard = found(run, budget(Mean(Selector("d")), 1.0))["counter-reset"]
    assert (guard.outcome, guard.value) == ("tripped", 1)
    assert "d_count" in guard.reason


def test_guards_of_a_run_that_never_began_do_not_crash() -> None:
    run = evidence(
        latency={},
        ups=[],
        status="failed",
        reason="the service did not start",
        window=(None, None),
        requests=Requests(),
        exit_code=1,
    )
    tripped = [g.name for g in found(run).values() if g.outcome == "tripped"]
    assert tripped == ["run-complete", "target-alive", "window-complete", "requests-recorded"]

"""Guards on what was asked, sent, answered and never heard of again."""

from dataclasses import replace
from typing import Any

import pytest

from harness import names
from harness.budgets.model import Budget, ErrorRatio, Gauge, Latency, Selector, Throughput
from harness.runs.model import Evidence, LatencyKey, Requests, Worker
from harness.units import Unit
from tests.unit.judge.evidence import (
    HEALTHY,
    START,
    budget,
    distribution,
    evidence,
    requests,
    series,
)
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

MEAN = budget(Latency(None), 0.2, name="mean")
ERRORS = budget(ErrorRatio(), 0.01, unit=Unit.RATIO, name="errors")
RATE = budget(Throughput(), 5.0, "min", Unit.PER_SECOND, name="rate")
LEVEL = budget(Gauge(Selector("g")), 10.0, unit=Unit.COUNT, name="level")
LEVELS = series("g", lambda _: 1.0)
FAST = requests(ok=[0.010] * 1000)
SLOW = requests(ok=[0.010] * 940 + [0.3] * 60)


def idle(least: float) -> Any:
    return readings(names.GENERATOR_IDLE_USERS, [50, least, 50])


def of_slow_service(sent: int, latency: Any = FAST, **counts: int) -> Evidence:
    """All users were waiting, and so many of 1000 iterations began."""
    counted = account(sent=sent, dropped=1000 - sent, **counts)
    return evidence(idle(0), LEVELS, requests=counted, latency=latency)


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        pytest.param(
            evidence(requests=account(sent=989)), "98.9% of the scheduled load", id="98.9%"
        ),
        pytest.param(
            evidence(idle(1), requests=account(sent=900)), "lower the rate", id="users to spare"
        ),
        pytest.param(
            evidence(idle(0), requests=account(sent=900), **lagging(names.SCHEDULER_LAG, slow=20)),
            "90% of the scheduled load",
            id="users ran out because the generator is late",
        ),
        pytest.param(
            evidence(
                idle(0),
                readings(names.GENERATOR_CPU, [0.9, 0.9]),
                requests=account(sent=900),
            ),
            "lower the rate",
            id="users ran out because the generator is busy",
        ),
    ],
)
def test_load_that_the_generator_did_not_deliver_takes_away_everything(
    run: Evidence, reason: str
) -> None:
    guard = found(run)["load-delivered"]
    assert (guard.outcome, guard.scope, guard.budgets) == ("tripped", "all", None)
    assert reason in guard.reason


def test_load_delivered_to_99_percent_is_enough() -> None:
    guard = found(evidence(requests=account(sent=990)))["load-delivered"]
    assert (guard.outcome, guard.value, guard.limit) == ("ok", 0.99, 0.99)


@pytest.mark.parametrize(
    ("run", "budget_", "outcome"),
    [
        pytest.param(of_slow_service(960), P95, "pass", id="4% dropped turn no p95"),
        pytest.param(of_slow_service(940), P95, "inconclusive", id="6% dropped turn a p95"),
        pytest.param(of_slow_service(300, SLOW), P95, "fail", id="a breach stands"),
        pytest.param(of_slow_service(999), MEAN, "inconclusive", id="one dropped turns a mean"),
        pytest.param(of_slow_service(992), ERRORS, "pass", id="0.8% may have failed"),
        pytest.param(of_slow_service(980), ERRORS, "inconclusive", id="2% may have failed"),
        pytest.param(of_slow_service(992), LEVEL, "pass", id="nearly all of the load"),
        pytest.param(of_slow_service(980), LEVEL, "inconclusive", id="less load, and it holds"),
        pytest.param(of_slow_service(980), RATE, "pass", id="a throughput that was reached"),
    ],
)
def test_load_that_the_service_did_not_take_takes_away_what_it_could_have_turned(
    run: Evidence, budget_: Budget, outcome: str
) -> None:
    (verdict,) = by_value((budget_,), run)
    assert verdict.outcome == outcome
    guard = found(run, budget_)["load-delivered"]
    assert guard.budgets == ((budget_.name,) if outcome == "inconclusive" else None)
    assert ("raise max_users" in guard.reason) == (guard.outcome == "tripped" or run_short(run))


def run_short(run: Evidence) -> bool:
    account = run.manifest.requests
    return account.sent < 0.99 * account.asked


def counted(source: str, asked: float, sent: float) -> list[Any]:
    """A generator's account at the end."""
    own = {names.SOURCE: source}
    return [
        series(names.GENERATOR_ASKED, [0.0, asked], own, "", (START, START + 10.0)),
        series(names.GENERATOR_STARTED_ITERATIONS, [0.0, sent], own, "", (START, START + 10.0)),
    ]


def of_window(scheduled: int, sent: int, source: str = "") -> dict[LatencyKey, Any]:
    """The lags of the iterations that were due in the window, all of them small."""
    counts = {names.SCHEDULER_LAG: scheduled, names.START_LAG: sent}
    return {
        LatencyKey(what, name=source): distribution([0.0001] * count)
        for what, count in counts.items()
    }


def test_case_3g_load_that_the_window_lost_is_not_made_up_for_by_a_long_warm_up() -> None:
    """155 of the 500 iterations of the window never began, of 20,000 in the run."""
    run = evidence(
        requests=account(asked=20_000, sent=19_845), latency=HEALTHY | of_window(500, 345)
    )
    guard = found(run)["load-delivered"]
    assert (guard.outcome, guard.value, guard.budgets) == ("tripped", 0.69, None)
    assert guard.reason.startswith("69% of the scheduled load was started; lower the rate")


def test_case_3g_iterations_that_only_the_warm_up_lost_do_not_matter() -> None:
    run = evidence(requests=account(sent=845), latency=HEALTHY | of_window(500, 500))
    guard = found(run)["load-delivered"]
    assert (guard.outcome, guard.value) == ("ok", 1.0)


def test_case_3g_window_of_each_load_counts_by_itself_with_all_of_its_workers() -> None:
    run = evidence(
        requests=account(asked=100_000, sent=99_990),
        latency=HEALTHY
        | of_window(4000, 4000, "browse/worker-1")
        | of_window(20, 20, "buy/worker-1")
        | of_window(20, 10, "buy/worker-2"),
        loads=[{"name": "browse"}, {"name": "buy"}],
    )
    guard = found(run)["load-delivered"]
    assert (guard.outcome, guard.value) == ("tripped", 0.75)
    assert "of the scheduled load of buy was started" in guard.reason


@pytest.mark.parametrize(
    ("lost_at", "missing"), [(3.2, 60), (30.0, 350)], ids=["at once", "after the window"]
)
def test_case_3g_of_a_lost_worker_only_what_was_due_in_the_window_is_missing(
    lost_at: float, missing: int
) -> None:
    run = with_a_lost_worker(lost_at)
    run = replace(run, latency={**run.latency, **of_window(500, 500, "worker-1")})
    guard = found(run)["load-delivered"]
    assert guard.value == pytest.approx(500 / (500 + missing))


@pytest.mark.parametrize("iterations", [(1000, 999), (999, 1000), (0, 0)])
def test_case_3g_account_of_the_window_must_be_whole(iterations: tuple[int, int]) -> None:
    run = replace(evidence(requests=account()), recorded=1000, iterations=iterations)
    guard = found(run)["requests-stored"]
    assert guard.outcome == "tripped"
    assert f"by latency.hlog {iterations[0]} iterations were scheduled" in guard.reason
    whole = replace(run, iterations=(1000, 1000))
    assert found(whole)["requests-stored"].outcome == "ok"


@pytest.mark.parametrize(
    ("failed", "outcome"),
    [((41, 40), "tripped"), ((0, 1), "tripped"), ((41, 41), "ok"), (None, "ok")],
)
def test_failed_requests_by_kind_are_as_many_as_in_the_log(
    failed: tuple[int, int] | None, outcome: str
) -> None:
    run = replace(evidence(requests=account()), recorded=1000, failed=failed)
    guard = found(run)["requests-stored"]
    assert guard.outcome == outcome
    if failed and outcome == "tripped":
        text = f"latency.hlog holds {failed[0]} failed requests, and failures.jsonl {failed[1]};"
        assert text in guard.reason


def test_load_that_is_small_beside_another_must_be_delivered_as_well() -> None:
    loads = [{"name": "browse"}, {"name": "buy"}, {"name": "users"}]
    run = evidence(
        *counted("browse/worker-1", 4000.0, 4000.0),
        *counted("browse/worker-2", 4000.0, 4000.0),
        *counted("buy/worker-1", 20.0, 20.0),
        *counted("buy/worker-2", 20.0, 10.0),
        *counted("users", 0.0, 0.0),
        requests=account(asked=8040, sent=8030),
        loads=loads,
    )
    guard = found(run)["load-delivered"]
    assert (guard.outcome, guard.value, guard.budgets) == ("tripped", 0.75, None)
    assert guard.reason.startswith("75% of the scheduled load of buy was started; lower the rate")


def test_loads_of_which_nothing_is_read_apart_are_judged_together() -> None:
    run = evidence(requests=account(sent=900), loads=[{"name": "browse"}, {"name": "buy"}])
    guard = found(run)["load-delivered"]
    assert (guard.outcome, guard.value) == ("tripped", 0.9)


def with_a_lost_worker(lost_at: float, *, sent: int = 1000) -> Evidence:
    """Of two workers with 50 arrivals a second each, one was last heard of 3 s into the window.

    `lost_at` is in seconds of the window; one second later the other has all the arrivals.
    """
    alive = {names.SOURCE: "worker-1"}
    gone = {names.SOURCE: "worker-2"}
    lost = Worker(name="worker-2", lost="sent no message for 3 s", lost_at=START + lost_at)
    begun = [START + second for second in range(-5, 4)]
    return evidence(
        series(names.GENERATOR_ASKED, lambda t: 50.0 * (t + 5.0), alive, ""),
        series(names.GENERATOR_ASKED, lambda t: 50.0 * (t + 5.0), gone, "", begun),
        LEVELS,
        workers=(Worker(name="worker-1"), lost),
        requests=account(sent=sent),
        latency=FAST,
    )


@pytest.mark.parametrize(
    ("lost_at", "missing"),
    [
        pytest.param(5.5, 175, id="silent for 2.5 s and taken over a second later"),
        pytest.param(3.2, 60, id="its end was noticed at once"),
        pytest.param(9.5, 375, id="just before the load was over"),
        pytest.param(30.0, 400, id="when the load was over"),
    ],
)
def test_load_that_nobody_had_in_hand_counts_as_not_delivered(lost_at: float, missing: int) -> None:
    guard = found(with_a_lost_worker(lost_at))["load-delivered"]
    assert guard.value == pytest.approx(1000 / (1000 + missing))
    assert guard.outcome == "tripped"
    assert f"{missing} of {1000 + missing} iterations never began" in guard.reason
    assert "a worker was lost" in guard.reason
    assert "run it again" in guard.reason


@pytest.mark.parametrize(
    ("budget_", "outcome"),
    [
        pytest.param(budget(Latency(0.90), 0.2), "pass", id="5.7% missing turn no p90"),
        pytest.param(P95, "inconclusive", id="5.7% missing turn a p95"),
        pytest.param(budget(Latency(0.90), 0.005), "fail", id="a breach stands"),
        pytest.param(ERRORS, "inconclusive", id="5.7% may have failed"),
        pytest.param(LEVEL, "inconclusive", id="less load, and it holds"),
        pytest.param(RATE, "pass", id="a throughput that was reached"),
    ],
)
def test_load_that_nobody_had_in_hand_takes_away_what_it_could_have_turned(
    budget_: Budget, outcome: str
) -> None:
    (verdict,) = by_value((budget_,), with_a_lost_worker(3.2))
    assert verdict.outcome == outcome


def test_load_that_was_lost_with_a_worker_and_not_delivered_either_is_not_judged() -> None:
    guard = found(with_a_lost_worker(3.2, sent=900))["load-delivered"]
    assert (guard.outcome, guard.budgets) == ("tripped", None)
    assert "lower the rate" in guard.reason


def test_load_of_a_closed_model_has_no_schedule() -> None:
    run = found(evidence(idle(0), requests=CLOSED))
    assert not {"load-delivered", "idle-users", "late-iterations"} & set(run)


def test_late_iterations_and_idle_users_only_tell() -> None:
    run = found(evidence(idle(0), requests=account(late=250)))
    assert (run["late-iterations"].outcome, run["late-iterations"].value) == ("ok", 0.25)
    assert "25% of the iterations began more than 10 ms after" in run["late-iterations"].reason
    assert (run["idle-users"].outcome, run["idle-users"].value) == ("ok", 0)
    assert "raise max_users" in run["idle-users"].reason
    assert "raise max_users" not in found(evidence(idle(1)))["idle-users"].reason


# --- users ------------------------------------------------------------------------------------


def users(alive: list[float], target: list[float], source: str = "") -> tuple[Any, ...]:
    return (
        readings(names.GENERATOR_USERS, alive, source),
        readings(names.GENERATOR_TARGET_USERS, target, source),
    )


@pytest.mark.parametrize(
    ("alive", "target", "missing"),
    [
        pytest.param([10, 9, 9, 10], [10] * 4, 1, id="one gone in two readings"),
        pytest.param([10, 0, 0, 0], [10] * 4, 10, id="all gone"),
        pytest.param([10, 9, 10, 9], [10] * 4, 0, id="one gone for a moment, twice"),
        pytest.param([10] * 4, [10] * 4, 0, id="all there"),
        pytest.param([12, 12, 11, 11], [10] * 4, 0, id="more than asked, still stopping"),
    ],
)
@pytest.mark.parametrize(
    ("counts", "scope"), [(CLOSED, "all"), (account(), "client")], ids=["closed", "open"]
)
def test_users_that_are_gone_for_two_readings_trip(
    alive: list[float], target: list[float], missing: int, counts: Requests, scope: str
) -> None:
    asked = readings(names.GENERATOR_ASKED, [counts.asked] * 4)
    run = evidence(*users(alive, target), asked, requests=counts)
    guard = found(run)["users-alive"]
    assert (guard.outcome, guard.value) == ("tripped" if missing else "ok", missing)
    if missing:
        assert guard.scope == scope
        assert f"{missing} users of the generator had ended" in guard.reason


def test_users_of_several_generators_are_not_mixed_up() -> None:
    gone_in_turn = (
        *users([10, 9, 10], [10, 10, 10], "worker-1"),
        *users([9, 10, 9], [10, 10, 10], "worker-2"),
    )
    assert found(evidence(*gone_in_turn, requests=CLOSED))["users-alive"].outcome == "ok"
    second = found(evidence(*gone_in_turn, *users([5, 5], [6, 6], "worker-3"), requests=CLOSED))
    assert second["users-alive"].outcome == "tripped"
    assert "of the generator worker-3" in second["users-alive"].reason


def test_users_whose_number_changes_are_not_missed() -> None:
    alive = readings(names.GENERATOR_USERS, [1, 3, 5, 7, 10])
    known = readings(names.GENERATOR_TARGET_USERS, [10], first=5.0)
    assert found(evidence(alive, known, requests=CLOSED))["users-alive"].outcome == "ok"
    assert "users-alive" not in found(evidence(alive, requests=CLOSED))


# --- requests -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({"recorded": 998, "lost": 2}, "2 were lost"),
        ({"recorded": 999}, "999 accounted for; report this as a fault of the harness"),
        ({"recorded": 1001}, "fault of the harness"),
        ({"started": 0}, "0 requests were started and 1000 recorded"),
    ],
)
def test_requests_that_are_not_accounted_for_trip(counts: dict[str, int], reason: str) -> None:
    guard = found(evidence(requests=account(**counts)))["requests-accounted"]
    assert (guard.outcome, guard.scope) == ("tripped", "client")
    assert reason in guard.reason


@pytest.mark.parametrize(
    "counts", [{"recorded": 999, "lost": 1}, {"recorded": 90, "in_flight": 910}]
)
def test_requests_that_are_accounted_for_hold(counts: dict[str, int]) -> None:
    assert found(evidence(requests=account(**counts)))["requests-accounted"].outcome == "ok"


@pytest.mark.parametrize(
    ("of", "turned"),
    [
        pytest.param(P95, False, id="one more that is slow turns no p95"),
        pytest.param(ERRORS, False, id="one of 1000 may have failed, ten may"),
        pytest.param(budget(ErrorRatio(), 0.0, unit=Unit.RATIO), True, id="none may fail"),
        pytest.param(budget(Latency(0.9995), 0.2), True, id="the one decides over a p99.95"),
        pytest.param(LEVEL, False, id="the service counts for itself"),
    ],
)
def test_requests_that_are_lost_turn_what_they_could_however_few(of: Budget, turned: bool) -> None:
    run = evidence(LEVELS, latency=FAST, requests=account(recorded=999, lost=1))
    guard = found(run, of, budget(Latency(0.5), 9.0, name="other"))["requests-accounted"]
    assert (guard.outcome, guard.budgets) == (("tripped", (of.name,)) if turned else ("ok", None))
    assert ("1 were lost and may turn" in guard.reason) == turned


@pytest.mark.parametrize(
    ("in_flight", "waited", "latency", "of", "turned"),
    [
        pytest.param(52, 30.0, FAST, P95, False, id="52 of 1052 may be slow"),
        pytest.param(53, 30.0, FAST, P95, True, id="53 of 1053 are over 5%"),
        pytest.param(900, 30.0, SLOW, P95, False, id="a breach, and more that are slow"),
        pytest.param(900, None, SLOW, P95, True, id="a breach, and more that may be fast"),
        pytest.param(900, 0.1, SLOW, P95, True, id="waited for less than the bound"),
        pytest.param(1, 30.0, FAST, MEAN, True, id="a mean has no most"),
        pytest.param(
            900, 30.0, requests(ok=[0.3] * 1000), MEAN, False, id="a mean that is breached"
        ),
        pytest.param(900, 0.1, requests(ok=[0.3] * 1000), MEAN, False, id="0.205 s at least"),
        pytest.param(900, 0.08, requests(ok=[0.3] * 1000), MEAN, True, id="0.196 s at least"),
        pytest.param(10, 30.0, FAST, ERRORS, False, id="10 of 1010 may have failed"),
        pytest.param(11, 30.0, FAST, ERRORS, True, id="11 of 1011 are over 1%"),
        pytest.param(900, 30.0, FAST, RATE, False, id="unanswered is no throughput"),
        pytest.param(900, 30.0, FAST, LEVEL, False, id="the service counts for itself"),
    ],
)
def test_requests_in_flight_at_the_end_turn_only_what_they_could(
    in_flight: int, waited: float | None, latency: Any, of: Budget, turned: bool
) -> None:
    counts = account(started=1000 + in_flight, in_flight=in_flight)
    run = evidence(LEVELS, latency=latency, requests=counts, waited=waited)
    guard = found(run, of, budget(Latency(0.5), 9.0, name="other"))["in-flight-at-end"]
    assert (guard.outcome, guard.budgets) == (("tripped", (of.name,)) if turned else ("ok", None))
    assert f"{in_flight} of {1000 + in_flight} requests were unanswered" in guard.reason
    (verdict,) = by_value((of,), run)
    assert (verdict.outcome == "inconclusive") == turned


def test_requests_in_flight_that_went_with_a_worker_may_have_been_fast() -> None:
    run = evidence(
        latency=SLOW,
        requests=account(started=1900, in_flight=900),
        waited=30.0,
        workers=(Worker(name="worker-1"), Worker(name="worker-2", lost="left")),
    )
    assert found(run, P95)["in-flight-at-end"].budgets == (P95.name,)


def test_requests_in_flight_of_a_request_that_was_never_answered_turn_nothing() -> None:
    gone = budget(Latency(0.95, "GET /gone"), 0.2)
    run = evidence(requests=account(recorded=900, in_flight=100), latency=HEALTHY)
    assert "in-flight-at-end" not in tripped(run, gone)


def test_user_errors_trip() -> None:
    guard = found(evidence(user_errors=("KeyError: 'id'",)))["user-errors"]
    assert (guard.outcome, guard.scope) == ("tripped", "client")
    assert "KeyError: 'id'" in guard.reason
    assert found(evidence())["user-errors"].outcome == "ok"


AFTER = "U: KeyError: 'id' (locustfile.py:7) after GET /contacts answered 500"


def with_consequences(
    cut: int, *others: str, latency: Any = FAST, counts: Requests | None = None
) -> Evidence:
    """A run whose exceptions followed failed requests, and cut so many iterations short."""
    base = counts or account()
    run = evidence(
        LEVELS,
        latency=latency,
        requests=base.model_copy(update={"cut": cut}),
        user_errors=(*others, AFTER),
    )
    changed = run.manifest.model_copy(update={"consequences": (AFTER,)})
    return replace(run, manifest=changed)


@pytest.mark.parametrize(
    ("run", "of", "outcome"),
    [
        pytest.param(
            with_consequences(1000, latency=requests(failed=[0.01] * 1000)),
            ERRORS,
            "fail",
            id="a total outage",
        ),
        pytest.param(
            with_consequences(1000, latency=requests(failed=[0.01] * 1000)),
            budget(Throughput(), 20.0, "min", unit=Unit.PER_SECOND),
            "fail",
            id="no throughput",
        ),
        pytest.param(with_consequences(60, latency=SLOW), P95, "fail", id="a slow answer"),
        pytest.param(with_consequences(2), P95, "inconclusive", id="0.2% were cut short"),
        pytest.param(with_consequences(1), P95, "pass", id="0.1% were cut short"),
        pytest.param(with_consequences(0), P95, "inconclusive", id="their number is missing"),
        pytest.param(with_consequences(1000), LEVEL, "pass", id="the service counts for itself"),
        pytest.param(
            with_consequences(5, counts=account(asked=0, sent=0, started=1000)),
            P95,
            "inconclusive",
            id="closed model, 0.5% of the requests",
        ),
        pytest.param(
            with_consequences(1, counts=account(asked=0, sent=0, started=1000)),
            P95,
            "pass",
            id="closed model, 0.1% of the requests",
        ),
        pytest.param(
            with_consequences(
                2,
                latency=requests(ok=[0.010] * 3000),
                counts=account(started=3000, recorded=3000),
            ),
            P95,
            "inconclusive",
            id="0.2% of the iterations, of three requests each",
        ),
        pytest.param(
            with_consequences(60, "U: NameError: x", latency=SLOW),
            P95,
            "inconclusive",
            id="another exception besides",
        ),
    ],
)
def test_exceptions_that_follow_a_failed_request_take_no_breach_away(
    run: Evidence, of: Budget, outcome: str
) -> None:
    (verdict,) = by_value((of,), run)
    assert verdict.outcome == outcome


def test_consequences_name_the_answer_that_they_follow() -> None:
    guard = found(with_consequences(500), P95, ERRORS)["user-errors"]
    assert (guard.outcome, guard.value, guard.budgets) == ("tripped", 0.5, (P95.name, ERRORS.name))
    assert f"consequences of failed requests: {AFTER}" in guard.reason
    assert "do not prove that errors, the-budget holds" in guard.reason
    few = found(with_consequences(1), P95)["user-errors"]
    assert few.reason.endswith(AFTER)
    assert "cut 50% of the iterations short" in guard.reason
    assert "correct the locustfile" not in guard.reason
    guard = found(with_consequences(60, latency=SLOW), P95)["user-errors"]
    assert (guard.outcome, guard.budgets) == ("ok", None)


def test_load_that_stuck_users_did_not_take_is_not_the_generators_fault() -> None:
    waits = {
        LatencyKey(kind, "", "GET", "/contacts"): distribution([20.0] * 100)
        for kind in (names.UNANSWERED_LATENCY, names.UNANSWERED_SERVICE_TIME)
    }
    late = lag(names.GENERATOR_LOOP_LAG, slow=20)
    run = replace(
        evidence(
            idle(0),
            readings(names.GENERATOR_USERS, [100, 100]),
            requests=account(asked=1400, sent=1100, dropped=300, started=1100, in_flight=100),
            latency=FAST | waits | late,
        ),
        unanswered=100,
    )
    guard = found(run, P95)["load-delivered"]
    assert "all 100 users waited for the service" in guard.reason
    assert guard.scope == "all"
    assert "generator a core of its own" not in guard.reason
    (verdict,) = by_value((P95,), run)
    assert verdict.outcome == "fail"
    few = replace(run, unanswered=50)
    assert "generator a core of its own" in found(few, P95)["load-delivered"].reason


def test_requests_that_are_known_to_be_unanswered_need_no_guess() -> None:
    key = LatencyKey(names.UNANSWERED_LATENCY, "", "GET", "/other")
    run = evidence(
        latency=FAST | {key: distribution([30.0] * 100)},
        requests=account(started=1100, in_flight=100),
        waited=30.0,
    )
    mine = budget(Latency(0.95, "GET /contacts"), 0.2, name="mine")
    assert found(run, mine)["in-flight-at-end"].budgets == ("mine",)  # which they were is unknown
    run = replace(run, unanswered=100)
    assert found(run, mine)["in-flight-at-end"].outcome == "ok"
    run = replace(run, unanswered=40)  # the other 60 may have been requests of any name
    assert found(run, mine)["in-flight-at-end"].budgets == ("mine",)


@pytest.mark.parametrize(
    ("wait", "longest", "stands"),
    [
        pytest.param(20.0, 0.3, True, id="a hang"),
        pytest.param(20.0, 19.0, True, id="waits that are longer than all pauses together"),
        pytest.param(3.0, 2.9, False, id="an overload answers the oldest requests"),
        pytest.param(0.9, 0.01, False, id="a wait of less than a second"),
    ],
)
def test_breach_by_silence_is_not_explained_by_pauses(
    wait: float, longest: float, stands: bool
) -> None:
    waits = {
        LatencyKey(kind, "", "GET", "/contacts"): distribution([wait] * 400)
        for kind in (names.UNANSWERED_LATENCY, names.UNANSWERED_SERVICE_TIME)
    }
    run = replace(
        evidence(
            readings(names.GENERATOR_STEAL, [0.5] * 10),
            latency=requests(ok=[0.01] * 399 + [longest]) | waits,
            requests=account(started=800, recorded=400, in_flight=400, asked=800, sent=800),
        ),
        unanswered=400,
    )
    assert ("host-steal" not in tripped(run, P95)) == stands
    (verdict,) = by_value((P95,), run)
    assert verdict.outcome == ("fail" if stands else "inconclusive")


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [(None, None), ((), "ok"), (("latency.hlog has 9 bytes, and run.json says 10",), "tripped")],
    ids=["not known", "none", "one"],
)
def test_files_that_were_changed_after_the_run_take_away_everything(
    changed: tuple[str, ...] | None, outcome: str | None
) -> None:
    guard = found(replace(evidence(), changed=changed)).get("files-unchanged")
    assert (guard.outcome if guard else None) == outcome
    if guard and changed:
        assert guard.scope == "all"
        assert guard.reason.startswith(changed[0])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"recorded": 1000, "failed": (7, 7)}, "all 1000 recorded requests are stored"),
        ({"recorded": 999}, "latency.hlog holds 999 requests, and run.json counts 1000; a file"),
        ({"recorded": 1000, "iterations": (1000, 999)}, "by latency.hlog 1000 iterations were"),
        (
            {"recorded": 1000, "failed": (7, 6)},
            "latency.hlog holds 7 failed requests, and failures.jsonl 6; a file",
        ),
    ],
    ids=["all", "requests", "iterations", "failed requests"],
)
def test_stored_requests_that_differ_are_named(fields: dict[str, Any], reason: str) -> None:
    guard = found(replace(evidence(requests=account()), **fields))["requests-stored"]
    assert guard.reason.startswith(reason)
    assert (guard.outcome == "ok") == reason.startswith("all")

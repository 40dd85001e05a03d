"""Guards on what was asked and delivered."""

from dataclasses import replace
from typing import Any

import pytest

from harness import names
from harness.budgets.model import Budget, Latency
from harness.runs.model import Evidence, LatencyKey, Worker
from tests.unit.judge.evidence import (
    HEALTHY,
    START,
    budget,
    distribution,
    evidence,
    series,
)
from tests.unit.judge.guards.delivering import (
    ERRORS,
    FAST,
    LEVEL,
    LEVELS,
    MEAN,
    RATE,
    SLOW,
    idle,
    of_slow_service,
)
from tests.unit.judge.guards.guarding import (
    CLOSED,
    P95,
    account,
    by_value,
    found,
    lagging,
    readings,
)


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

"""Guards on requests that were sent, answered, and never heard of again."""

from dataclasses import replace
from typing import Any

import pytest

from harness import names
from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Gauge,
    Latency,
    PerRequest,
    Rate,
    Selector,
    Throughput,
)
from harness.judge.judge import judge
from harness.runs.model import Evidence, LatencyKey, Requests, Series, Status, Worker
from harness.units import Unit
from tests.unit.judge.evidence import (
    HEALTHY,
    budget,
    counter,
    distribution,
    evidence,
    requests,
    series,
)
from tests.unit.judge.guards.delivering import ERRORS, FAST, LEVEL, LEVELS, MEAN, RATE, SLOW, idle
from tests.unit.judge.guards.guarding import (
    P95,
    account,
    by_value,
    found,
    lag,
    readings,
    tripped,
)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({"recorded": 998, "lost": 2}, "998 recorded, 2 lost; look"),
        ({"recorded": 999}, "999 accounted for; report this as a fault of the harness"),
        ({"recorded": 1001}, "fault of the harness"),
        ({"started": 0}, "0 requests were started and 1000 recorded"),
        ({"started": 1}, "1 request was started and 1000 recorded"),
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
    assert ("1 lost, which may turn" in guard.reason) == turned


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


EVENLY = [100.0 * second for second in range(11)]


def sent(started: list[float], elsewhere: list[float], source: str = "") -> tuple[Series, Series]:
    return (
        readings(names.GENERATOR_STARTED, started, source, first=0.0),
        readings(names.GENERATOR_ELSEWHERE, elsewhere, source, first=0.0),
    )


def test_load_that_goes_elsewhere_as_a_whole_takes_every_verdict_away() -> None:
    """15 requests of the warm-up went to the target, and none of the window."""
    run = evidence(LEVELS, *sent([20.0, 500.0, 1020.0], [5.0, 485.0, 1005.0]))
    guard = found(run)["requests-to-target"]
    assert (guard.outcome, guard.value, guard.covers_every_budget) == ("tripped", 0, True)
    assert guard.reason == (
        "1000 of 1000 requests went to another host or port than the target's (a notice names it),"
        " so the service had no load; correct the URLs in the locustfile, or the URL of the target"
    )
    verdicts = by_value((P95, LEVEL), run)
    assert {one.outcome for one in verdicts} == {"inconclusive"}
    assert all("the service had no load" in one.reason for one in verdicts)


@pytest.mark.parametrize(
    "series",
    [
        pytest.param(sent([0.0, 500.0, 1000.0], [0.0, 499.0, 999.0]), id="one went to the target"),
        pytest.param(
            (*sent(EVENLY, EVENLY, "a"), *sent(EVENLY, [0.0] * 11, "b")),
            id="those of another load went to the target",
        ),
    ],
)
def test_load_that_goes_elsewhere_in_part_changes_no_verdict(series: tuple[Series, ...]) -> None:
    run = evidence(LEVELS, *series)
    assert found(run)["requests-to-target"].outcome == "ok"
    assert by_value((P95, LEVEL), run) == by_value((P95, LEVEL), evidence(LEVELS))


@pytest.mark.parametrize(
    "series", [(), sent([0.0, 500.0], [0.0, 0.0]), sent([5.0, 500.0], [5.0, 5.0])]
)
def test_load_of_the_target_has_no_guard_on_other_hosts(series: tuple[Series, ...]) -> None:
    assert "requests-to-target" not in found(evidence(LEVELS, *series))


def test_run_whose_requests_all_failed_proves_nothing_but_the_failures() -> None:
    """A wrong token costs the service hardly any work: no budget on that work is met by it."""
    work = [counter("queries", 5.0), counter("cpu", 0.5), series("memory", lambda _: 1e6)]
    of_work = [
        budget(PerRequest(Selector("queries")), 3, unit=Unit.COUNT, name="queries"),
        budget(Rate(Selector("cpu")), 0.7, unit=Unit.RATIO, name="cpu"),
        budget(Gauge(Selector("memory"), "max"), 1e9, unit=Unit.BYTES, name="memory"),
    ]
    breached = budget(Gauge(Selector("memory"), "max"), 1e3, unit=Unit.BYTES, name="small")
    others = [
        budget(ErrorRatio(), 0.5, unit=Unit.RATIO, name="errors"),
        budget(Latency(0.5, outcome="error"), 1.0, name="time of failures"),
        breached,
    ]
    failing = evidence(*work, latency=requests(failed=[0.001] * 100))
    verdicts = {one.name: one for one in judge((*of_work, *others), failing).verdicts}
    assert {name: one.outcome for name, one in verdicts.items()} == {
        **dict.fromkeys(["queries", "cpu", "memory"], "inconclusive"),
        "errors": "fail",
        "time of failures": "pass",
        "small": "fail",
    }
    assert verdicts["cpu"].reason == (
        "requests-recorded: all 100 requests of the window failed, which proves nothing about cpu,"
        " memory, queries; repair that first"
    )
    one_answer = evidence(*work, latency=requests(ok=[0.001], failed=[0.001] * 99))
    assert all(one.outcome == "pass" for one in judge(tuple(of_work), one_answer).verdicts)


@pytest.mark.parametrize(("status", "longer"), [("complete", True), ("failed", False)])
def test_run_without_a_request_may_have_been_too_short_if_it_reached_its_end(
    status: Status, longer: bool
) -> None:
    guard = found(evidence(latency={}, status=status), P95)["requests-recorded"]
    assert guard.outcome == "tripped"
    assert ("raise the duration if users wait longer" in guard.reason) is longer
    assert guard.reason.endswith("see the generator's log in the run folder")

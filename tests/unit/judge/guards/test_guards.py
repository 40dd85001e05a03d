"""Guards on the run and the service, each with a run that trips it and one that must not."""

import ast
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import names
from harness.budgets.model import Budget, ErrorRatio, Latency, Mean, Selector
from harness.judge.guards import all as all_guards
from harness.judge.judge import judge
from harness.judge.model import Scope
from harness.runs.model import Evidence, Requests, Settled, Worker
from harness.units import Unit
from tests.unit.judge.evidence import (
    APP,
    HEALTHY,
    OTHER,
    START,
    budget,
    counter,
    evidence,
    requests,
    series,
    up,
)
from tests.unit.judge.guards.guarding import COUNTED, P95, SERVER, every_guard, found, lag


def start_time(at: float, instance: str = APP) -> Any:
    """A process that is replaced at `at` seconds after the window's start."""
    return series(names.START_TIME, lambda t: 900.0 if t < at else 1005.5, instance=instance)


REBORN = series("c_total", lambda t: t if t < 5 else t - 5)

ABORTED: dict[str, Any] = {"status": "aborted", "aborted_by": "fast"}
TRIPPED = [
    (
        "run-complete",
        evidence(status="failed", reason="no host"),
        "all",
        "the run is incomplete (no host)",
    ),
    ("run-complete", evidence(status="interrupted"), "all", "interrupted and is incomplete"),
    ("run-complete", evidence(status="running"), "all", "still runs; run it again"),
    ("target-alive", evidence(exit_code=3), "all", "ended with exit code 3"),
    ("target-alive", evidence(exit_code=0), "all", "ended with exit code 0"),
    ("target-alive", evidence(exit_code=-9), "all", "was killed by signal 9"),
    ("window-complete", evidence(window=(START, None)), "all", "run it again"),
    ("window-complete", evidence(window=(None, None)), "all", "run it again"),
    ("window-complete", evidence(window=(START, START)), "all", "raise `duration`"),
    ("requests-recorded", evidence(latency={}), "all", "no request was recorded"),
    ("edge-scrapes", evidence(ups=[up(failed=[-1, 0, 1])]), "server", "window's start"),
    ("edge-scrapes", evidence(ups=[up(), up(OTHER, failed=[9, 10, 11])]), "server", OTHER),
    ("edge-scrapes", evidence(ups=[]), "server", "metrics failed; let the service expose"),
    ("scrape-coverage", evidence(ups=[up(failed=[3, 5, 7])]), "server", "80% of the planned"),
    ("scrape-coverage", evidence(ups=[up(), up(OTHER, failed=[3, 5, 7])]), "server", OTHER),
    (
        "scrape-coverage",
        evidence(ups=[up(failed=[1, 2, 3, 4, 6, 7, 8, 9])], scrape_interval=2),
        "server",
        "60% of the planned",
    ),
    ("counter-reset", evidence(REBORN), "server", "c_total"),
    ("process-restart", evidence(start_time(5)), "all", f"of {APP} changed"),
    ("process-restart", evidence(start_time(10)), "all", f"of {APP} changed"),
]

HELD = [
    ("run-complete", evidence(), "a complete run"),
    ("target-alive", evidence(), "a service that lived"),
    ("window-complete", evidence(), "a window"),
    ("requests-recorded", evidence(latency=requests(failed=[0.1])), "one request that failed"),
    ("edge-scrapes", evidence(ups=[up(failed=[-1, 0])]), "a scrape 1 s off the edge"),
    ("scrape-coverage", evidence(ups=[up(failed=[3, 7])]), "nine of ten scrapes"),
    ("scrape-coverage", evidence(ups=[up(failed=range(1, 5))], scrape_interval=2), "each 2 s"),
    ("counter-reset", evidence(counter("c_total", 5)), "a counter that grows"),
    ("counter-reset", evidence(series("c_total", lambda t: t + 9 if t < -1 else t + 1)), "before"),
    ("counter-reset", evidence(counter("c_total", 5), series("g", lambda t: -t)), "a gauge falls"),
    ("process-restart", evidence(start_time(-2)), "a restart before the window"),
    ("process-restart", evidence(start_time(99), start_time(-9, OTHER)), "two processes"),
]


@pytest.mark.parametrize(
    ("name", "run", "scope", "reason"),
    [pytest.param(*row, id=f"{row[0]}: {row[3]}") for row in TRIPPED],
)
def test_guard_trips_and_says_why(name: str, run: Evidence, scope: Scope, reason: str) -> None:
    guard = found(run)[name]
    assert (guard.outcome, guard.scope) == ("tripped", scope)
    assert reason in guard.reason


@pytest.mark.parametrize(
    ("name", "run"), [pytest.param(row[0], row[1], id=f"{row[0]}: {row[2]}") for row in HELD]
)
def test_guard_holds_for_its_neighbour(name: str, run: Evidence) -> None:
    guard = found(run)[name]
    assert guard.outcome == "ok"
    assert guard.reason


@pytest.mark.parametrize(("cut", "outcome"), [(None, "tripped"), (7.0, "ok")])
def test_latency_that_did_not_settle_trips(cut: float | None, outcome: str) -> None:
    run = evidence()
    known = run.manifest.model_copy(update={"settled": Settled(cut=cut, limit=0.04)})
    assert found(replace(run, manifest=known))["settled"].outcome == outcome


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


def test_end_of_the_service_names_its_log_only_if_it_wrote_one() -> None:
    run = evidence(exit_code=3)
    assert found(run)["target-alive"].reason == "the service ended with exit code 3 during the run"
    logged = found(replace(run, logged=True))["target-alive"].reason
    assert logged.endswith("; see its log in the run folder")


def test_no_request_after_the_end_of_the_service_is_not_blamed_on_the_generator() -> None:
    ended, alive = (replace(evidence(exit_code=code), latency={}, batches={}) for code in (3, None))
    one = found(evidence(latency=requests(failed=[0.1])))["requests-recorded"]
    assert one.reason == "1 request was recorded in the window"
    assert found(ended)["requests-recorded"].reason == "no request was recorded in the window"
    assert "generator's log" in found(alive)["requests-recorded"].reason


def test_guard_of_the_target_is_left_out_when_it_is_not_ours() -> None:
    assert "target-alive" not in found(evidence(ours=False))


def test_guards_of_endpoints_are_one_for_each_that_a_budget_names() -> None:
    budgets = (
        budget(Latency(0.95, "GET /contacts"), 0.2),
        budget(ErrorRatio("GET /contacts"), 0.01),
        budget(Latency(0.95, "GET /gone"), 0.2),
        P95,
    )
    every = [g for g in every_guard(evidence(), *budgets) if g.name == "endpoint-has-requests"]
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


def test_guards_of_a_healthy_run_all_hold() -> None:
    reports = [
        series(names.GENERATOR_STARTED, lambda t: 30 * t, {names.SOURCE: s}, "") for s in "ab"
    ]
    run = evidence(
        counter("c_total", 5),
        series("g", lambda _: 1.0),
        start_time(99),
        *reports,
        *(
            series(r.name.replace("started", "in_fullest_slot"), lambda t: t, r.labels, "")
            for r in reports
        ),
        *(
            series(name, lambda _: 0.02, instance="")
            for name in (
                *(names.GENERATOR_IDLE_USERS, names.GENERATOR_CPU, names.GENERATOR_STEAL),
                *(names.GENERATOR_THROTTLED, names.GENERATOR_USERS, names.GENERATOR_TARGET_USERS),
            )
        ),
        latency=HEALTHY
        | lag(names.GENERATOR_LOOP_LAG, slow=0)
        | lag(names.GENERATOR_CANARY, slow=0)
        | lag(names.SCHEDULER_LAG, slow=0),
        workers=(Worker(name="a", round_trip=0.001), Worker(name="b")),
    )
    run = replace(run, recorded=run.manifest.requests.recorded)
    every = every_guard(run, P95, SERVER, COUNTED, budget(ErrorRatio("GET /contacts"), 0.01))
    assert {guard.outcome for guard in every} == {"ok"}
    assert len({guard.name for guard in every}) == len(every) == 30


# --- a load that a breach stopped ---------------------------------------------------------------

FAST = budget(Latency(0.95), 0.005, name="fast")
OK_ERRORS = budget(ErrorRatio(), 0.01, unit=Unit.RATIO, name="errors")


def test_guard_of_an_aborted_run_spares_the_budget_that_stopped_it() -> None:
    run = evidence(**ABORTED)
    judgement = judge((FAST, OK_ERRORS, P95), run)
    assert [v.outcome for v in judgement.verdicts] == ["fail", "inconclusive", "inconclusive"]
    assert (judgement.outcome, judgement.exit_code) == ("fail", 3)
    assert judgement.verdicts[1].reason == (
        "run-complete: the load was stopped early because fast was breached; repair that first"
    )
    guard = found(run, FAST, OK_ERRORS)["run-complete"]
    assert (guard.outcome, guard.budgets) == ("tripped", ("errors",))


def test_guard_of_an_aborted_run_lets_no_part_of_it_pass() -> None:
    judgement = judge((replace(FAST, bound=1.0), OK_ERRORS), evidence(**ABORTED))
    assert [v.outcome for v in judgement.verdicts] == ["inconclusive", "inconclusive"]
    assert judgement.exit_code == 4


def test_guard_of_an_aborted_run_without_its_window_judges_nothing() -> None:
    run = evidence(window=(None, None), **ABORTED)
    assert {v.outcome for v in judge((FAST, OK_ERRORS), run).verdicts} == {"inconclusive"}


def test_guards_on_the_generator_still_spoil_the_breach_that_stopped_the_load() -> None:
    busy = series(names.GENERATOR_CPU, lambda _: 0.99, instance="")
    assert [v.outcome for v in judge((FAST,), evidence(busy, **ABORTED)).verdicts] == [
        "inconclusive"
    ]


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
    names_ = [g.name for g in every_guard(run, P95, SERVER, COUNTED) if g.outcome == "tripped"]
    assert names_ == ["run-complete", "target-alive", "window-complete", "requests-recorded"]


# --- nothing forgotten ----------------------------------------------------------------------------


def guard_functions() -> list[ast.FunctionDef]:
    """The public functions of the room that return guards."""
    trees = (ast.parse(path.read_text()) for path in Path("harness/judge/guards").glob("*.py"))
    functions = (n for tree in trees for n in tree.body if isinstance(n, ast.FunctionDef))
    return [
        one
        for one in functions
        if one.returns is not None
        and ast.unparse(one.returns) == "Iterator[Guard]"
        and not one.name.startswith("_")
    ]


def test_every_guard_is_in_the_list() -> None:
    listed = {guard.__name__ for guard in all_guards.GUARDS}
    assert {one.name for one in guard_functions()} == listed


def test_every_guard_is_on_the_page() -> None:
    page = Path("docs/guards.md").read_text()
    texts = "".join(path.read_text() for path in Path("harness/judge/guards").glob("*.py"))
    named = set(re.findall(r'\bguard\(\s*"([a-z-]+)"', texts))
    assert len(named) > 20
    assert {name for name in named if f"`{name}`" not in page} == set()

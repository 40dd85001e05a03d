"""From a judged run at one rate to a step: its result, its reason, and its scenario."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Latency,
    Load,
    Promql,
    Scenario,
    Throughput,
)
from harness.budgets.workload import OpenWorkload, Stage
from harness.judge.capacity.step import (
    figure,
    judged_in_search,
    scenario_at,
    step_of,
    with_abort,
)
from harness.judge.model import Judgement, Outcome, Verdict, guard
from harness.units import Unit
from tests.unit.judge.evidence import budget, evidence, manifest, requests

P95 = budget(Latency(), 0.2, name="p95")
ERRORS = budget(ErrorRatio(), 0.01, unit=Unit.RATIO, name="errors")
RUN = evidence(latency=requests(ok=[0.1] * 90, failed=[0.1] * 10))


def verdict(name: str, outcome: Outcome, reason: str = "", **fields: Any) -> Verdict:
    values: dict[str, Any] = {
        "description": "",
        "severity": "error",
        "value": 0.412,
        "lower": 0.4,
        "upper": 0.43,
        "bound": 0.2,
        "direction": "max",
        "unit": Unit.SECONDS,
        "margin": -1.06,
        "samples": 100,
        "source": "load generator",
    }
    return Verdict(name=name, outcome=outcome, reason=reason, **(values | fields))


def judged(outcome: Outcome, *verdicts: Verdict, tripped: tuple[str, ...] = ()) -> Judgement:
    found = tuple(guard(name, "bad", tripped=True) for name in tripped)
    return Judgement(outcome, found, verdicts)


def doubted(name: str, guard: str, **fields: Any) -> Verdict:
    return verdict(name, "inconclusive", f"{guard}: it tripped", guard=guard, **fields)


BUSY = doubted("p95", "generator-cpu")
LOADED = doubted("errors", "load-delivered")
NEIGHBOURS = doubted("p95", "cpu-contention")
LOOKALIKE = verdict("p95", "inconclusive", "generator-cpu: is what this metric is named")
NEAR = verdict(
    "p95", "inconclusive", "p95 latency is 201 ms: the true value may be below", waits=True
)
MISSING = verdict("rows", "inconclusive", "no data: the metric does not exist")
WARNS = doubted("mean", "generator-cpu", severity="warn")
RESULTS = {
    "all budgets hold": (judged("pass", verdict("p95", "pass")), "holds", "every budget holds"),
    "one only warns": (judged("warn", verdict("p95", "warn")), "holds", "every budget holds"),
    "one is breached": (
        judged("fail", verdict("p95", "fail"), verdict("errors", "pass")),
        *("breaks", "p95 412 ms (max 200 ms)"),
    ),
    "the generator is the limit": (
        judged("inconclusive", BUSY, LOADED, tripped=("generator-cpu", "load-delivered")),
        *("generator", BUSY.reason),
    ),
    "a breach counts although the generator is busy too": (
        judged("fail", BUSY, verdict("errors", "fail"), tripped=("generator-cpu",)),
        *("breaks", "errors 412 ms (max 200 ms)"),
    ),
    "other processes disturb": (
        judged("inconclusive", NEIGHBOURS, LOADED, tripped=("cpu-contention", "load-delivered")),
        *("disturbed", NEIGHBOURS.reason),
    ),
    "one is near the bound, and missing data hide another": (
        judged("inconclusive", NEAR, MISSING),
        *("disturbed", MISSING.reason),
    ),
    "a text that begins like a guard is none": (
        judged("inconclusive", LOOKALIKE, tripped=("generator-cpu",)),
        *("disturbed", LOOKALIKE.reason),
    ),
    "the value is near the bound": (judged("inconclusive", NEAR), "undecided", NEAR.reason),
    "a budget that only warns decides nothing": (
        judged("inconclusive", NEAR, WARNS, tripped=("generator-cpu",)),
        *("undecided", NEAR.reason),
    ),
    "nothing was judged": (judged("inconclusive"), "disturbed", "no budget could be judged"),
}


@pytest.mark.parametrize(("judgement", "result", "reason"), RESULTS.values(), ids=RESULTS)
def test_result_of_a_step(judgement: Judgement, result: str, reason: str) -> None:
    step = step_of(judgement, RUN, 120.0, "step-03")
    assert (step.result, step.reason, step.rate, step.folder) == (result, reason, 120.0, "step-03")
    said = [one for one in judgement.verdicts if one.reason == reason]
    assert step.guard == (said[0].guard if said else "")


def test_service_that_ended_under_the_load_did_not_take_it() -> None:
    reason = "the service ended during the load: exit code 7\nlast output"
    run = replace(RUN, manifest=manifest(status="failed", exit_code=7, reason=reason))
    step = step_of(judged("inconclusive", tripped=("target-alive",)), run, 120.0, "step-01")
    assert (step.result, step.reason) == ("breaks", reason.partition("\n")[0])


def test_step_has_what_the_generator_measured() -> None:
    run = evidence(latency=requests(ok=[0.1] * 94 + [0.3] * 2, failed=[0.1] * 4))
    step = step_of(judged("pass"), run, 10.0, "step-01")
    assert (step.answered, step.error_ratio, step.seconds) == (9.6, 0.04, 10.0)
    assert step.p95 == pytest.approx(0.1)


def test_figure_of_a_verdict_without_a_value_has_its_bound() -> None:
    assert figure(verdict("p95", "fail", value=None)) == "p95 (max 200 ms)"
    assert figure(verdict("p95", "fail", at_least=True)) == "p95 at least 412 ms (max 200 ms)"


# --- budgets --------------------------------------------------------------------------------------


def test_budgets_that_a_rate_decides_or_that_cannot_be_measured_are_left_out() -> None:
    slow = budget(Throughput(), 50, "min", Unit.PER_SECOND, "throughput")
    most = budget(Throughput(), 500, "max", Unit.PER_SECOND, "most")
    remote = budget(Promql("up"), 1, name="remote")
    kept, left_out = judged_in_search([P95, slow, most, remote])
    assert kept == (P95, most)
    assert left_out == (
        "throughput: a low rate has a low throughput",
        "remote: only `harness run --prometheus` can measure it",
    )


def test_shares_of_severity_error_may_end_a_step_early() -> None:
    others: list[Budget] = [
        budget(Latency(quantile=None), 0.2, name="mean"),
        budget(Latency(quantile=1.0), 0.2, name="max"),
        budget(Latency(), 0.2, name="warns", severity="warn"),
        budget(Latency(), 0.2, "min", name="min"),
        budget(Latency(), 0.2, name="late", abort_after=9.0),
    ]
    found = with_abort([P95, ERRORS, *others])
    assert [(one.name, one.abort, one.abort_after) for one in found] == [
        ("p95", True, 5.0),
        ("errors", True, 5.0),
        ("late", True, 9.0),
    ]


# --- the scenario of a step -----------------------------------------------------------------------

WORKLOAD = OpenWorkload((Stage(50.0, 35.0),), arrivals="even", seed=7)
SCENARIO = Scenario(
    "load", (Load(Path("a.py"), WORKLOAD),), warm_up=5.0, duration=30.0, planned=10.0
)


def test_scenario_of_a_step_has_its_rate_and_arrivals_of_its_own() -> None:
    found = scenario_at(SCENARIO, 200.0, 3, [P95], 1000.0)
    expected = replace(WORKLOAD, stages=(Stage(200.0, 35.0),), seed=9)
    assert found == replace(SCENARIO, loads=(Load(Path("a.py"), expected),), drain=5.0)


@pytest.mark.parametrize(
    ("longest", "duration"), [(1000.0, 30.0), (17.0, 17.0), (4.0, 10.0), (-8.0, 10.0)]
)
def test_step_goes_on_no_longer_than_the_search(longest: float, duration: float) -> None:
    found = scenario_at(SCENARIO, 200.0, 1, [P95], longest)
    assert (found.duration, found.planned) == (duration, 10.0)
    assert found.loads[0].workload == replace(WORKLOAD, stages=(Stage(200.0, 5.0 + duration),))


@pytest.mark.parametrize(
    ("bound", "rate", "users", "drain"),
    [
        (0.2, 200.0, 100, 5.0),
        (0.2, 1000.0, 400, 5.0),
        (8.0, 100.0, 1600, 16.0),
        (20.0, 1.0, 100, 30.0),
    ],
)
def test_users_and_drain_are_enough_for_answers_at_the_bound(
    bound: float, rate: float, users: int, drain: float
) -> None:
    found = scenario_at(SCENARIO, rate, 1, [budget(Latency(), bound)], 1000.0)
    workload = found.loads[0].workload
    assert isinstance(workload, OpenWorkload)
    assert (workload.max_users, found.drain) == (users, drain)

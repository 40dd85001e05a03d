"""When a run may end: what is final early, what waits for the planned end, and what goes on."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Gauge,
    Latency,
    Over,
    Rate,
    Ratio,
    Scenario,
    Selector,
    Throughput,
    Waiver,
)
from harness.judge.stopping.decided import DecisionWatch
from harness.units import Unit
from tests.unit.judge.evidence import budget, counter, evidence, measure, requests, series

SCENARIO = Scenario("it", (), warm_up=5.0, duration=40.0, planned=20.0, early=True)
GOES_ON = replace(SCENARIO, duration=60.0, early=False)
P95 = budget(Latency(0.95), 0.2, name="p95")
ERRORS = budget(ErrorRatio(), 0.1, unit=Unit.RATIO, name="errors")
PEAK = budget(Gauge(Selector("g"), "max"), 10.0, unit=Unit.COUNT, name="peak")
ANSWERS, FAILED = Selector("answers_total"), Selector("answers_total", {"status": "~5.."})
SERVED = budget(Ratio(FAILED, ANSWERS), 0.02, unit=Unit.RATIO, name="served")
MET = replace(SERVED, bound=0.9, direction="min", name="met")
RATE = budget(Throughput(), 5.0, "min", Unit.PER_SECOND, name="rate")
FEW_FAIL = replace(P95, min_samples=5000, on_no_data="fail", name="few")
FEW_WARN = replace(FEW_FAIL, on_no_data="ignore")

FAST: dict[str, Any] = {"ok": [0.01] * 1000}
SLOW: dict[str, Any] = {"ok": [0.5] * 1000}
NEAR: dict[str, Any] = {"ok": [0.01] * 945 + [0.3] * 55}
FAILING: dict[str, Any] = {"ok": [0.01] * 500, "failed": [0.01] * 500}


@pytest.mark.parametrize(
    ("budgets", "times", "early", "planned"),
    [
        pytest.param([P95], FAST, True, True, id="a latency far under its limit"),
        pytest.param([P95], SLOW, True, True, id="a latency far over its limit"),
        pytest.param([P95], NEAR, False, False, id="a latency that may be either"),
        pytest.param([ERRORS], FAST, False, True, id="no errors so far"),
        pytest.param([ERRORS], FAILING, True, True, id="too many errors for certain"),
        pytest.param([P95, ERRORS], FAST, False, True, id="all of them count"),
        pytest.param([SERVED], FAST, False, True, id="no errors of the service so far"),
        pytest.param([MET], FAST, True, True, id="a share that is too low for certain"),
        pytest.param([PEAK], FAST, False, True, id="a peak, which may still come"),
        pytest.param([RATE], FAST, False, True, id="a count of the whole window"),
        pytest.param([replace(P95, severity="warn")], SLOW, True, True, id="a warning"),
        pytest.param([replace(P95, severity="warn")], NEAR, False, False, id="no warning yet"),
        pytest.param([P95, FEW_FAIL], FAST, False, True, id="too few samples, which fail"),
        pytest.param([P95, FEW_WARN], FAST, False, True, id="too few samples, which only warn"),
    ],
)
def test_run_is_decided(
    budgets: list[Budget], times: dict[str, Any], early: bool, planned: bool
) -> None:
    answers = counter("answers_total", 1000, {"status": "200"})
    run = evidence(series("g", lambda _: 1.0), answers, latency=requests(**times))
    decision = DecisionWatch(budgets, SCENARIO)
    assert decision.decided(run, 19.0) is early
    assert decision.decided(run, 20.0) is planned


def test_states_are_those_of_the_last_look() -> None:
    run = evidence(series("g", lambda _: 1.0), latency=requests(**FAST))
    decision = DecisionWatch([P95, ERRORS], SCENARIO)
    assert decision.states() == (("p95", ""), ("errors", ""))
    decision.decided(run, 19.0)
    assert decision.states() == (("p95", "pass"), ("errors", ""))
    decision.decided(run, 20.0)
    assert decision.states() == (("p95", "pass"), ("errors", "pass"))


@pytest.mark.parametrize(
    ("planned", "duration", "moments"),
    [
        (20.0, 40.0, [10, 15, 20, 25, 30, 35]),
        (12.0, 24.0, [10, 12, 15, 20]),
        (5.0, 8.0, [5]),
        (20.0, 20.0, [10, 15]),
    ],
)
def test_run_is_looked_at_also_at_its_planned_end(
    planned: float, duration: float, moments: list[int]
) -> None:
    scenario = replace(SCENARIO, planned=planned, duration=duration)
    assert list(DecisionWatch((P95,), scenario).moments) == moments


# --- a run that goes on while a budget is undecided -----------------------------------------------

FEW: dict[str, Any] = {"ok": [0.01] * 50}
WARNS = replace(P95, severity="warn", name="warns")
WAIVED = replace(P95, waiver=Waiver(date(2999, 1, 1), "known"), name="waived")
MANY = replace(P95, min_samples=5000, name="many")
PERCENT = budget(ErrorRatio(), 0.01, unit=Unit.RATIO, name="percent")
GONE = budget(Rate(Selector("gone_total")), 1.0, unit=Unit.PER_SECOND, name="gone")


@pytest.mark.parametrize(
    ("budgets", "times", "goes_on_for"),
    [
        pytest.param([P95, PEAK], FAST, [], id="all pass"),
        pytest.param([P95], SLOW, [], id="one fails"),
        pytest.param([P95], NEAR, ["p95"], id="one may be either"),
        pytest.param([P95, PERCENT], FEW, ["p95", "percent"], id="two have too few samples"),
        pytest.param([MANY], FAST, ["many"], id="min_samples is not reached"),
        pytest.param([P95, ERRORS], NEAR | {"failed": [0.01] * 400}, None, id="another one fails"),
        pytest.param([WARNS, ERRORS], NEAR, [], id="only a warning is open"),
        pytest.param([WAIVED, ERRORS], NEAR, [], id="only a waived one is open"),
        pytest.param([P95, GONE], NEAR, ["p95"], id="another one has no data"),
        pytest.param([GONE, ERRORS], FAST, [], id="only one without data is open"),
        pytest.param(
            [P95, replace(ERRORS, bound=0.15)],
            {"ok": [0.01] * 90, "failed": [0.01] * 10},
            ["errors"],
            id="failures leave a latency open for good",
        ),
        pytest.param([replace(MANY, on_no_data="ignore"), ERRORS], FAST, [], id="ignored"),
    ],
)
def test_run_goes_on_only_where_more_data_may_decide_it(
    budgets: list[Budget], times: dict[str, Any], goes_on_for: list[str] | None
) -> None:
    run = evidence(series("g", lambda _: 1.0), latency=requests(**times))
    decision = DecisionWatch(budgets, GOES_ON)
    assert decision.decided(run, 20.0) is not bool(goes_on_for)
    if goes_on_for is not None:
        assert [one.name for one in decision.undecided] == goes_on_for


def test_run_ends_where_a_guard_has_tripped() -> None:
    near = evidence(latency=requests(**NEAR))
    restarted = evidence(
        series("process_start_time_seconds", lambda t: t // 5), latency=requests(**NEAR)
    )
    assert not DecisionWatch([P95], GOES_ON).decided(near, 20.0)
    assert DecisionWatch([P95], GOES_ON).decided(restarted, 20.0)


def test_run_goes_on_while_requests_are_in_flight_that_may_change_a_verdict() -> None:
    run = evidence(latency=requests(ok=[0.01] * 100))
    account = run.manifest.requests.model_copy(update={"started": 105, "recorded": 100})
    waiting = account.model_copy(update={"in_flight": 5})
    manifest = run.manifest.model_copy(update={"requests": waiting})
    tight = replace(ERRORS, bound=0.04)
    assert not DecisionWatch([tight], GOES_ON).decided(replace(run, manifest=manifest), 20.0)


@pytest.mark.parametrize(
    ("planned", "duration", "moments"),
    [
        (15.0, 45.0, [15, 20, 26, 34]),
        (20.0, 60.0, [20, 26, 34, 46]),
        (2.0, 6.0, [2, 3, 5]),
        (0.5, 1.5, [1]),
        (20.0, 22.0, [20]),
        (20.0, 20.5, [20]),
        (10.0, 1000.0, [10, 32, 100, 316]),
    ],
)
def test_run_is_looked_at_from_its_planned_end_on(
    planned: float, duration: float, moments: list[int]
) -> None:
    scenario = replace(GOES_ON, planned=planned, duration=duration)
    assert DecisionWatch((P95,), scenario).moments == moments


@pytest.mark.parametrize("over", ["growth", "last"])
def test_growth_is_that_of_the_planned_window_also_in_a_run_that_went_on(over: Over) -> None:
    grown = budget(Gauge(Selector("g"), over), 100.0, unit=Unit.COUNT)
    run = evidence(series("g", lambda t: 100.0 + t))
    scenario = {**run.manifest.scenario, "planned": 4.0, "early": False, "duration": 10.0}
    longer = replace(run, manifest=run.manifest.model_copy(update={"scenario": scenario}))
    assert measure(grown, run).value == pytest.approx(10 if over == "growth" else 110)
    assert measure(grown, longer).value == pytest.approx(4 if over == "growth" else 110)

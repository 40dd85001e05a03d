"""When a run may end: what is final early, and what waits for the planned end."""

from dataclasses import replace
from typing import Any

import pytest

from harness.budgets.model import Budget, ErrorRatio, Gauge, Latency, Scenario, Selector, Throughput
from harness.judge.stopping.decided import DecisionWatch
from harness.units import Unit
from tests.unit.judge.evidence import budget, evidence, requests, series

SCENARIO = Scenario("it", (), warm_up=5.0, duration=40.0, planned=20.0)
P95 = budget(Latency(0.95), 0.2, name="p95")
ERRORS = budget(ErrorRatio(), 0.1, unit=Unit.RATIO, name="errors")
PEAK = budget(Gauge(Selector("g"), "max"), 10.0, unit=Unit.COUNT, name="peak")
RATE = budget(Throughput(), 5.0, "min", Unit.PER_SECOND, name="rate")

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
        pytest.param([PEAK], FAST, False, True, id="a peak, which may still come"),
        pytest.param([RATE], FAST, False, True, id="a count of the whole window"),
        pytest.param([replace(P95, severity="warn")], SLOW, True, True, id="a warning"),
        pytest.param([replace(P95, severity="warn")], NEAR, False, False, id="no warning yet"),
    ],
)
def test_run_is_decided(
    budgets: list[Budget], times: dict[str, Any], early: bool, planned: bool
) -> None:
    run = evidence(series("g", lambda _: 1.0), latency=requests(**times))
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

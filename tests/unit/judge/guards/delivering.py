"""Budgets and evidence for the guards on the load and on its requests."""

from typing import Any

from harness import names
from harness.budgets.model import ErrorRatio, Gauge, Latency, Selector, Throughput
from harness.runs.model import Evidence
from harness.units import Unit
from tests.unit.judge.evidence import (
    budget,
    evidence,
    requests,
    series,
)
from tests.unit.judge.guards.guarding import (
    account,
    readings,
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

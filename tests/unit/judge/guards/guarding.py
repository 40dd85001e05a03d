"""What the tests of guards share: budgets, generators' readings, and a look at the guards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness import names
from harness.budgets.model import Budget, Gauge, Latency, Rate, Selector
from harness.judge.guards.all import guards
from harness.judge.judge import decide
from harness.judge.measure.measure import measure_budgets
from harness.judge.model import Guard, Verdict
from harness.runs.model import Evidence, LatencyKey, Requests, Series
from harness.units import Unit
from tests.unit.judge.evidence import HEALTHY, START, budget, distribution, series

P95 = budget(Latency(0.95), 0.2)
SERVER = budget(Gauge(Selector("g")), 1.0, unit=Unit.COUNT)
COUNTED = budget(Rate(Selector("c_total")), 1.0, unit=Unit.PER_SECOND)


def every_guard(run: Evidence, *budgets: Budget) -> tuple[Guard, ...]:
    """All guards of a run with these budgets."""
    return guards(run, measure_budgets(budgets, run))


def found(run: Evidence, *budgets: Budget) -> dict[str, Guard]:
    """The guards by name; the budgets are a latency and two of the service unless said."""
    return {guard.name: guard for guard in every_guard(run, *(budgets or (P95, SERVER, COUNTED)))}


def tripped(run: Evidence, *budgets: Budget) -> set[str]:
    """The names of those that tripped."""
    return {name for name, guard in found(run, *budgets).items() if guard.outcome == "tripped"}


def by_value(budgets: tuple[Budget, ...], run: Evidence) -> tuple[Verdict, ...]:
    """The verdicts by the guards and the values alone: as if chance had no part in them."""
    measured = measure_budgets(budgets, run)
    all_guards = guards(run, measured)
    return tuple(decide(one.budget, one.measurement, all_guards) for one in measured)


def account(**counts: int) -> Requests:
    """Of 1000 iterations of one request each, all well unless said."""
    every = {"asked": 1000, "sent": 1000, "started": 1000, "recorded": 1000}
    return Requests(**(every | counts))


CLOSED = account(asked=0, sent=0)


def readings(name: str, values: Sequence[float], source: str = "", first: float = 1.0) -> Series:
    """One value a second of a generator, the first one `first` seconds into the window."""
    times = [START + first + i for i in range(len(values))]
    labels = {names.SOURCE: source} if source else {}
    return series(name, values, labels, instance="", times=times)


def lag(what: str, *, slow: int, seconds: float = 0.030, source: str = "") -> dict[LatencyKey, Any]:
    """1000 readings of a lag: 1 ms, but for some that are slow."""
    values = [0.001] * (1000 - slow) + [seconds] * slow
    return {LatencyKey(what, name=source): distribution(values)}


def lagging(what: str, *, slow: int, seconds: float = 0.030) -> dict[str, Any]:
    """The same as `latency` of a run that is healthy otherwise."""
    return {"latency": HEALTHY | lag(what, slow=slow, seconds=seconds)}

"""A system without Linux's readings: guards are absent, and no verdict is better for it."""

from dataclasses import replace

import pytest

from harness import names
from harness.budgets.model import Budget, Latency, Mean, Selector, Throughput
from harness.runs.model import Evidence
from harness.units import Unit
from tests.unit.judge.evidence import budget, counter, evidence, requests
from tests.unit.judge.guards.guarding import by_value, found, readings

P95 = budget(Latency(0.95), 0.2, name="latency")
QUERY = budget(Mean(Selector("query")), 0.1, name="query-time")
RATE = budget(Throughput(), 1.2, "min", Unit.PER_SECOND, name="throughput")
OF_LINUX = {
    names.GENERATOR_STEAL,
    names.GENERATOR_THROTTLED,
    names.GENERATOR_CPU_WAIT,
    names.SERVICE_CPU_WAIT,
    names.OTHER_CPU,
}
GUARDS = {"cpu-contention", "host-steal", "cgroup-throttled"}
FROM_BEST = ["pass", "inconclusive", "fail"]


def on_linux(worse: float, *, disturbed: bool) -> Evidence:
    """A run of ten seconds with all readings; at `worse` 1 every budget is breached."""
    share = 0.5 if disturbed else 0.0
    return evidence(
        counter("query_count", 100),
        counter("query_sum", 15 * worse),
        readings(names.GENERATOR_STEAL, [share] * 10),
        readings(names.GENERATOR_THROTTLED, [share] * 10),
        readings(names.GENERATOR_CPU_WAIT, [share] * 10),
        counter(names.SERVICE_CPU_WAIT, 10 * share),
        counter(names.OTHER_CPU, 20 * share),
        latency=requests(ok=[0.3 * worse] * round(10 / worse)),
    )


def elsewhere(run: Evidence) -> Evidence:
    """The same run without the readings that only Linux has."""
    return replace(run, series=tuple(s for s in run.series if s.name not in OF_LINUX))


@pytest.mark.parametrize("one", [P95, QUERY, RATE], ids=lambda one: one.name)
@pytest.mark.parametrize("worse", [0.5, 1.0], ids=["holds", "breached"])
@pytest.mark.parametrize("disturbed", [False, True], ids=["alone", "disturbed"])
def test_verdict_without_the_readings_of_linux_is_never_better(
    one: Budget, worse: float, disturbed: bool
) -> None:
    run = on_linux(worse, disturbed=disturbed)
    (with_them,), (without,) = by_value((one,), run), by_value((one,), elsewhere(run))
    assert FROM_BEST.index(without.outcome) >= FROM_BEST.index(with_them.outcome)
    if worse == 1.0:
        assert without.outcome == "fail"


def test_guards_without_readings_are_absent() -> None:
    run = on_linux(1.0, disturbed=True)
    assert set(found(run, P95)) >= GUARDS
    assert not GUARDS & set(found(elsewhere(run), P95))

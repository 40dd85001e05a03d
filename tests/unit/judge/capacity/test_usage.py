"""What the service used in a step, and what it was short of at the knee."""

import pytest

from harness import names
from harness.judge.capacity.model import UsageReading
from harness.judge.capacity.usage import (
    CPU,
    CPU_WAIT,
    LOOP_LAG,
    MEMORY,
    POOL,
    POOL_WAIT,
    short_of,
    usage_of,
)
from harness.units import Unit
from tests.unit.judge.evidence import counter, evidence, series


def test_usage_is_read_from_the_series_of_the_service() -> None:
    used = {names.POOL_STATE: "used"}
    run = evidence(
        counter(names.CPU_SECONDS, 9.7),
        series(names.CPU_COUNT, lambda _: 2.0),
        counter(names.SERVICE_CPU_WAIT, 4.0),
        series(names.POOL_COUNT, lambda t: 9.0 if t < 5 else 10.0, used),
        series(names.POOL_MAX, lambda _: 10.0),
    )
    found = {one.name: one for one in usage_of(run)}
    assert {name: one.limit for name, one in found.items()} == {CPU: 2, CPU_WAIT: None, POOL: 1}
    assert found[CPU].value == pytest.approx(0.97)
    assert found[CPU_WAIT].value == pytest.approx(0.4)
    assert found[POOL].value == pytest.approx(0.95, abs=0.01)


def test_service_without_metrics_has_no_usage() -> None:
    assert usage_of(evidence()) == ()


def reading(name: str, value: float, limit: float | None = None) -> UsageReading:
    return UsageReading(name, value, Unit.COUNT, limit)


ONE_THREAD = "a process whose code runs in one thread cannot use more than one core"
SHORT = {
    "nothing": ([reading(CPU, 0.4, 2.0)], [], ()),
    "all cores": ([reading(CPU, 1.9, 2.0)], [], ("CPU: the service used 1.9 of 2 cores",)),
    "one core of several": (
        [reading(CPU, 0.97, 4.0)],
        [],
        (f"CPU: the service used 0.97 cores, and {ONE_THREAD}",),
    ),
    "two of four cores are not all": ([reading(CPU, 2.1, 4.0)], [], ()),
    "the pool": (
        [reading(POOL, 0.96, 1.0)],
        [],
        ("connections: 96% of the pool was in use on average",),
    ),
    "a wait that grew": (
        [reading(POOL_WAIT, 0.12), reading(LOOP_LAG, 0.25)],
        [reading(POOL_WAIT, 0.002), reading(LOOP_LAG, 0.004)],
        (
            "connections: requests waited 120 ms for a connection",
            "event loop: it was 250 ms late (p95)",
        ),
    ),
    "a wait that was there before": (
        [reading(POOL_WAIT, 0.12), reading(LOOP_LAG, 0.25)],
        [reading(POOL_WAIT, 0.1), reading(LOOP_LAG, 0.2)],
        (),
    ),
    "CPUs that others have": (
        [reading(CPU_WAIT, 0.5)],
        [],
        ("CPUs of the machine: threads of the service waited for 0.5 more",),
    ),
    "memory": ([reading(MEMORY, 0.93, 1.0)], [], ("memory: 93% of the limit was in use",)),
}


@pytest.mark.parametrize(("failing", "holding", "texts"), SHORT.values(), ids=SHORT)
def test_short_of(
    failing: list[UsageReading], holding: list[UsageReading], texts: tuple[str, ...]
) -> None:
    assert short_of(failing, holding) == texts

"""Waiting for a CPU and busy neighbours, both together, take breaches of a time away."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from harness import names
from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Gauge,
    Latency,
    Mean,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
)
from harness.judge.guards.contention import OTHERS, WAIT
from harness.judge.guards.contention import contention as shared_cpus
from harness.judge.model import Guard
from harness.runs.model import Distribution, Evidence, Series
from harness.units import Unit
from tests.unit.judge.evidence import (
    START,
    buckets,
    budget,
    counter,
    distribution,
    evidence,
    requests,
    series,
)
from tests.unit.judge.guards.guarding import by_value, found, readings

P95 = budget(Latency(0.95), 0.2, name="latency")
QUERY = budget(Mean(Selector("query")), 0.1, name="query-time")
LAG = budget(Quantile(Selector("lag"), 0.95), 0.05, name="loop-lag")
START_TIME = budget(Gauge(Selector("start")), 2.0, name="start-time")
RATE = budget(Throughput(), 1.2, "min", Unit.PER_SECOND, name="throughput")
TIMED = (P95, QUERY, LAG, START_TIME, RATE)

IN_DOUBT = {
    "latency": "latency (100 ms over its bound, and perhaps 300 ms too high)",
    "query-time": "query-time (400 ms over its bound, and perhaps 4 s too high)",
    "loop-lag": "loop-lag (50 to 100 ms, and perhaps 4 s too high)",
    "start-time": "start-time (1 s over its bound)",
    "throughput": "throughput (0.2/s under its bound, and perhaps 0.667/s too low)",
}

ERRORS = budget(ErrorRatio(), 0.01, unit=Unit.RATIO, name="errors")
QUERIES = budget(
    Ratio(Selector("query_count"), Selector("requests_total")), 3.0, unit=Unit.COUNT, name="queries"
)
CPU = budget(Rate(Selector("cpu_total")), 0.7, unit=Unit.RATIO, name="cpu")
MEMORY = budget(Gauge(Selector("bytes")), 1e6, unit=Unit.BYTES, name="memory")
REACHED = budget(Gauge(Selector("start")), 9.0, "min", name="a-time-to-reach")
WORK = (ERRORS, QUERIES, CPU, MEMORY, REACHED)


def contended(
    wait: float | None = 2 * WAIT,
    others: float | None = 2 * OTHERS,
    generator: Sequence[float] = (),
    *,
    breaches: bool = True,
) -> Evidence:
    """A run of ten seconds in which all budgets are breached, or none is."""
    worse = 1.0 if breaches else 0.1
    rises: list[Series] = [
        counter("query_count", 1000 * worse),
        counter("query_sum", 500 * worse * worse),
        counter("requests_total", 100),
        counter("cpu_total", 9 * worse),
        *buckets("lag", {"0.05": 100 - 40 * worse, "0.1": 100, "+Inf": 100}),
        series("start", lambda _: 3 * worse if breaches else 9.0 * worse),
        series("bytes", lambda _: 2e6 * worse),
        readings(names.GENERATOR_CPU_WAIT, generator),
    ]
    if wait is not None:
        rises.append(counter(names.SERVICE_CPU_WAIT, 10 * wait, {names.PROVIDER: "psutil"}))
    if others is not None:
        rises.append(counter(names.OTHER_CPU, 10 * others, {names.PROVIDER: "psutil"}))
    count = 10 if breaches else 1000
    failed = [0.3] if breaches else []
    return evidence(*rises, latency=requests(ok=[0.3 * worse] * count, failed=failed))


def contention(run: Evidence, *budgets: Budget) -> Guard:
    return found(run, *budgets)["cpu-contention"]


@pytest.mark.parametrize(
    ("wait", "others", "tripped"),
    [
        pytest.param(WAIT + 0.01, OTHERS + 0.01, True, id="both just over"),
        pytest.param(WAIT - 0.01, 1.9, False, id="neighbours who disturb nobody"),
        pytest.param(1.9, OTHERS - 0.01, False, id="a service that overloads the machine itself"),
        pytest.param(1.9, 1.9, True, id="several threads that waited at once"),
        pytest.param(0.0, 0.0, False, id="a quiet machine"),
    ],
)
def test_waiting_and_neighbours_trip_only_together(
    wait: float, others: float, tripped: bool
) -> None:
    run = contended(wait, others)
    guard = contention(run, *TIMED)
    assert guard.outcome == ("tripped" if tripped else "ok")
    assert guard.value == pytest.approx(wait)
    assert guard.limit == WAIT
    for breaches in (True, False):  # known without a budget, too
        shared = shared_cpus(contended(wait, others, breaches=breaches))
        assert shared is not None
        assert shared.disturbs is tripped
    expected = "inconclusive" if tripped else "fail"
    assert {v.outcome for v in by_value(TIMED, run)} == {expected}


@pytest.mark.parametrize("one", TIMED, ids=lambda b: b.name)
def test_a_breach_of_a_time_is_taken_away(one: Budget) -> None:
    run = contended()
    guard = contention(run, one)
    assert (guard.outcome, guard.scope, guard.budgets) == ("tripped", "all", (one.name,))
    (verdict,) = by_value((one,), run)
    assert verdict.outcome == "inconclusive"
    assert verdict.reason == (
        "cpu-contention: in each second, the threads of the service waited 400 ms for a CPU, and"
        f" other processes and the host took 1.2 CPUs, so the verdict on {IN_DOUBT[one.name]} may"
        " be due to that; measure on a machine that nothing else uses"
    )


@pytest.mark.parametrize("one", WORK, ids=lambda b: b.name)
def test_a_breach_of_work_stands(one: Budget) -> None:
    run = contended()
    assert contention(run, one).outcome == "ok"
    (verdict,) = by_value((one,), run)
    assert verdict.outcome == "fail"


def test_what_holds_stands() -> None:
    run = contended(breaches=False)
    every = tuple(b for b in (*TIMED, *WORK) if b is not REACHED)
    guard = contention(run, *every)
    assert (guard.outcome, guard.budgets) == ("ok", None)
    assert guard.reason.endswith("; no verdict depends on that")
    assert {v.name: v.outcome for v in by_value(every, run)} == {b.name: "pass" for b in every}


def test_only_the_breached_times_are_named() -> None:
    generous = budget(Latency(0.95), 1.0, name="generous")
    guard = contention(contended(), P95, generous, ERRORS, QUERY)
    assert guard.budgets == ("latency", "query-time")


def test_a_generator_that_waited_takes_away_what_it_measured_itself() -> None:
    run = contended(wait=0.0, generator=[0.0, *[WAIT + 0.05] * 9])
    guard = contention(run, *TIMED, *WORK)
    assert guard.budgets == ("latency", "throughput")
    assert guard.value == pytest.approx(WAIT + 0.05)
    assert "the threads of the generator waited 250 ms for a CPU" in guard.reason


def test_the_generator_that_waited_longest_is_named() -> None:
    one = readings(names.GENERATOR_CPU_WAIT, [0.1] * 5, "worker-1")
    other = readings(names.GENERATOR_CPU_WAIT, [0.3] * 5, "worker-2")
    busy = counter(names.OTHER_CPU, 10.0)
    run = evidence(one, other, busy, latency=requests(ok=[0.01] * 5 + [0.3] * 95))
    guard = contention(run, P95)
    assert guard.outcome == "tripped"
    assert guard.value == pytest.approx(0.3)
    assert "the threads of the generator worker-2 waited" in guard.reason


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(contended(wait=None), id="not Linux, or a service whose process is not known"),
        pytest.param(contended(others=None), id="nobody knows of the neighbours"),
        pytest.param(contended(wait=None, generator=[0.9]), id="a single report"),
        pytest.param(evidence(window=(START, None)), id="no window"),
        pytest.param(
            evidence(
                series(names.SERVICE_CPU_WAIT, [1.0], times=[START]),
                series(names.OTHER_CPU, [1.0], times=[START]),
            ),
            id="a single reading",
        ),
    ],
)
def test_contention_that_cannot_be_read_is_no_guard(run: Evidence) -> None:
    assert "cpu-contention" not in found(run, P95)


@pytest.mark.parametrize(
    ("growth", "outcome"), [(1.0, "fail"), (0.5, "inconclusive")], ids=["twice", "1.5 times"]
)
def test_breach_of_a_service_at_twice_its_capacity_stands(growth: float, outcome: str) -> None:
    """Its threads wait for 0.4 s in each second, which explains a part of a growing queue.

    At so many times the capacity, a request that is due after t waits for (times - 1) t, and
    within times * t the threads have waited for 0.4 times * t.
    """
    times = [START - 0.5 + second for second in range(32)]
    waits = series(names.SERVICE_CPU_WAIT, lambda t: 0.4 * max(t, 0.0), times=times)
    others = series(names.OTHER_CPU, lambda t: 1.2 * max(t, 0.0), times=times)
    late = [distribution(growth * (2 * n + k / 20) for k in range(40)) for n in range(5)]
    (key,) = requests(ok=[0.1])
    run = evidence(waits, others, latency={key: Distribution.merge(late)})
    run = replace(run, batches={key: dict(enumerate(late))})
    (verdict,) = by_value((P95,), run)
    assert verdict.outcome == outcome


def contended_in_the_third_batch(slow: int, wait: float = 0.5, used: float = 1.5) -> Evidence:
    """Five batches of two seconds; in one of them, one request in ten takes 300 ms.

    Args:
        slow: The number of that batch.
        wait: Seconds in each second of the third batch in which the service waited for a CPU.
        used: CPUs that others used in the third batch.
    """

    def grown(rate: float, idle: float) -> Callable[[float], float]:
        return lambda t: idle * (t + 5) + (rate - idle) * min(max(t - 4, 0), 2)

    batches = {n: distribution([0.01] * 18 + [0.3 if n == slow else 0.01] * 2) for n in range(5)}
    (key,) = requests(ok=[0.1])
    run = evidence(
        series(names.SERVICE_CPU_WAIT, grown(wait, 0.01)),
        series(names.OTHER_CPU, grown(used, 0.1)),
        *buckets("lag", {"0.05": 60, "0.1": 100, "+Inf": 100}),
        latency={key: Distribution.merge(batches.values())},
    )
    return replace(run, batches={key: batches})


P99 = budget(Latency(0.99), 0.2, name="latency")


def test_a_part_of_the_window_takes_away_what_was_slow_in_that_part() -> None:
    run = contended_in_the_third_batch(slow=2)
    guard = contention(run, P99, LAG, ERRORS)
    assert guard.reason == (
        "for 2 s of the window, threads of the service or of a generator waited over 200 ms in each"
        " second for a CPU while other processes and the host took over 0.6 CPUs, so the verdict"
        " on latency (100 ms over its bound, and perhaps 290 ms too high) may be due to that;"
        " measure on a machine that nothing else uses"
    )
    assert guard.value == pytest.approx(0.108)
    assert guard.limit is None  # the value is of the whole window, and did not trip it
    assert {v.name: v.outcome for v in by_value((P99, LAG), run)} == {
        "latency": "inconclusive",
        "loop-lag": "fail",  # when in the window it grew is not known
    }


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(contended_in_the_third_batch(slow=0), id="slow before"),
        pytest.param(contended_in_the_third_batch(slow=4), id="slow after"),
        pytest.param(contended_in_the_third_batch(2, wait=WAIT - 0.01), id="it hardly waited"),
        pytest.param(contended_in_the_third_batch(2, used=OTHERS - 0.01), id="others used little"),
    ],
)
def test_a_part_of_the_window_takes_nothing_from_the_rest(run: Evidence) -> None:
    guard = contention(run, P99)
    assert (guard.outcome, guard.limit, guard.budgets) == ("ok", WAIT, None)
    assert [v.outcome for v in by_value((P99,), run)] == ["fail"]

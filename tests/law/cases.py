"""Runs that are not green, one for each kind of indicator and each way to fail or stay undecided.

Every run has a window of 10 s, two replicas that are scraped each second, and one budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from harness.budgets.model import (
    ErrorRatio,
    Gauge,
    Latency,
    Mean,
    PerRequest,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.names import (
    ASKED_AGE,
    ASKED_BATCHES,
    ASKED_FEWEST,
    ASKED_FIRST,
    ASKED_LAST,
    ASKED_MOST,
    ASKED_PRESENT,
    ASKED_RESETS,
    ASKED_SCRAPES,
    ASKED_VALUE,
    BATCH,
    BATCHES,
    DECLARED,
    DECLARED_METRIC,
    UNSTARTED_LATENCY,
)
from harness.runs.model import (
    LatencyKey,
    Requests,
    Series,
    ServerAnswer,
)
from harness.units import Unit
from tests.law.case import REPLICAS, ROUTE_A, ROUTE_B, Case, case_of, histogram, lags, waits
from tests.law.service_cases import service_cases
from tests.unit.judge.evidence import (
    END,
    HEALTHY,
    SECONDS,
    START,
    TIMES,
    counter,
    distribution,
    requests,
    series,
)


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _of_generator()
    yield from _of_schedule()
    yield from _of_counters()
    yield from _of_gauges()
    yield from _of_server()
    yield from service_cases()


def _of_generator() -> Iterator[Case]:
    slow = requests(ok=[0.010] * 300 + [0.9] * 100)
    failed = requests(ok=[0.010] * 300, failed=[0.010] * 100)
    yield case_of("p95 over its bound", Latency(0.95), 0.2, latency=slow)
    yield case_of("mean latency over its bound", Latency(None), 0.1, latency=slow)
    yield case_of("longest latency over its bound", Latency(1.0), 0.2, latency=slow)
    yield case_of("failures", ErrorRatio(), 0.01, unit=Unit.RATIO, latency=failed)
    yield case_of("every request failed", Latency(0.95), 0.2, latency=requests(failed=[0.01] * 400))
    yield case_of(
        "too little throughput", Throughput(), 50.0, "min", Unit.PER_SECOND, latency=failed
    )
    hanging = requests(ok=[0.010] * 300) | waits([30.0] * 100)
    yield case_of("p95 of unanswered requests", Latency(0.95), 0.2, latency=hanging)
    yield case_of("mean of unanswered requests", Latency(None), 0.2, latency=hanging)
    yield case_of(
        "unanswered requests may fail", ErrorRatio(), 0.2, unit=Unit.RATIO, latency=hanging
    )
    dead = waits([30.0] * 100)
    yield case_of("no request answered", Latency(0.95), 0.2, latency=dead)
    nothing = "nothing answered"
    yield case_of(nothing, Throughput(), 500.0, unit=Unit.PER_SECOND, latency=dead)
    begun = requests(ok=[0.010] * 300) | lags(scheduled=350, started=300)
    begun |= {LatencyKey(UNSTARTED_LATENCY): distribution([30.0] * 50)}
    yield case_of("arrivals that never began", Latency(0.95), 0.2, latency=begun, dropped=50)
    few = requests(ok=[0.010] * 396, failed=[0.010] * 4)
    yield case_of("cut iterations", Latency(0.95), 0.2, latency=few, cut=4)


def _of_schedule() -> Iterator[Case]:
    """Of the window's 500 iterations 155 never began; of those of the warm-up, all did."""
    times = HEALTHY | lags(scheduled=500, started=345)
    case = case_of("load not delivered", Latency(0.95), 0.2, latency=times)
    account = Requests(asked=500, sent=345, started=100, recorded=100)
    manifest = case.run.manifest.model_copy(update={"requests": account})
    yield case._replace(run=replace(case.run, manifest=manifest, recorded=100))


def _of_counters() -> Iterator[Case]:
    h = Selector("h_seconds")
    slow = {"0.1": 100.0, "0.5": 150.0, "+Inf": 200.0}
    yield case_of("p95 of a histogram", Quantile(h, 0.95), 0.1, more=histogram(slow, mean=0.4))
    yield case_of("mean of a histogram", Mean(h), 0.1, more=histogram(slow, mean=0.4))
    errors = [
        counter("e_total", amount, {**route, "code": code}, replica)
        for replica in REPLICAS
        for route in (ROUTE_A, ROUTE_B)
        for code, amount in (("200", 90.0), ("500", 10.0))
    ]
    ratio = Ratio(Selector("e_total", {"code": "500"}), Selector("e_total"))
    yield case_of("ratio of counters", ratio, 0.01, unit=Unit.RATIO, more=errors)
    yield from _of_unborn_counters(errors)
    hits = [
        counter("g_total", amount, {"result": result}, replica)
        for replica in REPLICAS
        for result, amount in (("hit", 20.0), ("miss", 80.0))
    ]
    hit_ratio = Ratio(Selector("g_total", {"result": "hit"}), Selector("g_total"))
    yield case_of("too few hits", hit_ratio, 0.8, "min", Unit.RATIO, more=hits)
    cpu = [counter("cpu_seconds_total", 9.0, {}, replica) for replica in REPLICAS]
    yield case_of("rate of a counter", Rate(Selector("cpu_seconds_total")), 0.7, more=cpu)
    cores = [series("cores", lambda _: 1.0, instance=replica) for replica in REPLICAS]
    per_core = Rate(Selector("cpu_seconds_total"), Selector("cores"))
    yield case_of("rate per gauge", per_core, 0.7, unit=Unit.RATIO, more=[*cpu, *cores])


def _of_unborn_counters(served: list[Series]) -> Iterator[Case]:
    """A counter that is declared until its first event, and one that is never born."""
    declared = [
        series(DECLARED, lambda _: 1.0, {DECLARED_METRIC: "f_total"}, replica, TIMES[:9])
        for replica in REPLICAS
    ]
    born = [
        series("f_total", lambda t: 30.0 * t, {"kind": "timeout"}, replica, TIMES[9:])
        for replica in REPLICAS
    ]
    failed = Ratio(Selector("f_total", {"kind": "timeout"}), Selector("e_total"))
    more = [*served, *declared, *born]
    yield case_of("failures that are born in the window", failed, 0.01, unit=Unit.RATIO, more=more)
    rate = Rate(Selector("f_total"))
    yield case_of("rate that is born in the window", rate, 1.0, more=[*declared, *born])
    wrong = Ratio(Selector("e_total", {"code": "5xx"}), Selector("e_total"))
    yield case_of("a filter that can never match", wrong, 0.01, unit=Unit.RATIO, more=served)
    unknown = Ratio(Selector("f_total"), Selector("e_total"))
    yield case_of("a counter that nothing shows", unknown, 0.01, unit=Unit.RATIO, more=served)
    queries = [counter("q_total", 1000.0, {}, replica) for replica in REPLICAS]
    per_request = PerRequest(Selector("q_total"))
    yield case_of("queries per request", per_request, 3.0, unit=Unit.COUNT, more=queries)
    hanging = requests(ok=[0.010] * 300) | waits([30.0] * 100)
    few = [counter("q_total", 550.0, {}, replica) for replica in REPLICAS]
    for how, found in (("too many", queries), ("perhaps too many", few)):
        name = f"{how} queries per request that is unanswered"
        yield case_of(name, per_request, 3.0, unit=Unit.COUNT, latency=hanging, more=found)


def _of_gauges() -> Iterator[Case]:
    def wave(low: float, high: float) -> Callable[[float], float]:
        return lambda t: high if 4 <= t <= 7 else low

    used = [
        series("used", wave(5.0, 40.0), route, replica)
        for replica in REPLICAS
        for route in (ROUTE_A, ROUTE_B)
    ]
    size = [series("size", lambda _: 50.0, instance=replica) for replica in REPLICAS]
    grown = [series("used", lambda t: 10.0 + 3.0 * t, instance=replica) for replica in REPLICAS]
    s, of = Selector("used"), Selector("size")
    yield case_of("mean of a gauge", Gauge(s), 40.0, unit=Unit.COUNT, more=used)
    yield case_of("peak of a gauge", Gauge(s, "max"), 100.0, unit=Unit.COUNT, more=used)
    yield case_of("last value of a gauge", Gauge(s, "last"), 50.0, unit=Unit.COUNT, more=grown)
    yield case_of("growth of a gauge", Gauge(s, "growth"), 20.0, unit=Unit.COUNT, more=grown)
    peak = Utilization(s, of, "max")
    yield case_of("peak of a utilization", peak, 0.8, unit=Unit.RATIO, more=[*used, *size])
    mean = Utilization(s, of)
    yield case_of("mean of a utilization", mean, 0.3, unit=Unit.RATIO, more=[*used, *size])


def _of_server() -> Iterator[Case]:
    """A Prometheus server measured what the harness scraped too, or could not scrape."""
    cpu = [counter("cpu_seconds_total", 9.0, {}, replica) for replica in REPLICAS]
    used = [series("used", lambda _: 40.0, instance=replica) for replica in REPLICAS]
    rate, peak = Rate(Selector("cpu_seconds_total")), Gauge(Selector("used"), "max")
    for how, more in (("beside the harness", [*cpu, *used]), ("alone", [])):
        for case, value in (
            (case_of(f"rate by a server {how}", rate, 0.7, more=more), 1.8),
            (case_of(f"peak by a server {how}", peak, 70.0, unit=Unit.COUNT, more=more), 80.0),
        ):
            answers = {case.budget.name: _answer(value)}
            yield case._replace(run=replace(case.run, answers=answers))


def _answer(value: float) -> ServerAnswer:
    """About one series, which the server scraped each half second."""
    numbers = {
        ASKED_VALUE: value,
        ASKED_SCRAPES: 20.0,
        ASKED_RESETS: 0.0,
        f"{ASKED_FIRST} 0": START + 0.2,
        f"{ASKED_LAST} 0": END - 0.2,
        f"{ASKED_FEWEST} 0": 20.0,
        f"{ASKED_MOST} 0": 20.0,
        f"{ASKED_AGE} 0": 0.5,
        f"{ASKED_PRESENT} 0": 100.0,
    }
    parts = [({BATCH: str(number)}, value * SECONDS / BATCHES) for number in range(BATCHES)]
    one: dict[str, list[tuple[Mapping[str, str], float]]] = {
        what: [({}, number)] for what, number in numbers.items()
    }
    return ServerAnswer("http://prometheus", {**one, f"{ASKED_BATCHES} 0": parts})

"""The cost of one request: known counts over known requests give known costs."""

import pytest

from harness import names
from harness.budgets.dialects.model import MetricRole, Recognition
from harness.budgets.dialects.recognise import by_default, with_process_tree
from harness.budgets.model import Indicator, Mean, PerRequest, Selector
from harness.budgets.presets import CATALOGUE, COSTS
from harness.judge.costs import Cost, request_costs
from harness.judge.judge import judge
from harness.runs.model import Evidence, Series
from harness.units import Unit
from tests.unit.judge.evidence import (
    SECONDS,
    START,
    TIMES,
    budget,
    confidence,
    counter,
    evidence,
    measure,
    series,
    up,
)

PSUTIL = {names.PROVIDER: names.PSUTIL}
QUERIES = "db_client_operation_duration_seconds"
SENT = PerRequest(Selector(names.GENERATOR_REQUEST_BYTES), answered=True)
BYTES = PerRequest(Selector(names.GENERATOR_RESPONSE_BYTES), answered=True)


def reported(
    per_request: float, rate: float = 10.0, late: float = 0.0, source: str = "", since: float = -5.0
) -> list[Series]:
    """What a generator reports from `since` seconds after the window's start, `late` each time.

    A request has a quarter of the bytes of its response.
    """
    labels = {names.SOURCE: source} if source else {}
    times = [time + late for time in TIMES if time >= START + since]

    def requests(t: float) -> float:
        return rate * (t - late - since) + (rate if since > 0 else 0)

    return [
        series(names.GENERATOR_RECORDED, requests, labels, "", times),
        *(
            series(name, [size * requests(t - START) for t in times], labels, "", times)
            for name, size in (
                (names.GENERATOR_REQUEST_BYTES, per_request / 4),
                (names.GENERATOR_RESPONSE_BYTES, per_request),
            )
        ),
    ]


def behind(rate: float) -> list[Series]:
    """Requests that are due and not answered: half in flight, half waiting for a user."""
    half = [rate / 2 * (time - TIMES[0]) for time in TIMES]
    gauges = (names.GENERATOR_IN_FLIGHT, names.GENERATOR_BACKLOG)
    return [series(name, half, instance="") for name in gauges]


def costs_run() -> Evidence:
    """A request takes 5 ms of CPU time and has 512 bytes, and its response has 2 KiB."""
    return evidence(counter(names.SERVICE_CPU, 0.5, PSUTIL), *reported(2_048))


def of(run: Evidence) -> dict[str, Cost]:
    return {cost.name: cost for cost in request_costs(run)}


def test_costs_of_a_request_are_what_was_counted_over_the_requests() -> None:
    run = evidence(  # 100 requests
        counter(names.CPU_SECONDS, 0.5, PSUTIL),
        counter(names.SERVICE_CPU, 0.5, PSUTIL),
        counter(names.SERVICE_SWITCHES, 1_200, PSUTIL),
        counter(names.SERVICE_FAULTS, 40, PSUTIL),
        counter(f"{QUERIES}_sum", 0.2),
        counter(f"{QUERIES}_count", 300),
        counter("http_server_request_duration_seconds_count", 100),
        counter("cache_gets_total", 150, {"result": "hit"}),
        counter("cache_gets_total", 50, {"result": "miss"}),
        *reported(5_000),
    )
    found = of(run)
    assert {name: cost.value for name, cost in found.items()} == pytest.approx(
        {
            "cpu_time_per_request": 0.005,
            "queries_per_request": 3.0,
            "database_time_per_request": 0.002,
            "cache_gets_per_request": 2.0,
            "request_bytes_per_request": 1_250.0,
            "response_bytes_per_request": 5_000.0,
            "context_switches_per_request": 12.0,
            "page_faults_per_request": 0.4,
        }
    )
    assert list(found) == [name for name in COSTS if name in found]
    assert found["cpu_time_per_request"].source == "psutil"
    assert found["response_bytes_per_request"].source == "load generator"
    assert found["queries_per_request"].source == "service metrics"
    assert {cost.name: cost.unit for cost in found.values()} == {
        name: CATALOGUE[name].unit for name in found
    }


def test_costs_are_measured_as_budgets_on_the_same_presets() -> None:
    run = evidence(counter(names.SERVICE_CPU, 0.5, PSUTIL), *reported(700, rate=10.0))
    for name in ("cpu_time_per_request", "response_bytes_per_request"):
        preset = CATALOGUE[name]
        assert preset.unit is not None
        one = budget(preset.make(by_default()), 1e9, unit=preset.unit, name=name, preset=name)
        cost, interval = of(run)[name], confidence(one, run)
        assert interval is not None
        assert (cost.value, cost.lower, cost.upper) == (
            measure(one, run).value,
            interval.lower,
            interval.upper,
        )


def test_run_without_a_window_has_no_costs() -> None:
    run = evidence(counter(names.SERVICE_CPU, 0.5, PSUTIL), window=(None, None))
    assert request_costs(run) == ()


def test_cost_without_data_is_left_out() -> None:
    assert of(evidence(counter(names.SERVICE_FAULTS, 40, PSUTIL))).keys() == {
        "page_faults_per_request"
    }


def test_cpu_time_is_that_of_all_processes_of_a_started_service() -> None:
    """One of four worker processes exposes its own CPU time, the harness reads that of all."""
    one_worker = counter(names.CPU_SECONDS, 0.125)
    tree = counter(names.SERVICE_CPU, 0.5, PSUTIL)
    remote = by_default()
    started = with_process_tree(remote)
    tree_cpu = MetricRole.TREE_CPU
    elsewhere = Recognition({r: one for r, one in remote.played.items() if r is not tree_cpu})

    def cpu(run: Evidence, found: Recognition) -> float:
        target = run.manifest.target | {names.ROLES: found.as_json()}
        known = run.manifest.model_copy(update={"target": target})
        return of(Evidence(known, run.latency, run.series, (), run.batches))[
            "cpu_time_per_request"
        ].value

    assert cpu(evidence(one_worker, tree), started) == pytest.approx(0.005)
    assert cpu(evidence(one_worker), elsewhere) == pytest.approx(0.00125)


def test_cost_is_that_of_an_answered_request_while_the_service_falls_behind() -> None:
    """It answers 4 requests a second of 10 that are due, and takes 5 ms of CPU time for each."""
    run = evidence(counter(names.SERVICE_CPU, 0.2, PSUTIL), *reported(5_000, 4.0), *behind(6.0))
    found = of(run)
    cpu = found["cpu_time_per_request"]
    assert cpu.value == pytest.approx(0.005)
    assert (cpu.lower or 0.0) < 0.005 < (cpu.upper or 0.0)
    assert found["response_bytes_per_request"].value == pytest.approx(5_000)
    due = budget(PerRequest(Selector(names.SERVICE_CPU)), 1.0)
    assert measure(due, run).value == pytest.approx(0.002)


@pytest.mark.parametrize("late", [0.0, -0.4, 0.4])
def test_divisor_does_not_depend_on_when_the_generator_reports(late: float) -> None:
    """In a comparison the window begins between two reports, in a pause of the load."""
    # In flight within the load, before the window and in it; none in the pauses at its edges.
    load = [(START - 5, START - 0.1), (START + 2, START + 4), (START + 9, START + SECONDS - 0.1)]
    times = [time + late for time in TIMES]
    counts = [7.0 if late and any(a < t < b for a, b in load) else 0.0 for t in times]
    waiting = series(names.GENERATOR_IN_FLIGHT, counts, {}, "", times)
    run = evidence(counter(names.SERVICE_CPU, 0.5, PSUTIL), waiting, *reported(1.0, late=late))
    assert of(run)["cpu_time_per_request"].value == pytest.approx(0.005)


def test_cost_without_an_answer_between_the_edges_has_no_data() -> None:
    run = evidence(counter(names.SERVICE_CPU, 0.2, PSUTIL), *reported(5_000, 0.0), *behind(10.0))
    one = budget(BYTES, 5_000, unit=Unit.BYTES)
    assert "no request was answered in the window" in measure(one, run).reason
    assert request_costs(run) == ()


@pytest.mark.parametrize("late", [0.0, 0.02, -0.3, 0.4])
def test_response_bytes_are_those_of_the_requests_of_the_same_reports(late: float) -> None:
    run = evidence(*reported(4_321, late=late))
    found = measure(budget(BYTES, 5_000, unit=Unit.BYTES), run)
    assert found.value == pytest.approx(4_321)
    interval = confidence(budget(BYTES, 5_000, unit=Unit.BYTES), run)
    assert interval is not None
    assert (interval.lower, interval.upper) == pytest.approx((4_321, 4_321))


def test_response_bytes_of_several_generators_are_added_up() -> None:
    """Each reports at moments of its own."""
    run = evidence(
        *reported(1_000, rate=5.0, late=0.1, source="worker-1"),
        *reported(4_000, rate=10.0, late=0.4, source="worker-2"),
    )
    found = measure(budget(BYTES, 5_000, unit=Unit.BYTES), run)
    assert found.value == pytest.approx((5 * 1_000 + 10 * 4_000) / 15)


@pytest.mark.parametrize("until", [START - 1, START + 4, START + SECONDS - 1])
@pytest.mark.parametrize("source", ["", "worker-2"])
def test_request_bytes_that_are_not_known_to_the_end_are_no_value(
    until: float, source: str
) -> None:
    """A generator stops to report them when it records a request of an unknown client."""
    whole = reported(1_000, source="worker-1") if source else []
    cut = [
        one
        if one.name != names.GENERATOR_REQUEST_BYTES
        else series(one.name, one.values[:count], one.labels, "", one.times[:count])
        for one in reported(4_000, source=source)
        for count in [sum(time <= until for time in one.times)]
    ]
    run = evidence(*whole, *cut)
    found = measure(budget(SENT, 5_000, unit=Unit.BYTES), run)
    assert found.value is None
    assert "a request of another client than HttpUser, FastHttpUser and FastUser" in found.reason
    assert measure(budget(BYTES, 5_000, unit=Unit.BYTES), run).value is not None
    judged = judge((budget(SENT, 5_000, unit=Unit.BYTES),), run)
    assert judged.outcome == "inconclusive"


def test_request_bytes_that_one_generator_does_not_know_are_no_value() -> None:
    other = reported(4_000, source="worker-2")
    known = [one for one in other if one.name != names.GENERATOR_REQUEST_BYTES]
    run = evidence(*reported(1_000, source="worker-1"), *known)
    assert measure(budget(SENT, 5_000, unit=Unit.BYTES), run).value is None
    assert "request_bytes_per_request" not in of(run)


def test_response_bytes_of_a_load_without_warm_up_count_from_zero() -> None:
    """The first report comes a second after the start of the load, which is the window's."""
    run = evidence(*reported(3_000, since=1.0))
    found = measure(budget(BYTES, 5_000, unit=Unit.BYTES), run)
    assert found.value == pytest.approx(3_000)
    assert found.samples == 100


@pytest.mark.parametrize(
    ("indicator", "unit", "why"),
    [
        pytest.param(
            BYTES, Unit.BYTES, "an older version of the harness made this run", id="bytes"
        ),
        pytest.param(
            SENT, Unit.BYTES, "or a request of another client than HttpUser", id="sent bytes"
        ),
        pytest.param(
            PerRequest(Selector(names.SERVICE_SWITCHES)),
            Unit.COUNT,
            "the harness reads it of a service that it starts (`target.command`)",
            id="switches",
        ),
    ],
)
def test_cost_that_was_not_read_says_why(indicator: Indicator, unit: Unit, why: str) -> None:
    one = budget(indicator, 10.0, unit=unit)
    run = evidence()
    assert why in measure(one, run).reason
    assert judge((one,), run).outcome == "inconclusive"


def test_failing_metrics_endpoint_takes_no_verdict_on_response_bytes() -> None:
    one = budget(BYTES, 5_000, unit=Unit.BYTES)
    scraped = budget(Mean(Selector(QUERIES)), 1.0, name="scraped")
    queries = (counter(f"{QUERIES}_sum", 0.2), counter(f"{QUERIES}_count", 300))
    run = evidence(*queries, *reported(4_000), ups=(up(failed=range(1, 9)),))
    found = judge((one, scraped), run)
    assert {guard.scope for guard in found.guards if guard.outcome == "tripped"} == {"server"}
    assert [verdict.outcome for verdict in found.verdicts] == ["pass", "inconclusive"]

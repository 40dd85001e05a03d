"""Indicators from the service's metrics, with values made by hand, and every reason for none."""

import math
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import names
from harness.budgets.model import (
    Direction,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Over,
    Rate,
    Ratio,
    Selector,
    Utilization,
)
from harness.judge.judge import judge
from harness.judge.model import Measurement
from harness.report.parts.words import measured_text
from harness.runs.model import Evidence, Series
from harness.units import Unit
from tests.unit.judge.evidence import (
    APP,
    OTHER,
    START,
    TIMES,
    URL,
    budget,
    counter,
    evidence,
    measure,
    requests,
    series,
    up,
)

BOTH = [up(), up(OTHER)]
GETS = "cache_gets_total"
HIT, MISS = {"result": "hit"}, {"result": "miss"}


def measured(
    indicator: Indicator, run: Evidence, direction: Direction = "max", bound: float = 1.0
) -> Measurement:
    return measure(budget(indicator, bound, direction, Unit.COUNT), run)


@pytest.mark.parametrize(
    ("indicator", "found", "value", "samples"),
    [
        pytest.param(
            Mean(Selector("d")),
            [counter("d_sum", 3.0), counter("d_count", 12)],
            0.25,
            12,
            id="a mean is the sum over the count of the window only",
        ),
        pytest.param(
            Mean(Selector("d", {"db": "x"})),
            [
                *(counter("d_sum", 3.0, {"db": "x", "op": op}) for op in "ab"),
                *(counter("d_count", 6, {"db": "x", "op": op}) for op in "ab"),
                counter("d_sum", 99.0, {"db": "y"}),
                counter("d_count", 1, {"db": "y"}),
            ],
            0.5,
            12,
            id="a mean of labels adds their sums and counts",
        ),
        pytest.param(
            Ratio(Selector(GETS, HIT), Selector(GETS)),
            [counter(GETS, 75, HIT), counter(GETS, 25, MISS)],
            0.75,
            100,
            id="a ratio of a part to the whole",
        ),
        pytest.param(
            Ratio(Selector(GETS, HIT), Selector(GETS)),
            [counter(GETS, 0, HIT), counter(GETS, 25, MISS)],
            0.0,
            25,
            id="a part that is there and did not move is 0",
        ),
        pytest.param(
            Rate(Selector("cpu")), [counter("cpu", 5.0)], 0.5, 11, id="a rate is per second"
        ),
        pytest.param(
            Rate(Selector("cpu")), [counter("cpu", 0.0)], 0.0, 11, id="no event is a rate of 0"
        ),
        pytest.param(
            Rate(Selector("cpu"), Selector("cores")),
            [counter("cpu", 5.0), series("cores", lambda _: 4.0)],
            0.125,
            11,
            id="a rate over the mean of a gauge",
        ),
        pytest.param(
            Rate(Selector("cpu"), Selector("cores")),
            [counter("cpu", 5.0), series("cores", lambda _: 0.5)],
            1.0,
            11,
            id="a rate over a gauge under 1",
        ),
        pytest.param(
            Mean(Selector("d")),
            [counter("d_sum", 3.0), counter("d_count", 1)],
            3.0,
            1,
            id="a mean of one observation",
        ),
        pytest.param(
            Rate(Selector("cpu"), Selector("cores")),
            [
                counter("cpu", 5.0),
                counter("cpu", 10.0, instance=OTHER),
                series("cores", lambda _: 1.0),
                series("cores", lambda _: 2.0, instance=OTHER),
            ],
            0.5,
            11,
            id="a rate of several instances over all that they have",
        ),
    ],
)
def test_measure_of_counters_has_the_value(
    indicator: Indicator, found: list[Series], value: float, samples: int
) -> None:
    result = measured(indicator, evidence(*found, ups=BOTH))
    assert result.value == pytest.approx(value, rel=1e-12)
    assert (result.samples, result.source, result.reason) == (samples, "service metrics", "")


@pytest.mark.parametrize(
    ("over", "value"), [("mean", 5.0), ("max", 10.0), ("last", 10.0), ("growth", 10.0)]
)
def test_measure_of_a_gauge_looks_only_at_the_window(over: Over, value: float) -> None:
    result = measured(Gauge(Selector("g"), over), evidence(series("g", lambda t: t)))
    assert (result.value, result.samples) == (value, 11)


def test_measure_of_a_gauge_without_a_scrape_at_the_edges_has_what_lies_between() -> None:
    run = evidence(series("g", lambda t: t, times=TIMES[8:12]), ups=[up(times=TIMES[8:12])])
    result = measured(Gauge(Selector("g"), "max"), run)
    assert (result.value, result.samples) == (6.0, 4)


def test_measure_of_a_gauge_counts_the_scrape_that_is_stamped_just_after_the_edge() -> None:
    times = [t + 0.15 for t in TIMES]
    run = evidence(series("g", lambda t: t, times=times), ups=[up(times=times)])
    assert measured(Gauge(Selector("g"), "growth"), run).value == pytest.approx(10.0)


def test_measure_of_replicas_that_were_never_read_together_is_no_data() -> None:
    run = evidence(
        series("g", lambda _: 1.0, times=TIMES[5:7]),
        series("g", lambda _: 1.0, instance=OTHER, times=TIMES[12:14]),
        ups=BOTH,
    )
    assert "never read together" in measured(Gauge(Selector("g")), run).reason


def test_measure_of_a_value_that_is_not_finite_is_no_data() -> None:
    run = evidence(latency=requests(ok=[0.1, math.inf]))
    result = measured(Latency(1.0), run)
    assert (result.value, result.meets, result.reason) == (None, None, "the value is inf")


def test_measure_of_a_gauge_adds_series_at_each_scrape() -> None:
    # The maximum of the sum (7), not the sum of the maxima (5 + 5).
    found = [
        series("g", lambda t: 5.0 if t == 3 else 2.0, {"pool": "a"}),
        series("g", lambda t: 5.0 if t == 8 else 2.0, {"pool": "b"}),
    ]
    assert measured(Gauge(Selector("g"), "max"), evidence(*found)).value == 7.0


def test_measure_of_a_gauge_adds_replicas_that_are_scraped_at_other_moments() -> None:
    late = [t + 0.25 for t in TIMES]
    run = evidence(
        series("g", lambda t: t),
        series("g", lambda _: 100.0, instance=OTHER, times=late),
        ups=[up(), up(OTHER, times=late)],
    )
    growth = measured(Gauge(Selector("g"), "growth"), run)
    assert growth.value == 10.0
    assert measured(Gauge(Selector("g"), "last"), run).value == 110.0


def test_measure_of_a_gauge_leaves_out_moments_when_a_replica_was_silent() -> None:
    # Read without the other replica, the sum would fall to 1 and the mean with it.
    there = [t for t in TIMES if not START + 3 <= t <= START + 7]
    run = evidence(
        series("g", lambda _: 1.0),
        series("g", lambda _: 1.0, instance=OTHER, times=there),
        ups=BOTH,
    )
    result = measured(Gauge(Selector("g")), run)
    assert result.value == 2.0
    assert result.samples == 8  # 0 to 4, of which 3 and 4 with a reading not over 2 s old, 8 to 10


@pytest.mark.parametrize(
    ("over", "value"), [("mean", 0.3), ("max", 0.9), ("last", 0.2), ("growth", -0.0)]
)
def test_measure_of_utilization_divides_sample_by_sample(over: Over, value: float) -> None:
    used = [
        series("used", lambda t: 8.0 if t in {4, 6} else 1.0, {"pool": "a"}),
        series("used", lambda t: 5.0 if t == 7 else 1.0, {"pool": "b"}),
    ]
    limit = series("limit", lambda t: 20.0 if t == 7 else 10.0)
    result = measured(
        Utilization(Selector("used"), Selector("limit"), over), evidence(*used, limit)
    )
    expected = {"mean": (8 * 0.2 + 0.9 * 2 + 6 / 20) / 11}.get(over, value)
    assert result.value == pytest.approx(expected)
    assert result.samples == 11


@pytest.mark.parametrize(("direction", "value"), [("max", 0.9), ("min", 0.5)])
def test_measure_of_utilization_takes_the_worst_replica(direction: Direction, value: float) -> None:
    run = evidence(
        series("used", lambda _: 5.0),
        series("used", lambda _: 9.0, instance=OTHER),
        *(series("limit", lambda _: 10.0, instance=i) for i in (APP, OTHER)),
        ups=BOTH,
    )
    result = measured(Utilization(Selector("used"), Selector("limit")), run, direction)
    assert result.value == value
    assert "is the worst of 2 instances" in result.reason


def test_measure_of_utilization_joins_a_limit_that_psutil_read_beside_the_scrape() -> None:
    beside = [t + 0.02 for t in TIMES]
    limit = series(names.MEMORY_LIMIT, lambda _: 8.0, {"provider": "psutil"}, times=beside)
    run = evidence(series("used", lambda _: 2.0), limit)
    result = measured(Utilization(Selector("used"), Selector(names.MEMORY_LIMIT)), run)
    assert (result.value, result.samples) == (0.25, 11)


def test_measure_of_utilization_joins_a_limit_that_psutil_read_to_metrics_at_another_port() -> None:
    limit = series(names.MEMORY_LIMIT, lambda _: 8.0, {"provider": "psutil"})
    at_other = [series("used", lambda _: 2.0, instance=OTHER), up(OTHER)]
    used = Utilization(Selector("used"), Selector(names.MEMORY_LIMIT))
    result = measured(used, evidence(limit, *at_other, ups=[]))
    assert (result.value, result.samples) == (0.25, 11)
    exposed = series(names.MEMORY_LIMIT, lambda _: 8.0)
    alone = measured(used, evidence(exposed, *at_other))
    assert alone.value is None  # the limit of another endpoint may be that of another process


def test_measure_of_utilization_may_have_a_limit_under_1() -> None:
    run = evidence(series("used", lambda _: 0.2), series("limit", lambda _: 0.5))
    assert measured(Utilization(Selector("used"), Selector("limit")), run).value == 0.4


def test_measure_of_utilization_takes_no_limit_of_another_scrape() -> None:
    limit = series("limit", lambda _: 8.0, times=TIMES[8:9])
    run = evidence(series("used", lambda _: 2.0), limit)
    assert measured(Utilization(Selector("used"), Selector("limit")), run).samples == 1


def test_measure_names_psutil_as_the_source_of_what_it_read() -> None:
    memory = series(names.MEMORY_BYTES, lambda _: 2.0, {"provider": "psutil"})
    result = measured(Gauge(Selector(names.MEMORY_BYTES)), evidence(memory, metrics=(), ups=[]))
    assert (result.value, result.source) == (2.0, "psutil")


ALL_DOWN = range(-5, 12)


@pytest.mark.parametrize(
    ("indicator", "run", "message"),
    [
        pytest.param(
            Gauge(Selector("g")),
            evidence(metrics=(), ups=[]),
            "no metrics endpoint is configured",
            id="no endpoint",
        ),
        pytest.param(
            Gauge(Selector("g")),
            evidence(ups=[up(failed=ALL_DOWN)]),
            f"every scrape of {URL} failed",
            id="an endpoint that never answered",
        ),
        pytest.param(
            Mean(Selector("d")),
            evidence(counter("other_count", 3)),
            "the service never exposed d_count; see what its metrics endpoint lists",
            id="a metric that was never exposed",
        ),
        pytest.param(
            Rate(Selector("shop_checkout_seconds_count")),
            evidence(counter("http_request_duration_seconds_count", 3)),
            "never exposed shop_checkout_seconds_count; see what its metrics endpoint lists",
            id="another metric of the same form is not suggested",
        ),
        pytest.param(
            Gauge(Selector("proces_cpu_seconds")),
            evidence(counter("process_cpu_seconds_total", 3)),
            "did you mean process_cpu_seconds_total?",
            id="a misspelt metric",
        ),
        pytest.param(
            Ratio(Selector(GETS, {"result": "hits"}), Selector(GETS)),
            evidence(counter(GETS, 3, HIT), counter(GETS, 3, MISS)),
            'has result="hits"; seen: hit, miss',
            id="a label value that is not there",
        ),
        pytest.param(
            Ratio(Selector(GETS, {"outcome": "hit"}), Selector(GETS)),
            evidence(counter(GETS, 3, HIT)),
            "has a label outcome; its labels are instance, result",
            id="a label that is not there",
        ),
        pytest.param(
            Gauge(Selector("g", {"a": "1", "b": "1"})),
            evidence(
                series("g", lambda _: 1.0, {"a": "1", "b": "2"}),
                series("g", lambda _: 1.0, {"a": "2", "b": "1"}),
            ),
            'no series matches all labels of g{a="1", b="1"}',
            id="labels that are there, but not together",
        ),
        pytest.param(
            Mean(Selector("d")),
            evidence(counter("d_sum", 0), counter("d_count", 0)),
            "d_count did not move in the window",
            id="a series that did not move",
        ),
        pytest.param(
            Ratio(Selector("a"), Selector("b")),
            evidence(counter("a", 3), counter("b", 0)),
            "b did not move",
            id="nothing to divide by",
        ),
        pytest.param(
            Rate(Selector("cpu"), Selector("cores")),
            evidence(counter("cpu", 1), series("cores", lambda _: 0.0)),
            "cores is 0",
            id="a gauge of 0 to divide by",
        ),
        pytest.param(
            Gauge(Selector("g")),
            evidence(series("g", lambda t: math.nan if t == 4 else 1.0)),
            "g was nan",
            id="a gauge with NaN",
        ),
        pytest.param(
            Utilization(Selector("used"), Selector("limit")),
            evidence(series("used", lambda _: 1.0), series("limit", lambda _: math.inf)),
            "limit was inf",
            id="a limit without end",
        ),
        pytest.param(
            Utilization(Selector("used"), Selector("limit")),
            evidence(series("used", lambda _: 1.0), series("limit", lambda _: -1.0)),
            "limit was -1",
            id="a limit that is none",
        ),
        pytest.param(
            Utilization(Selector("used"), Selector("limit")),
            evidence(series("used", lambda _: 1.0), series("limit", lambda _: 0.0)),
            "limit was 0: there is no limit to compare with; set one in the service",
            id="a limit of 0",
        ),
        pytest.param(
            Utilization(Selector("used"), Selector("limit")),
            evidence(series("used", lambda _: 1.0), series("limit", lambda _: 2.0, instance=OTHER)),
            f"limit was never read beside used of {APP}; let the same endpoint expose both",
            id="a limit of another instance",
        ),
        pytest.param(
            Gauge(Selector("g")),
            evidence(series("g", [1.0], times=[START - 5])),
            "g was not read within the window",
            id="a gauge that was only there before",
        ),
        pytest.param(
            Rate(Selector("cpu")),
            evidence(counter("cpu", 1), window=(None, None)),
            "before its window was complete",
            id="a run without a window",
        ),
    ],
)
def test_measure_without_data_says_why(indicator: Indicator, run: Evidence, message: str) -> None:
    result = measured(indicator, run)
    assert (result.value, result.samples) == (None, 0)
    assert message in result.reason


def test_measure_reads_an_absent_label_as_an_empty_one() -> None:
    found = [counter("c", 30, {"error": ""}), counter("c", 10, {"error": "500"}), counter("c", 5)]
    indicator = Ratio(Selector("c", {"error": ""}), Selector("c"))
    assert measured(indicator, evidence(*found)).value == pytest.approx(35 / 45)


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 1000)), min_size=1, max_size=5),
    st.integers(-20, 20),
)
def test_measure_of_a_ratio_scales_with_the_unit_of_its_numerator(
    parts: list[tuple[int, int]], power: int
) -> None:
    def ratio(factor: float) -> float:
        found = [
            one
            for i, (of, to) in enumerate(parts)
            for one in (
                counter("of", of * factor, {"i": str(i)}, before=0),
                counter("to", to, {"i": str(i)}, before=0),
            )
        ]
        value = measured(Ratio(Selector("of"), Selector("to")), evidence(*found)).value
        assert value is not None
        return value

    assert ratio(1.0) == pytest.approx(sum(a for a, _ in parts) / sum(b for _, b in parts))
    assert ratio(2.0**power) == pytest.approx(ratio(1.0) * 2.0**power)


@pytest.mark.parametrize(
    ("cores", "whole"), [(1.0, "1 core"), (2.0, "2 cores"), (0.5, "0.5 cores")]
)
def test_use_of_the_cpus_says_of_how_many(cores: float, whole: str) -> None:
    cpu = Rate(Selector(names.CPU_SECONDS), Selector(names.CPU_COUNT))
    run = evidence(counter(names.CPU_SECONDS, 5.0), series(names.CPU_COUNT, lambda _: cores))
    one = budget(cpu, 0.01, unit=Unit.RATIO)
    assert measure(one, run).whole == whole
    (verdict,) = judge((one,), run).verdicts
    assert f"is {50 / cores:g}% of {whole}, " in verdict.reason
    assert measured_text(verdict) == f"{50 / cores:g}% of {whole}"


@pytest.mark.parametrize(
    ("metric", "unit", "whole"),
    [
        ("process_cpu_seconds_total", Unit.RATIO, "1 core"),
        ("process_cpu_seconds_total", Unit.PER_SECOND, ""),
        ("shop_collection_seconds_total", Unit.RATIO, ""),
    ],
)
def test_cpu_time_per_second_is_a_share_of_one_core(metric: str, unit: Unit, whole: str) -> None:
    one = budget(Rate(Selector(metric)), 0.7, unit=unit)
    run = evidence(counter(metric, 13.0))
    assert measure(one, run).whole == whole
    (verdict,) = judge((one,), run).verdicts
    assert ("is 130% of 1 core, " in verdict.reason) is bool(whole)


# --- exporters ------------------------------------------------------------------------------------

RUNTIME = [f"go_{number}" for number in range(30)]


def beside_an_exporter(*found: Series, scrapes: Iterable[Series] = BOTH) -> Evidence:
    """A run of a service at APP and of an exporter at OTHER, both of them in one language."""
    shared = [series(name, lambda _: 1.0, None, at) for name in RUNTIME for at in (APP, OTHER)]
    run = evidence(*found, *shared, ups=scrapes, metrics=(URL, URL.replace("8000", "8001")))
    facts = {**run.manifest.target, "exporters": [OTHER]}
    return replace(run, manifest=run.manifest.model_copy(update={"target": facts}))


@pytest.mark.parametrize(
    "own",
    [{}, {names.PROVIDER: names.PSUTIL}],
    ids=["the service exposes it", "the harness reads it"],
)
def test_cpu_time_of_an_exporter_is_not_that_of_the_service(own: dict[str, str]) -> None:
    cpu = Selector(names.CPU_SECONDS)
    both = counter(names.CPU_SECONDS, 8.0, own), counter(names.CPU_SECONDS, 1.0, None, OTHER)
    run = beside_an_exporter(*both)
    assert measured(Rate(cpu), run).value == pytest.approx(0.8)
    named = Rate(Selector(names.CPU_SECONDS, {names.INSTANCE: OTHER}))
    assert measured(named, run).value == pytest.approx(0.1)
    alone = measured(Rate(cpu), beside_an_exporter(both[1]))
    assert alone.value is None
    assert f"only exporters expose {names.CPU_SECONDS}, of their own process ({OTHER})" in (
        alone.reason
    )


def test_exporter_is_no_replica_although_its_runtime_exposes_the_same() -> None:
    at_service = budget(Rate(Selector("served_total")), 5.0, unit=Unit.PER_SECOND)
    at_exporter = budget(Gauge(Selector("pg_connections"), "max"), 5.0, unit=Unit.COUNT)
    run = beside_an_exporter(
        counter("served_total", 30.0), series("pg_connections", lambda _: 3.0, instance=OTHER)
    )
    for one in (at_service, at_exporter):
        (verdict,) = judge((one,), run).verdicts
        assert verdict.outcome == "pass", verdict.reason


def test_exporter_that_restarts_is_no_restart_of_the_service() -> None:
    started = series(names.START_TIME, lambda t: 900.0 + (t > 5), None, OTHER)
    (verdict,) = judge((budget(Latency(0.95), 1.0),), beside_an_exporter(started)).verdicts
    assert verdict.outcome == "pass", verdict.reason


@pytest.mark.parametrize("failed", [range(-5, 12), range(3, 9)], ids=["always", "in between"])
def test_exporter_that_is_down_doubts_only_budgets_that_may_read_it(failed: range) -> None:
    scrapes = up(), up(OTHER, failed=failed)
    at_service = budget(Rate(Selector("served_total")), 5.0, unit=Unit.PER_SECOND)
    at_exporter = budget(Gauge(Selector("pg_connections"), "max"), 5.0, unit=Unit.COUNT)
    of_nobody = budget(Rate(Selector("lost_total")), 5.0, unit=Unit.PER_SECOND, on_no_data="ignore")
    shown = counter("served_total", 30.0), series("pg_connections", lambda _: 3.0, instance=OTHER)
    run = beside_an_exporter(*shown, scrapes=scrapes)
    outcomes = [
        judge((one,), run).verdicts[0].outcome for one in (at_service, at_exporter, of_nobody)
    ]
    assert outcomes == ["pass", "inconclusive", "inconclusive"]

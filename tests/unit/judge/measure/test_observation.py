"""What an observation says of its data: which series and instances, and how much of the window."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.budgets.model import (
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
    selectors,
)
from harness.judge.measure.observation import (
    Coverage,
    NothingObserved,
    ObservedAnswer,
    ObservedExact,
    ObservedFailures,
    ObservedHistogram,
    ObservedRate,
    ObservedRatio,
    ObservedThroughput,
    ObservedTimes,
    ObservedUtilization,
)
from harness.judge.measure.observe import observe
from harness.names import ASKED_SCRAPES, ASKED_VALUE, INSTANCE
from harness.runs.model import Distribution, Evidence, LatencyKey, ServerAnswer, Worker
from tests.unit.judge.evidence import (
    APP,
    OTHER,
    buckets,
    budget,
    counter,
    distribution,
    evidence,
    requests,
    series,
    up,
)

C = Selector("c_total")
KINDS: list[tuple[Indicator, type]] = [
    (Latency(), ObservedTimes),
    (ErrorRatio(), ObservedFailures),
    (Throughput(), ObservedThroughput),
    (Quantile(Selector("h"), 0.95), ObservedHistogram),
    (Mean(Selector("h")), ObservedRatio),
    (Ratio(C, C), ObservedRatio),
    (Rate(C), ObservedRate),
    (Gauge(Selector("g")), ObservedExact),
    (Utilization(Selector("g"), Selector("g")), ObservedUtilization),
    (Promql("up"), NothingObserved),
]
RUN = evidence(
    counter("c_total", 50),
    counter("h_sum", 5),
    counter("h_count", 10),
    *buckets("h", {"1": 10, "+Inf": 10}),
    series("g", lambda _: 2.0),
)


def coverage(indicator: Indicator, run: Evidence) -> Coverage:
    return observe(budget(indicator, 1.0), run).coverage


@pytest.mark.parametrize(("indicator", "kind"), KINDS, ids=lambda one: type(one).__name__)
def test_each_kind_of_indicator_has_its_kind_of_observation(
    indicator: Indicator, kind: type
) -> None:
    observed = observe(budget(indicator, 1.0), RUN)
    assert isinstance(observed, kind)
    assert observed.indicator == indicator


@pytest.mark.parametrize("indicator", [one for one, _ in KINDS if selectors(one)], ids=str)
def test_series_read_at_every_scrape_cover_the_whole_window(indicator: Indicator) -> None:
    found = coverage(indicator, RUN)
    assert found.instances == (APP,)
    assert (found.share, found.start, found.end) == (1.0, True, True)
    assert found.resets == {}


def test_coverage_names_every_series_and_instance() -> None:
    run = evidence(
        counter("c_total", 50, {"route": "/a"}),
        counter("c_total", 50, {"route": "/b"}, instance=OTHER),
        ups=[up(), up(OTHER)],
    )
    found = coverage(Rate(C), run)
    assert found.series == (
        f'c_total{{instance="{APP}",route="/a"}}',
        f'c_total{{instance="{OTHER}",route="/b"}}',
    )
    assert found.instances == (APP, OTHER)


@pytest.mark.parametrize(
    ("failed", "share", "start", "end"),
    [
        pytest.param((), 1.0, True, True, id="every scrape succeeded"),
        pytest.param(range(2, 8), 0.5, True, True, id="scrapes within failed"),
        pytest.param(range(-5, 3), 0.8, False, True, id="scrapes at the start failed"),
        pytest.param(range(8, 12), 0.8, True, False, id="scrapes at the end failed"),
        pytest.param(range(-5, 12), 0.0, False, False, id="every scrape failed"),
    ],
)
def test_share_and_edges_are_those_of_the_worst_instance(
    failed: range, share: float, start: bool, end: bool
) -> None:
    run = evidence(
        series("g", lambda _: 1.0),
        series("g", lambda _: 1.0, instance=OTHER),
        ups=[up(), up(OTHER, failed=failed)],
    )
    found = coverage(Gauge(Selector("g")), run)
    assert found.share == pytest.approx(share)
    assert (found.start, found.end) == (start, end)


def test_coverage_counts_resets_although_there_is_no_value() -> None:
    fell = series("c_total", lambda t: 100.0 + t - (50.0 if t > 5 else 0.0))
    run = evidence(fell)
    assert coverage(Rate(C), run).resets == {"c_total": 1}
    observed = observe(budget(Ratio(Selector("gone_total"), C), 1.0), run)
    assert isinstance(observed, NothingObserved)
    assert observed.coverage.resets == {"c_total": 1}


def test_a_histogram_is_covered_by_its_buckets() -> None:
    found = coverage(Quantile(Selector("h"), 0.95), RUN)
    assert found.series == tuple(
        f'h_bucket{{instance="{APP}",le="{edge}"}}' for edge in ("+Inf", "1")
    )


def test_latency_is_covered_by_the_batches_that_have_requests() -> None:
    key = LatencyKey("latency", "ok", "GET", "/contacts")
    batches = {key: {1: distribution([0.01] * 5), 4: distribution([0.02])}}
    whole = {key: distribution([0.01] * 5 + [0.02])}
    run = replace(evidence(latency=whole, workers=(Worker(name="worker-1"),)), batches=batches)
    found = coverage(Latency(), run)
    assert found == Coverage(("GET /contacts",), ("worker-1",), 0.4, start=False, end=True)


def test_latency_of_a_request_that_nobody_made_is_not_covered() -> None:
    observed = observe(budget(Latency(request="GET /gone"), 1.0), evidence())
    assert isinstance(observed, NothingObserved)
    assert observed.coverage == Coverage(share=0.0, start=False, end=False)


def test_times_are_of_the_selected_requests_in_all_and_by_batch() -> None:
    latency = requests("GET /a", ok=[0.1] * 5, failed=[0.9]) | requests("GET /b", ok=[0.2] * 5)
    observed = observe(budget(Latency(request="GET /a"), 1.0), evidence(latency=latency))
    assert isinstance(observed, ObservedTimes)
    assert observed.times == Distribution((0.1,), (5,))
    assert Distribution.merge(observed.batches) == observed.times
    assert (observed.count.ok, observed.count.failed, observed.by_request) == (5, 1, {})


def test_an_answer_of_a_server_says_its_series_and_keeps_the_own_observation() -> None:
    answer = ServerAnswer(
        "http://prometheus",
        {ASKED_VALUE: [({INSTANCE: APP}, 5.0)], ASKED_SCRAPES: [({}, 3.0)]},
    )
    run = replace(RUN, answers={"the-budget": answer})
    observed = observe(budget(Rate(C), 1.0), run)
    assert isinstance(observed, ObservedAnswer)
    assert (observed.found, observed.scrapes) == (5.0, 3)
    assert isinstance(observed.own, ObservedRate)
    assert observed.coverage == Coverage((f'{{instance="{APP}"}}',), (APP,))

"""What the judge measures and what a real Prometheus says of the same samples.

Both agree where they are defined the same way: for what grows steadily, read at both edges of the
window. Where they differ, the test says by how much, and why the judge's number is the right one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from harness.budgets.model import (
    Budget,
    Gauge,
    Indicator,
    Mean,
    Over,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Utilization,
)
from harness.judge.decide import judge
from harness.judge.measure import measure
from harness.observe.prometheus import PrometheusServer
from harness.questions import answered, ask_all
from harness.runs.model import Answer, Evidence, Series
from harness.runs.openmetrics import Points, document, series_text
from harness.units import Unit
from tests.prometheus import prometheus_server
from tests.unit.judge.evidence import (
    OTHER,
    SECONDS,
    START,
    budget,
    evidence,
    series,
)

pytestmark = pytest.mark.needs_prometheus


def steady(name: str, per_second: float, labels: dict[str, str] | None = None) -> Series:
    """A counter that grows all the time, not only in the window."""
    return series(name, lambda t: 100 + per_second * (t + 5), labels)


def wave(t: float) -> float:
    """A level whose mean is the same with and without the reading at the window's start."""
    return 50 + {3: 30, 7: -24, 10: -6}.get(int(t), 0)


AGREED = (
    *(steady("h_seconds_bucket", n, {"le": le}) for le, n in (("0.1", 60), ("0.2", 90))),
    *(steady("h_seconds_bucket", n, {"le": le}) for le, n in (("0.5", 99), ("+Inf", 100))),
    steady("h_seconds_sum", 13.0),
    steady("h_seconds_count", 100),
    steady("hits_total", 70, {"result": "hit"}),
    steady("hits_total", 30, {"result": "miss"}),
    series("hits_total", lambda t: 5 * (t + 5), {"result": "hit"}, OTHER),
    series("level", wave),
    series("cores", lambda _: 4.0),
    series("used", wave),
    series("used", lambda t: 15 + {3: -4, 10: 4}.get(int(t), 0), instance=OTHER),
    series("most", lambda _: 80.0),
    series("most", lambda _: 20.0, instance=OTHER),
)
# The same service after a burst, an end of the process and a first error; scraped less often.
COARSE = [START + second for second in (-3, 1, 5, 9, 13)]
BURST = series("burst_total", lambda t: 50 + 10 * max(0.0, min(t, 10) - 8))
RESET = series("reset_total", lambda t: 400 + 10 * t if t < 5 else 10 * (t - 5))
BORN = series("born_total", [3.0] * 6, times=[START + second for second in range(5, 11)])


def as_points(found: Series, times: Sequence[float] | None = None) -> Points:
    points = Points()
    for time, value in zip(found.times, found.values, strict=True):
        if times is None or time in times:
            points.times.append(time)
            points.values.append(value)
    return points


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """It read all that the harness did, and with `coarse="yes"` what differs by rare scrapes."""
    folder = tmp_path_factory.mktemp("oracle")
    stored = {series_text(one.name, one.labels): as_points(one) for one in (*AGREED, RESET, BORN)}
    labels = {**BURST.labels, "coarse": "yes"}
    stored[series_text(BURST.name, labels)] = as_points(BURST, COARSE)
    stored[series_text("lone_total", {"instance": OTHER})] = as_points(BURST, [START + 9])
    stored[series_text("gone", {"instance": OTHER})] = as_points(BURST, [START - 3])
    (folder / "run.om").write_text("".join(document({}, stored)))
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "run.om", "data"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    with prometheus_server(folder / "data", folder) as found:
        yield PrometheusServer(found.url)


def asked(
    server: PrometheusServer, one: Budget, run: Evidence, *matchers: str
) -> tuple[Answer, Evidence]:
    answers = ask_all(replace(server, matchers=matchers), [one], run.manifest.clock)
    found = answered(run, [one], answers)
    return found.answers[one.name], found


H = Selector("h_seconds")
OVER: tuple[Over, ...] = ("mean", "max", "last", "growth")
KINDS: dict[str, tuple[Indicator, Unit]] = {
    "a quantile": (Quantile(H, 0.95), Unit.SECONDS),
    "a quantile at an edge": (Quantile(H, 0.9), Unit.SECONDS),
    "the median": (Quantile(H, 0.5), Unit.SECONDS),
    "a mean": (Mean(H), Unit.SECONDS),
    "a ratio": (
        Ratio(Selector("hits_total", {"result": "hit"}), Selector("hits_total")),
        Unit.RATIO,
    ),
    "a rate": (Rate(Selector("hits_total")), Unit.PER_SECOND),
    "a rate over a gauge": (Rate(Selector("hits_total"), Selector("cores")), Unit.RATIO),
    **{f"{over} of a gauge": (Gauge(Selector("level"), over), Unit.COUNT) for over in OVER},
    **{
        f"{over} of a utilization": (
            Utilization(Selector("used"), Selector("most"), over),
            Unit.RATIO,
        )
        for over in OVER
    },
}


@pytest.mark.parametrize(("indicator", "unit"), KINDS.values(), ids=KINDS)
def test_prometheus_says_the_same_where_both_are_defined_the_same_way(
    server: PrometheusServer, indicator: Indicator, unit: Unit
) -> None:
    one = budget(indicator, 0.2, unit=unit)
    run = evidence(*AGREED)
    exact = measure(one, run)
    assert exact.value is not None
    answer, found = asked(server, one, run)
    assert answer.value == pytest.approx(exact.value, rel=1e-6, abs=1e-9), answer
    measured = measure(one, found)
    assert measured.source.startswith("Prometheus")
    if isinstance(indicator, Quantile | Mean):
        assert answer.samples == exact.samples == 100 * SECONDS
    if isinstance(indicator, Quantile):
        assert answer.share_over == pytest.approx(0.1, rel=1e-6)
        assert measured.meets is exact.meets is (indicator.quantile <= 0.9)


def test_prometheus_answers_a_query_of_ones_own_over_the_window(server: PrometheusServer) -> None:
    one = budget(Promql("sum(increase(hits_total[{window}]))"), 2000, unit=Unit.COUNT)
    answer, found = asked(server, one, evidence())
    assert answer.value == pytest.approx(105 * SECONDS, rel=1e-6)
    assert judge((one,), found).verdicts[0].outcome == "pass"
    assert measure(one, evidence()).reason.endswith("name it with --prometheus URL")


def test_burst_at_the_end_of_the_window_is_half_unseen_by_a_scrape_each_four_seconds(
    server: PrometheusServer,
) -> None:
    """20 happened, 10 of them after the last scrape in the window, and those are extrapolated."""
    one = budget(Rate(Selector("burst_total")), 1.5, unit=Unit.PER_SECOND)
    run = evidence(BURST)
    assert measure(one, run).value == 20 / SECONDS
    answer, found = asked(server, one, run, 'coarse="yes"')
    assert answer.value == pytest.approx(10 / 8 * SECONDS / SECONDS)  # over 8 of the 10 seconds
    assert answer.samples == 3
    [exact], [verdict] = judge((one,), run).verdicts, judge((one,), found).verdicts
    assert exact.value == 2.0
    assert verdict.outcome == "pass"  # which is why the exact difference stands beside it
    assert "1.25/s (37.5% under the 2/s of the harness's own scrapes)" in verdict.reason
    assert verdict.source == "Prometheus, extrapolated"


def test_series_that_is_born_in_the_window_is_not_seen_to_grow(server: PrometheusServer) -> None:
    """The first three errors of a service: an exact difference takes what was absent for 0."""
    one = budget(Ratio(Selector("born_total"), Selector("h_seconds_count")), 0.002, unit=Unit.RATIO)
    run = evidence(*AGREED, BORN)
    assert measure(one, run).value == pytest.approx(3 / (100 * SECONDS))
    answer, _ = asked(server, one, run)
    assert answer.value == 0.0


def test_reset_counter_is_made_up_for_and_the_harness_distrusts_it(
    server: PrometheusServer,
) -> None:
    """Prometheus takes a restart for part of life; in a run it is what the run has to tell of."""
    one = budget(Rate(Selector("reset_total")), 20, unit=Unit.PER_SECOND)
    run = evidence(RESET)
    tripped = {guard.name for guard in judge((one,), run).guards if guard.outcome == "tripped"}
    assert "counter-reset" in tripped
    answer, _ = asked(server, one, run)
    # From 400 to 440, then from 0 to 50: nothing is known of the second in which it ended.
    assert answer.value == pytest.approx(9.0, rel=0.02)


NOTHING: dict[str, tuple[Indicator, str]] = {
    "a metric that it does not know": (Rate(Selector("never_total")), "has no sample of it"),
    "a metric that ended before the window": (Gauge(Selector("gone")), "has no sample of it"),
    "a counter that was read once": (Rate(Selector("lone_total")), "only one scrape lies in"),
    "a query that gives several series": (Promql("hits_total"), "gives 3 series"),
    "a query that gives nothing": (Promql("never"), "the query gives nothing"),
    "a query that gives a range": (Promql("hits_total[{window}]"), "gives a matrix"),
    "a query that divides by nothing": (Promql("vector(0) / vector(0)"), "nothing happened"),
    "a query that is infinite": (Promql("vector(1) / vector(0)"), "the query gives +Inf"),
    "a query that is none": (Promql("sum("), "it refused the query: "),
}


@pytest.mark.parametrize(("indicator", "reason"), NOTHING.values(), ids=NOTHING)
def test_without_a_number_the_verdict_is_inconclusive_and_says_why(
    server: PrometheusServer, indicator: Indicator, reason: str
) -> None:
    one = budget(indicator, 1.0, unit=Unit.COUNT)
    answer, found = asked(server, one, evidence())
    assert answer.value is None
    judgement = judge((one,), found)
    assert judgement.verdicts[0].outcome == "inconclusive"
    assert reason in judgement.verdicts[0].reason
    assert judgement.exit_code == 4


def test_quantile_without_a_bucket_at_the_bound_is_inconclusive(server: PrometheusServer) -> None:
    one = budget(Quantile(H, 0.95), 0.3)
    _, found = asked(server, one, evidence(*AGREED))
    [verdict] = judge((one,), found).verdicts
    assert verdict.outcome == "inconclusive"
    assert "none of h_seconds ends at 300 ms; give the service a bucket there" in verdict.reason


def test_answers_are_those_of_the_budget_that_was_asked_about(server: PrometheusServer) -> None:
    one, run = budget(Mean(H), 0.2), evidence(*AGREED)
    answers = ask_all(server, [one], run.manifest.clock)
    other_bound = answered(run, [replace(one, bound=0.1)], answers)
    assert measure(one, other_bound).value == pytest.approx(0.13)
    other_indicator = answered(run, [replace(one, indicator=Gauge(Selector("level")))], answers)
    assert "was not asked this" in other_indicator.answers[one.name].reason

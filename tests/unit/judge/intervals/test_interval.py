"""The interval of each kind of indicator, and the verdict that rests on it."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness import names
from harness.budgets.model import (
    Budget,
    Direction,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    PerRequest,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.judge.bounds import proven
from harness.judge.intervals.levels import AGAIN
from harness.judge.intervals.quantile import quantile_bounds
from harness.judge.judge import judge
from harness.judge.measure.deltas import deltas, total
from harness.judge.measure.observation import ObservedRate
from harness.judge.measure.observe import observe
from harness.judge.model import Outcome
from harness.runs.model import Evidence, batch_seconds
from harness.units import Unit
from tests.unit.judge.evidence import (
    SECONDS,
    START,
    TIMES,
    buckets,
    budget,
    confidence,
    counter,
    distribution,
    evenly,
    evidence,
    measure,
    requests,
    series,
    up,
)

FAILS, PASSES = stats.norm.ppf(0.99), stats.norm.ppf(0.95)
SPREAD = [float(t) for t in np.random.default_rng(1).lognormal(-3, 0.4, 600)]
P95 = budget(Latency(0.95), 0.2)
ERRORS = budget(ErrorRatio(), 0.01, unit=Unit.RATIO)


def of(found: Evidence, one: Budget, **noise: float) -> tuple[float | None, float | None]:
    manifest = found.manifest.model_copy(update={"noise": noise})
    interval = confidence(one, replace(found, manifest=manifest))
    assert interval is not None
    return interval.lower, interval.upper


def rate(run: Evidence) -> ObservedRate:
    observed = observe(budget(Rate(Selector("c_total")), 1.0), run)
    assert isinstance(observed, ObservedRate)
    return observed


# --- kinds ----------------------------------------------------------------------------------------


def test_latency_is_bounded_by_its_batches_and_widened_by_what_starts_differ() -> None:
    run = evidence(latency=requests(ok=SPREAD))
    dealt = list(next(iter(evenly(requests(ok=SPREAD)).values())).values())
    low, high = quantile_bounds(dealt, 0.95, (0.01, 0.05))
    assert low is not None
    assert high is not None
    assert of(run, P95, **{"the-budget": 0.0}) == pytest.approx((low, high))  # as within the run
    value = measure(P95, run).value
    assert value is not None
    for noise, widths in ((0.05, of(run, P95)), (0.2, of(run, P95, **{"the-budget": 0.2}))):
        inner, outer = math.log(value / low), math.log(high / value)
        below = min(1.15 * math.hypot(inner, FAILS * noise), inner + FAILS * noise)
        above = min(1.15 * math.hypot(outer, PASSES * noise), outer + PASSES * noise)
        assert widths == pytest.approx(
            (value * math.exp(-below), value * math.exp(above)), rel=1e-4
        )


def test_a_min_takes_the_levels_the_other_way_round() -> None:
    run = evidence(latency=requests(ok=SPREAD))
    dealt = list(next(iter(evenly(requests(ok=SPREAD)).values())).values())
    found = of(run, replace(P95, direction="min"), **{"the-budget": 0.0})
    assert found == quantile_bounds(dealt, 0.95, (0.05, 0.01))


def test_latency_counts_the_requests_that_the_indicator_asks_for() -> None:
    run = evidence(
        latency=requests("GET /a", ok=[0.1] * 100, failed=[0.5] * 100)
        | requests("GET /b", ok=[0.3] * 100)
        | requests("GET /a", ok=[0.05] * 100, what="service_time")
    )
    every = {"the-budget": 0.0}
    assert of(run, budget(Latency(0.5, "GET /a"), 1.0), **every) == (0.1, 0.1)
    assert of(run, budget(Latency(0.5, "GET /b"), 1.0), **every) == (0.3, 0.3)
    assert of(run, budget(Latency(0.5, "GET /a", outcome="error"), 1.0), **every) == (0.5, 0.5)
    assert of(run, budget(Latency(0.9, outcome="all"), 1.0), **every) == (0.5, 0.5)
    assert of(run, budget(Latency(0.5, of="service_time"), 1.0), **every) == (0.05, 0.05)


def test_error_ratio_is_bounded_as_clopper_and_pearson_do() -> None:
    run = evidence(latency=requests(ok=[0.1] * 990, failed=[0.1] * 10))
    low, high = of(run, ERRORS)
    assert low == pytest.approx(stats.beta.ppf(0.01, 10, 991))
    assert high == pytest.approx(stats.beta.ppf(0.95, 11, 990))


def test_a_hit_ratio_is_bounded_as_a_share() -> None:
    run = evidence(counter("hits_total", 900), counter("gets_total", 1000))
    hits = Ratio(Selector("hits_total"), Selector("gets_total"))
    low, high = of(run, budget(hits, 0.8, "min", Unit.RATIO))
    assert low == pytest.approx(stats.beta.ppf(0.05, 900, 101))
    assert high == pytest.approx(stats.beta.ppf(0.99, 901, 100))


def alternating(name: str, one: float, other: float) -> Any:
    """A counter whose batches of two seconds bring this and that in turn."""
    grown = np.cumsum([0, *[one / 2 if i // 2 % 2 == 0 else other / 2 for i in range(10)]])

    def value(t: float) -> float:
        return float(grown[int(min(max(t, 0), SECONDS))])

    return series(name, value)


@pytest.mark.parametrize(
    ("indicator", "unit", "factor"),
    [
        (Mean(Selector("h")), Unit.BYTES, 1.0),
        (Ratio(Selector("h_sum"), Selector("h_count")), Unit.COUNT, 1.0),
        (Rate(Selector("h_sum")), Unit.PER_SECOND, 100 / 2),
        (Rate(Selector("h_sum"), to=Selector("size")), Unit.COUNT, 100 / 2 / 4),
    ],
    ids=["mean", "work per event", "rate", "rate over a gauge"],
)
def test_means_and_rates_are_bounded_by_students_t_of_batches(
    indicator: Indicator, unit: Unit, factor: float
) -> None:
    run = evidence(
        alternating("h_sum", 300.0, 500.0), counter("h_count", 500), series("size", lambda _: 4.0)
    )
    per_event = [3.0, 5.0, 3.0, 5.0, 3.0]
    error = stats.sem(per_event)
    low, high = of(run, budget(indicator, 10.0, unit=unit))
    assert low == pytest.approx((3.8 - stats.t.ppf(0.99, 4) * error) * factor)
    assert high == pytest.approx((3.8 + stats.t.ppf(0.95, 4) * error) * factor)


def test_a_quantile_of_the_service_lies_between_the_edges_that_are_certain() -> None:
    run = evidence(*buckets("h", {"0.1": 900, "0.2": 945, "0.5": 999, "+Inf": 1000}))
    low, high = of(run, budget(Quantile(Selector("h"), 0.95), 0.5))
    # Over 0.1 are 10%, certainly more than 5%; over 0.2 are 5.5%, perhaps less; over 0.5 0.1%.
    assert low == pytest.approx(0.1, rel=1e-5)
    assert high == 0.5
    assert stats.beta.ppf(0.01, 100, 901) > 0.05 > stats.beta.ppf(0.01, 55, 946)
    assert stats.beta.ppf(0.95, 56, 945) > 0.05 > stats.beta.ppf(0.95, 2, 999)


EXACT: dict[str, Budget] = {
    "throughput": budget(Throughput(), 50.0, "min", Unit.PER_SECOND),
    "peak of a gauge": budget(Gauge(Selector("g"), "max"), 1.0, unit=Unit.COUNT),
    "utilization": budget(Utilization(Selector("g"), Selector("g")), 1.0, unit=Unit.RATIO),
    "the longest time": budget(Latency(1.0), 0.2),
    "no error at all": replace(ERRORS, bound=0.0),
    "a hit each time": budget(Ratio(Selector("g"), Selector("g")), 1.0, "min", Unit.RATIO),
    "promql": budget(Promql("up"), 1.0, unit=Unit.COUNT),
    "no data": budget(Rate(Selector("gone_total")), 1.0, unit=Unit.PER_SECOND),
}


@pytest.mark.parametrize("one", EXACT.values(), ids=EXACT)
def test_what_is_exact_for_the_run_has_no_interval(one: Budget) -> None:
    assert confidence(one, evidence(series("g", lambda t: t + 10))) is None


def test_a_run_that_was_looked_at_again_and_again_has_a_wider_interval() -> None:
    run = evidence(latency=requests(ok=SPREAD))
    planned = {**run.manifest.scenario, "planned": 20.0}
    manifest = run.manifest.model_copy(update={"scenario": planned})
    one, looked = of(run, P95), of(replace(run, manifest=manifest), P95)
    dealt = list(next(iter(evenly(requests(ok=SPREAD)).values())).values())
    ends = quantile_bounds(dealt, 0.95, (AGAIN.fails, AGAIN.passes))
    value = measure(P95, run).value or 0.0
    assert looked == pytest.approx(
        [
            value * math.exp(side * min(math.hypot(within, look * 0.05), within + once * 0.05))
            for side, end, look, once in zip(
                (-1, 1), ends, (2.988882, 2.382404), (FAILS, PASSES), strict=True
            )
            if end and (within := abs(math.log(end / value))) >= 0
        ],
        rel=1e-4,
    )
    assert (looked[0] or 0) < (one[0] or 0) < (one[1] or 0) < (looked[1] or 0)


# --- batches --------------------------------------------------------------------------------------

VALUES = st.lists(st.integers(0, 1000), min_size=len(TIMES), max_size=len(TIMES))


@given(VALUES, st.booleans())
def test_increases_of_batches_add_up_to_the_exact_increase(
    values: list[int], ascending: bool
) -> None:
    found = sorted(values) if ascending else values  # what falls was reset
    run = evidence(series("c_total", [float(v) for v in found]))
    expected = total(deltas(run, Selector("c_total")))
    assert math.fsum(rate(run).increases.values()) == expected


def test_a_series_that_is_born_within_the_window_counts_from_zero() -> None:
    born = series("c_total", [5.0, 7.0, 9.0], times=[START + 3, START + 4, START + 10])
    run = evidence(born, series("c_total", lambda _: 3.0, {"old": "yes"}))
    assert dict(rate(run).increases) == {
        **dict.fromkeys(range(5), 0.0),
        1: 7.0,
        4: 2.0,
    }


def test_batches_last_as_long_as_the_scrapes_that_end_them_say() -> None:
    late = (START - 1, START, START + 2.2, START + 4, START + 6.1, START + 8, START + 10)
    run = evidence(series("c_total", list(late), times=late), ups=[up(times=late)])
    lengths = rate(run).seconds
    assert list(lengths.values()) == pytest.approx([2.2, 1.8, 2.1, 1.9, 2.0])
    assert list(rate(run).increases.values()) == pytest.approx(list(lengths.values()))


def test_batches_are_as_long_as_the_scrape_interval_where_that_is_longer() -> None:
    times = (START, START + 5, START + 10)
    run = evidence(
        series("c_total", [0.0, 5.0, 20.0], times=times), ups=[up(times=times)], scrape_interval=5.0
    )
    assert dict(rate(run).increases) == {0: 5.0, 1: 15.0}


# --- verdicts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lower", "upper", "direction", "expected"),
    [
        (1.0, 2.0, "max", True),
        (1.0, 2.1, "max", None),
        (2.0, 3.0, "max", None),
        (2.1, 3.0, "max", False),
        (None, 1.0, "max", True),
        (1.0, None, "max", None),
        (2.1, None, "max", False),
        (None, None, "max", None),
        (2.0, 3.0, "min", True),
        (1.9, 3.0, "min", None),
        (1.0, 1.9, "min", False),
        (None, 1.9, "min", False),
        (2.0, None, "min", True),
        (None, 3.0, "min", None),
    ],
)
def test_a_bound_of_2_holds_for_all_of_an_interval_for_none_or_for_some(
    lower: float | None, upper: float | None, direction: Direction, expected: bool | None
) -> None:
    assert proven(lower, upper, 2.0, direction) is expected


@pytest.mark.parametrize(
    ("bound", "outcome", "words"),
    [
        pytest.param(0.2, "pass", "under the max of 200 ms", id="far enough under"),
        pytest.param(0.098, "inconclusive", "on the other side of the bound", id="a little under"),
        pytest.param(0.09, "inconclusive", "over the max of 90 ms", id="a little over"),
        pytest.param(0.05, "fail", "over the max of 50 ms", id="far enough over"),
    ],
)
def test_judge_passes_and_fails_only_what_is_certain(
    bound: float, outcome: Outcome, words: str
) -> None:
    run = evidence(latency=requests(ok=SPREAD))  # its p95 is 95 ms
    (verdict,) = judge((replace(P95, bound=bound),), run).verdicts
    assert verdict.value == pytest.approx(np.quantile(SPREAD, 0.95, method="inverted_cdf"))
    assert verdict.outcome == outcome
    assert words in verdict.reason
    assert verdict.lower is not None
    assert verdict.value is not None
    assert verdict.upper is not None
    assert verdict.lower < verdict.value < verdict.upper


def test_judge_says_how_many_samples_it_takes() -> None:
    run = evidence(latency=requests(ok=[0.01] * 58))
    (verdict,) = judge((P95,), run).verdicts
    assert verdict.outcome == "inconclusive"
    assert "58 samples are too few to be certain: at least 59 are needed" in verdict.reason


@pytest.mark.parametrize(("over", "outcome"), [(500, "fail"), (0, "pass"), (50, "inconclusive")])
def test_quantile_in_the_bucket_over_an_edge_of_0_breaks_a_max_of_0(
    over: float, outcome: str
) -> None:
    found = buckets("h_seconds", {"0": 1000 - over, "0.1": 1000, "+Inf": 1000})
    one = budget(Quantile(Selector("h_seconds"), 0.95), 0.0)
    (verdict,) = judge((one,), evidence(*found)).verdicts
    assert verdict.outcome == outcome, verdict.reason


@pytest.mark.parametrize(("slow", "outcome"), [(2, "inconclusive"), (5, "pass")])
def test_judge_asks_for_no_more_samples_than_a_min_of_a_quantile_takes(
    slow: int, outcome: str
) -> None:
    """20 samples prove a p95 of at least 200 ms when five of them are over that."""
    latency = requests(ok=[0.01] * (20 - slow) + [0.3] * slow)
    one = budget(Latency(0.95), 0.2, "min")
    (verdict,) = judge((one,), evidence(latency=latency)).verdicts
    assert verdict.outcome == outcome
    assert "too few" not in verdict.reason


def test_judge_counts_the_work_of_seconds_without_a_request() -> None:
    run = evidence(counter("faults_total", 1000.0), latency=requests(ok=[0.01] * 2))
    one = budget(PerRequest(Selector("faults_total")), 300.0, unit=Unit.COUNT)
    assert measure(one, run).value == pytest.approx(500)
    (verdict,) = judge((one,), run).verdicts
    assert verdict.outcome != "pass"  # by the two batches with a request it would be 200 each
    assert verdict.upper is not None
    assert verdict.upper > 500


def test_judge_counts_events_before_the_first_reading_of_their_divisor() -> None:
    late = series("b_total", lambda t: 10.0 * (t - 4), times=[t for t in TIMES if t > START + 4])
    run = evidence(counter("a_total", 100.0), late)
    one = budget(Ratio(Selector("a_total"), Selector("b_total")), 1.4, unit=Unit.COUNT)
    found = confidence(one, run)
    assert measure(one, run).value == pytest.approx(100 / 60)
    assert found is not None
    assert found.upper is not None
    assert found.upper > 100 / 60


def test_judge_fails_what_stopped_the_load_however_short_that_was() -> None:
    run = evidence(latency=requests(ok=[0.3] * 3), aborted_by="the-budget", status="aborted")
    (verdict,) = judge((P95,), run).verdicts
    assert (verdict.outcome, verdict.lower, verdict.upper) == ("fail", None, None)


@given(st.floats(1.0, 20.0), st.floats(0.02, 0.5))
def test_judge_slower_requests_never_get_a_better_verdict(factor: float, bound: float) -> None:
    order = ["pass", "inconclusive", "fail"]
    one = replace(P95, bound=bound)
    fast = judge((one,), evidence(latency=requests(ok=SPREAD))).outcome
    slow = judge((one,), evidence(latency=requests(ok=[t * factor for t in SPREAD]))).outcome
    assert order.index(slow) >= order.index(fast)


@given(st.integers(-10, 10), st.sampled_from([0.05, 0.09, 0.095, 0.1, 0.2]))
def test_judge_does_not_depend_on_the_unit(power: int, bound: float) -> None:
    factor = 2.0**power
    plain = judge((replace(P95, bound=bound),), evidence(latency=requests(ok=SPREAD)))
    scaled = judge(
        (replace(P95, bound=bound * factor),),
        evidence(latency=requests(ok=[t * factor for t in SPREAD])),
    )
    assert scaled.outcome == plain.outcome


def test_one_slow_second_is_not_taken_for_a_slow_service() -> None:
    """Ten percent of the requests are slow, all of them in one batch: chance could do that."""
    preallocate, stalled = distribution([0.05] * 100), distribution([0.05] * 50 + [0.5] * 50)
    key = next(iter(requests(ok=[1.0])))
    batches = {key: {**dict.fromkeys(range(4), preallocate), 4: stalled}}
    whole = {key: distribution([0.05] * 450 + [0.5] * 50)}
    (verdict,) = judge((P95,), replace(evidence(latency=whole), batches=batches)).verdicts
    assert verdict.value == 0.5
    assert verdict.outcome == "inconclusive"


@pytest.mark.parametrize(("window", "seconds"), [(1.5, 1), (9.9, 1), (10.0, 2), (3600.0, 2)])
def test_short_windows_have_shorter_batches(window: float, seconds: int) -> None:
    assert batch_seconds(window) == seconds


def test_interval_holds_only_what_is_possible() -> None:
    """Counts that scatter so much that Student's t reaches below zero, and above all events."""
    jumps = series("c_total", lambda t: 100.0 if t < 9 else 200.0)
    rate = budget(Rate(Selector("c_total")), 50.0, unit=Unit.PER_SECOND)
    found = confidence(rate, evidence(jumps))
    assert found is not None
    assert found.lower == 0
    assert found.upper is not None
    assert found.upper > 10
    whole = counter("d_total", 100.0)
    part = Ratio(Selector("d_total", {"a": "b"}), Selector("d_total"))
    halves = counter("d_total", 100.0, {"a": "b"})
    share = confidence(budget(part, 0.5, unit=Unit.COUNT), evidence(whole, halves, jumps))
    assert share is not None
    assert share.lower is not None
    assert share.upper is not None
    assert 0 <= share.lower <= 0.5 <= share.upper <= 1


def test_share_of_filtered_events_and_use_of_all_cpus_are_at_most_all() -> None:
    first = {"route": "/a"}
    hits = series("d_total", lambda t: 100.0 if t < 9 else 190.0, {**first, "result": "hit"})
    misses = counter("d_total", 10.0, {**first, "result": "miss"})
    part = Ratio(Selector("d_total", {**first, "result": "hit"}), Selector("d_total", first))
    used = series(names.CPU_SECONDS, lambda t: 100.0 if t < 5 else 100.0 + 2 * (min(t, 10) - 5))
    cpu = Rate(Selector(names.CPU_SECONDS), Selector(names.CPU_COUNT))
    run = evidence(hits, misses, used, series(names.CPU_COUNT, lambda _: 2.0))
    for one, value in (
        (budget(part, 0.5, unit=Unit.COUNT), 0.9),
        (budget(cpu, 0.7, unit=Unit.RATIO), 0.5),
    ):
        found = confidence(one, run)
        assert found is not None
        assert found.upper is not None
        assert value <= found.upper <= 1


def test_other_rates_per_cpu_have_the_interval_of_their_scatter() -> None:
    """As the rate itself has it, which is four times as large on four CPUs."""
    served = [0.0, 200.0, 250.0, 500.0, 540.0, 760.0, 820.0, 1020.0, 1090.0, 1330.0, 1380.0, 1380.0]
    run = evidence(
        series("http_requests_total", [0.0] * 5 + served),
        series(names.CPU_COUNT, lambda _: 4.0),
    )
    requests_total = Selector("http_requests_total")
    per_second = Unit.PER_SECOND
    whole = confidence(budget(Rate(requests_total), 139.0, unit=per_second), run)
    per_cpu = Rate(requests_total, Selector(names.CPU_COUNT))
    found = confidence(budget(per_cpu, 139.0 / 4, unit=per_second), run)
    assert whole is not None
    assert found is not None
    assert whole.upper is not None
    assert whole.upper > 139
    assert found.upper == pytest.approx(whole.upper / 4)
    (verdict,) = judge((budget(per_cpu, 139.0 / 4, unit=per_second),), run).verdicts
    assert verdict.outcome == "inconclusive"


def test_mean_of_times_is_not_under_the_shortest_one_but_for_the_luck_of_a_start() -> None:
    latency = requests(ok=[0.1] * 95 + [9.0] * 5)
    run = evidence(latency=latency)
    run = replace(run, manifest=run.manifest.model_copy(update={"noise": {"the-budget": 1e-9}}))
    found = confidence(budget(Latency(None), 5.0), run)
    assert found is not None
    assert found.lower is not None
    assert found.lower >= 0.1 * (1 - 1e-6)

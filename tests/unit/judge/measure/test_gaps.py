"""A series that is missing is no series of zero: the budgets that need it cannot pass."""

from dataclasses import replace

import pytest

from harness.budgets.model import (
    Budget,
    Gauge,
    Latency,
    Mean,
    PerRequest,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Utilization,
)
from harness.judge.judge import judge
from harness.names import LATENCY, OK, OWN_METRICS, PROVIDER, PSUTIL, UNANSWERED_LATENCY
from harness.runs.model import Distribution, Evidence, LatencyKey, Requests, Series
from harness.units import Unit
from tests.unit.judge.evidence import (
    APP,
    OTHER,
    START,
    TIMES,
    buckets,
    budget,
    counter,
    evidence,
    measure,
    requests,
    series,
    up,
)

FIRST = TIMES[:6]  # until the first scrape of the window
USED = [series("used", lambda _: 40.0, {"state": state}) for state in ("a", "b")]
COMMON = [
    series(name, lambda _: 900.0, instance=place)
    for place in (APP, OTHER)
    for name in ("process_start_time_seconds", "process_open_fds", "python_info")
]
BOTH = [up(), up(OTHER)]


def level(over: str, bound: float) -> Budget:
    return budget(Gauge(Selector("used"), over), bound, unit=Unit.COUNT)  # type: ignore[arg-type]


def ended(one: Series) -> Series:
    return replace(one, times=FIRST, values=one.values[: len(FIRST)])


def pair(of: str, to: str) -> Budget:
    return budget(Ratio(Selector(of), Selector(to)), 0.2, unit=Unit.RATIO)


MISSING: dict[str, tuple[Budget, Evidence, str]] = {
    **{
        f"the {over} of a gauge that ends with the first scrape of the window": (
            level(over, 50.0),
            evidence(ended(USED[0])),
            'used{state="a"} is missing in 10 of 11 scrapes',
        )
        for over in ("mean", "max", "last", "growth")
    },
    "a utilization whose limit ends with the first scrape": (
        budget(Utilization(Selector("used"), Selector("size")), 0.9, unit=Unit.RATIO),
        evidence(USED[0], ended(series("size", lambda _: 50.0))),
        "size is missing in 10 of 11 scrapes",
    ),
    "one of two summed label sets that ends": (
        level("last", 50.0),
        evidence(USED[0], ended(USED[1])),
        'used{state="b"} is missing in 10 of 11 scrapes',
    ),
    "a gauge of which one reading is missing": (
        level("max", 50.0),
        evidence(replace(USED[0], times=TIMES[:8] + TIMES[9:], values=USED[0].values[1:])),
        'used{state="a"} is missing in 1 of 11 scrapes',
    ),
    "a gauge that begins in the middle of the window": (
        level("max", 50.0),
        evidence(replace(USED[0], times=TIMES[8:], values=USED[0].values[8:])),
        'used{state="a"} is missing in 3 of 11 scrapes',
    ),
    "a gauge that one of two replicas lacks": (
        level("mean", 50.0),
        evidence(USED[0], *COMMON, ups=BOTH),
        f"used is missing at {OTHER}; other replicas expose it",
    ),
    "a gauge of which one of two replicas has other labels only": (
        budget(Gauge(Selector("used", {"state": "a"})), 50.0, unit=Unit.COUNT),
        evidence(*USED, series("used", lambda _: 40.0, {"state": "b"}, OTHER), *COMMON, ups=BOTH),
        f'used{{state="a"}} is missing at {OTHER}; other replicas expose it',
    ),
    "a counter that one of two replicas lacks": (
        budget(Rate(Selector("c_total")), 5.0, unit=Unit.PER_SECOND),
        evidence(counter("c_total", 30.0), *COMMON, ups=BOTH),
        f"c_total is missing at {OTHER}; other replicas expose it",
    ),
    "the failures of a ratio that one of two replicas lacks": (
        pair("bad_total", "all_total"),
        evidence(
            counter("bad_total", 30.0),
            counter("all_total", 200.0),
            counter("all_total", 200.0, instance=OTHER),
            *COMMON,
            ups=BOTH,
        ),
        f"bad_total is missing at {OTHER}; other replicas expose it",
    ),
    "a histogram with one edge in two spellings, of which one counts less": (
        budget(Quantile(Selector("h"), 0.95), 0.1),
        evidence(*buckets("h", {"0.1": 50.0, "0.10": 100.0, "+Inf": 100.0})),
        "h_bucket has two series for the bucket edge 0.1",
    ),
    "a mean of which one label set has no sum": (
        budget(Mean(Selector("h")), 1.0),
        evidence(
            *(counter("h_count", 100.0, {"route": route}) for route in "ab"),
            counter("h_sum", 1.0, {"route": "a"}),
        ),
        "h has 1 series without their _sum",
    ),
    "a mean whose sum ends while its count goes on": (
        budget(Mean(Selector("h")), 1.0),
        evidence(
            counter("h_count", 100.0),
            replace(counter("h_sum", 900.0), times=TIMES[:9], values=(100.0,) * 9),
        ),
        "h_sum is missing in 7 of 11 scrapes",
    ),
    "two values of one series at one time": (
        level("last", 50.0),
        evidence(USED[0], replace(USED[0], values=(90.0,) * len(TIMES))),
        "has two values at one time",
    ),
    "the mean of a histogram of which one label set has no count": (
        budget(Mean(Selector("h_seconds")), 9.0),
        evidence(
            counter("h_seconds_sum", 30.0),
            counter("h_seconds_count", 30.0),
            counter("h_seconds_sum", 30.0, {"a": "b"}),
        ),
        "h_seconds has 1 series without their _count",
    ),
}


@pytest.mark.parametrize(("of", "run", "reason"), MISSING.values(), ids=MISSING)
def test_missing_series_is_inconclusive(of: Budget, run: Evidence, reason: str) -> None:
    (verdict,) = judge((of,), run).verdicts
    assert verdict.outcome == "inconclusive"
    assert verdict.reason.startswith("series-complete: ")
    assert reason in verdict.reason


COMPLETE: dict[str, tuple[Budget, Evidence]] = {
    "a gauge that is in every scrape": (level("max", 90.0), evidence(*USED)),
    "a counter that is born within the window": (
        budget(Rate(Selector("c_total")), 5.0, unit=Unit.PER_SECOND),
        evidence(replace(counter("c_total", 30.0), times=TIMES[8:], values=(1.0,) * 9)),
    ),
    "a gauge that only an endpoint of another kind lacks": (
        level("mean", 50.0),
        evidence(USED[0], series("pg_up", lambda _: 1.0, instance=OTHER), ups=BOTH),
    ),
    "a gauge that an endpoint lacks whose process the harness itself reads": (
        level("mean", 50.0),
        evidence(
            USED[0],
            *(series(name, lambda _: 900.0) for name in sorted(OWN_METRICS)),
            *(
                series(name, lambda _: 900.0, {PROVIDER: PSUTIL}, OTHER)
                for name in sorted(OWN_METRICS)
            ),
            ups=BOTH,
        ),
    ),
    "a histogram whose edges are different": (
        budget(Quantile(Selector("h"), 0.95), 0.1),
        evidence(*buckets("h", {"0.1": 1000.0, "1": 1000.0, "+Inf": 1000.0})),
    ),
    "a mean of which each label set has both parts": (
        budget(Mean(Selector("h_seconds")), 9.0),
        evidence(counter("h_seconds_sum", 30.0), counter("h_seconds_count", 30.0)),
    ),
    "a mean of which a label set is born within the window": (
        budget(Mean(Selector("h_seconds")), 9.0),
        evidence(
            counter("h_seconds_sum", 30.0),
            counter("h_seconds_count", 30.0),
            *(
                replace(
                    counter(f"h_seconds_{part}", 9.0, {"a": "b"}),
                    times=TIMES[8:],
                    values=(9.0,) * 9,
                )
                for part in ("sum", "count")
            ),
        ),
    ),
    "a gauge that is missing in a scrape that failed": (
        level("max", 50.0),
        evidence(
            replace(USED[0], times=TIMES[:8] + TIMES[9:], values=USED[0].values[1:]),
            ups=[up(failed=[3])],
        ),
    ),
}


@pytest.mark.parametrize(("of", "run"), COMPLETE.values(), ids=COMPLETE)
def test_series_without_a_gap_is_judged(of: Budget, run: Evidence) -> None:
    (verdict,) = judge((of,), run).verdicts
    assert verdict.outcome == "pass", verdict.reason


@pytest.mark.parametrize(
    ("stored", "outcome"), [(100, "pass"), (80, "inconclusive"), (101, "inconclusive")]
)
def test_latency_log_that_lost_requests_is_inconclusive(stored: int, outcome: str) -> None:
    every = requests(ok=[0.01] * 100)
    account = Requests(asked=100, sent=100, started=100, recorded=100)
    run = replace(evidence(latency=every, requests=account), recorded=stored)
    (verdict,) = judge((budget(Latency(0.95), 0.2),), run).verdicts
    assert verdict.outcome == outcome
    if outcome == "inconclusive":
        assert f"latency.hlog holds {stored} requests, and run.json counts 100" in verdict.reason


def appears(metric: str, first: float) -> Series:
    """A counter of another label set, which has its first reading 3 s after the window's start."""
    times = TIMES[8:]
    return series(metric, [first + n for n in range(len(times))], {"a": "b"}, times=times)


@pytest.mark.parametrize(
    ("of", "to", "late", "outcome"),
    [
        pytest.param(100.0, 90.0, appears("to_total", 900.0), "inconclusive", id="may be older"),
        pytest.param(80.0, 100.0, appears("to_total", 2.0), "pass", id="cannot change the verdict"),
        pytest.param(80.0, 100.0, appears("of_total", 900.0), "fail", id="makes the ratio high"),
    ],
)
def test_ratio_does_not_hold_by_what_a_counter_had_before_its_first_reading(
    of: float, to: float, late: Series, outcome: str
) -> None:
    one = budget(Ratio(Selector("of_total"), Selector("to_total")), 1.0, unit=Unit.COUNT)
    run = evidence(counter("of_total", of), counter("to_total", to), late)
    (verdict,) = judge((replace(one, decide="value"),), run).verdicts
    assert verdict.outcome == outcome, verdict.reason
    assert ("a counter appeared within" in verdict.reason) == (outcome == "inconclusive")


H = Selector("h_seconds")
CALLS = Selector("calls_total")


def older(metric: str, increase: float, before: float, le: str = "") -> Series:
    """A counter that had counted `before` in the warm-up, and is first read after a second."""
    full = counter(metric, increase, {"le": le} if le else {}, before=before)
    return since(full, START + 1)


def since(one: Series, first: float) -> Series:
    kept = [at for at, moment in enumerate(one.times) if moment >= first]
    values = tuple(one.values[at] for at in kept)
    return replace(one, times=one.times[kept[0] :], values=values)


def observed(fast: float, every: float, before: tuple[float, float]) -> list[Series]:
    """A histogram with an edge at 100 ms."""
    return [
        older("h_seconds_bucket", fast, before[0], "0.1"),
        older("h_seconds_bucket", every, before[1], "+Inf"),
    ]


@pytest.mark.parametrize(
    ("one", "found", "outcome"),
    [
        # 20% of 500 are slow, and 10,000 fast ones were before the window.
        (budget(Quantile(H, 0.95), 0.1), observed(400, 500, (10_000, 10_000)), "inconclusive"),
        (budget(Quantile(H, 0.95), 0.13), observed(400, 500, (10_000, 10_000)), "inconclusive"),
        (budget(Quantile(H, 0.95), 0.1), observed(499, 500, (5, 5)), "pass"),
        (budget(Quantile(H, 0.95), 0.1), observed(400, 500, (5, 5)), "fail"),
        # 1% of 500 are slow, and 10,000 slow ones were before the window.
        (budget(Quantile(H, 0.95), 0.1, "min"), observed(495, 500, (0, 10_000)), "inconclusive"),
        (budget(Quantile(H, 0.95), 0.1, "min"), observed(250, 500, (5, 5)), "pass"),
        (budget(Rate(CALLS), 20.0, "min", Unit.PER_SECOND), [(100, 900)], "inconclusive"),
        (budget(Rate(CALLS), 20.0, "min", Unit.PER_SECOND), [(300, 2)], "pass"),
        (budget(Rate(CALLS), 20.0, "max", Unit.PER_SECOND), [(100, 2)], "pass"),
        (budget(PerRequest(CALLS), 2.0, "min", Unit.COUNT), [(100, 900)], "inconclusive"),
        (budget(PerRequest(CALLS), 2.0, "min", Unit.COUNT), [(300, 2)], "pass"),
        (budget(PerRequest(CALLS), 2.0, "max", Unit.COUNT), [(100, 2)], "pass"),
    ],
)
def test_no_budget_holds_by_what_a_counter_had_before_its_first_reading(
    one: Budget, found: list[Series | tuple[float, float]], outcome: str
) -> None:
    read = [s if isinstance(s, Series) else older("calls_total", s[0], before=s[1]) for s in found]
    (verdict,) = judge((replace(one, decide="value"),), evidence(*read)).verdicts
    assert verdict.outcome == outcome, verdict.reason
    assert ("a counter appeared within" in verdict.reason) == (outcome == "inconclusive")


def test_work_per_request_is_known_within_bounds_where_evidence_is_missing() -> None:
    """100 requests had an outcome, 25 have none, and 30 of 130 calls may be older."""
    waits = LatencyKey(UNANSWERED_LATENCY, "", "GET", "/contacts")
    answered = LatencyKey(LATENCY, OK, "GET", "/contacts")
    latency = {answered: Distribution((0.01,), (100,)), waits: Distribution((9.0,), (25,))}
    one = budget(PerRequest(CALLS), 9.0, unit=Unit.COUNT)
    late = series("calls_total", [30.0 + 100 * n / 9 for n in range(10)], times=TIMES[6:-1])
    assert measure(one, evidence(late, latency=latency)).between == pytest.approx((0.8, 1.3))
    assert measure(one, evidence(counter("calls_total", 130.0))).between is None

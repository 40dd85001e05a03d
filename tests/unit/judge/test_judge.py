"""Verdicts and the outcome of a run: decisions as tables, laws as properties."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import names
from harness.budgets.model import (
    Budget,
    Direction,
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
    Waiver,
)
from harness.judge.bounds import holds, margin
from harness.judge.describe import advice, describe
from harness.judge.judge import decide, judge
from harness.judge.measure.series import PROMETHEUS
from harness.judge.model import Confidence, Guard, Measurement, Outcome, Scope, guard
from harness.runs.model import Distribution
from harness.units import Unit, parse
from tests.unit.judge.evidence import (
    buckets,
    budget,
    distribution,
    evidence,
    measure,
    requests,
    series,
)

P95 = budget(Latency(0.95), 0.2)
ERRORS = budget(ErrorRatio(), 0.01, unit=Unit.RATIO)
LEVEL = budget(Gauge(Selector("g")), 10.0, unit=Unit.COUNT)
WAIVED = Waiver(date(2031, 5, 1), "the index is being built")
FOUND = "load generator"


def verdict_of(value: float | None, of: Budget = P95, **fields: Any) -> tuple[Outcome, str]:
    fields.setdefault("samples", 100)
    fields["source"] = FOUND
    verdict = decide(of, Measurement(value, **fields), ())
    return verdict.outcome, verdict.reason


@pytest.mark.parametrize(
    ("value", "shown"), [(0.004, (0.0, 1.0)), (None, (None, None))], ids=["a value", "no data"]
)
def test_decide_shows_an_interval_only_around_a_value(
    value: float | None, shown: tuple[float | None, float | None]
) -> None:
    everything = Confidence(0.0, 1.0, 300)
    verdict = decide(ERRORS, Measurement(value, 5, FOUND), (), everything)
    assert (verdict.outcome, verdict.lower, verdict.upper) == ("inconclusive", *shown)


@pytest.mark.parametrize(
    ("value", "bound", "direction", "outcome", "distance"),
    [
        pytest.param(0.1, 0.2, "max", "pass", 0.5, id="under a max"),
        pytest.param(0.2, 0.2, "max", "pass", 0.0, id="exactly at a max"),
        pytest.param(0.3, 0.2, "max", "fail", -0.5, id="over a max"),
        pytest.param(0.1 + 0.2, 0.3, "max", "pass", 0.0, id="over a max by float noise"),
        pytest.param(0.200001, 0.2, "max", "fail", -5e-6, id="over a max by very little"),
        pytest.param(0.9, 0.8, "min", "pass", 0.125, id="over a min"),
        pytest.param(0.57, 57 * 0.01, "min", "pass", 0.0, id="under a min by float noise"),
        pytest.param(0.6, 0.8, "min", "fail", -0.25, id="under a min"),
        pytest.param(0.0, 0.0, "max", "pass", None, id="exactly at a max of 0"),
        pytest.param(0.1, 0.0, "max", "fail", None, id="over a max of 0"),
        pytest.param(0.1, 0.0, "min", "pass", None, id="over a min of 0"),
        pytest.param(-3.0, -2.0, "max", "pass", 0.5, id="under a negative max"),
    ],
)
def test_decide_compares_the_value_with_the_bound(
    value: float, bound: float, direction: Direction, outcome: Outcome, distance: float | None
) -> None:
    of = budget(Gauge(Selector("g")), bound, direction, Unit.COUNT)
    verdict = decide(of, Measurement(value, 5, FOUND), ())
    assert verdict.outcome == outcome
    assert verdict.margin == (None if distance is None else pytest.approx(distance, abs=1e-9))
    assert (verdict.value, verdict.bound, verdict.samples) == (value, bound, 5)
    assert (verdict.lower, verdict.upper) == (None, None)


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        pytest.param({}, "fail", id="severity error fails"),
        pytest.param({"severity": "warn"}, "warn", id="severity warn warns"),
        pytest.param({"waiver": WAIVED}, "warn", id="a waiver turns it into a warning"),
    ],
)
def test_decide_on_a_breach_follows_severity_and_waiver(
    fields: dict[str, Any], outcome: Outcome
) -> None:
    got, reason = verdict_of(0.3, replace(P95, **fields))
    assert got == outcome
    assert ("waived until 2031-05-01: the index is being built" in reason) == ("waiver" in fields)


@pytest.mark.parametrize(
    ("on_no_data", "severity", "outcome", "words"),
    [
        ("inconclusive", "error", "inconclusive", "no data: gone"),
        ("inconclusive", "warn", "inconclusive", "no data: gone"),
        ("fail", "error", "fail", "no data, which fails by on_no_data: gone"),
        ("fail", "warn", "warn", "no data, which fails by on_no_data: gone"),
        ("ignore", "error", "warn", "no data, ignored by on_no_data: gone"),
    ],
)
def test_decide_without_data_follows_on_no_data(
    on_no_data: Any, severity: Any, outcome: Outcome, words: str
) -> None:
    of = replace(P95, on_no_data=on_no_data, severity=severity)
    assert verdict_of(None, of, samples=0, reason="gone") == (outcome, words)


@pytest.mark.parametrize(("samples", "outcome"), [(99, "inconclusive"), (100, "pass")])
def test_decide_takes_too_few_samples_for_no_data(samples: int, outcome: Outcome) -> None:
    got, reason = verdict_of(0.1, replace(P95, min_samples=100), samples=samples)
    assert got == outcome
    assert ("99 samples are fewer than min_samples (100)" in reason) == (samples == 99)


def test_one_sample_is_named_in_the_singular() -> None:
    _, reason = verdict_of(0.1, replace(P95, min_samples=100), samples=1)
    assert "1 sample is fewer than min_samples (100)" in reason


@pytest.mark.parametrize(
    ("value", "fields", "outcome"),
    [
        pytest.param(0.3, {"meets": True}, "pass", id="bucket counts win over interpolation"),
        pytest.param(0.1, {"meets": False}, "fail", id="also when they tell of a breach"),
        pytest.param(None, {"meets": False}, "fail", id="a breach needs no value"),
        pytest.param(0.1, {"undecided": "no edge"}, "inconclusive", id="undecided wins over value"),
        pytest.param(None, {"undecided": "no edge"}, "inconclusive", id="undecided without value"),
    ],
)
def test_decide_follows_what_is_known_better_than_the_value(
    value: float | None, fields: dict[str, Any], outcome: Outcome
) -> None:
    assert verdict_of(value, **fields)[0] == outcome


@pytest.mark.parametrize(
    ("scope", "request_name", "of", "spoilt"),
    [
        ("all", "", P95, True),
        ("all", "", LEVEL, True),
        ("client", "", P95, True),
        ("client", "", ERRORS, True),
        ("client", "", LEVEL, False),
        ("server", "", P95, False),
        ("server", "", LEVEL, True),
        ("latency", "", P95, True),
        ("latency", "", ERRORS, False),
        ("latency", "", LEVEL, False),
        ("all", "GET /other", P95, False),
    ],
)
@pytest.mark.parametrize("value", [0.1, 99.0])
def test_decide_is_inconclusive_by_a_tripped_guard_that_touches_the_budget(
    scope: Scope, request_name: str, of: Budget, spoilt: bool, value: float
) -> None:
    why = "half was delivered; lower the rate"
    tripped = guard("load-delivered", why, tripped=True, scope=scope, request=request_name)
    second = guard("user-errors", "oops", tripped=True, scope=scope, request=request_name)
    measurement = Measurement(value, 100, FOUND)
    verdict = decide(of, measurement, (tripped, second))
    assert (verdict.outcome == "inconclusive") is spoilt
    assert verdict.value == value
    assert verdict.guard == ("load-delivered" if spoilt else "")
    if spoilt:
        assert verdict.reason == f"load-delivered: {why} (also tripped: user-errors)"
    held = [replace(one, outcome="ok") for one in (tripped, second)]
    assert decide(of, measurement, held) == decide(of, measurement, ())


def test_decide_by_a_server_that_scraped_for_itself_needs_no_own_scrapes() -> None:
    tripped = guard("scrape-coverage", "half", tripped=True, scope="server")
    own, answered = (Measurement(0.1, 100, source) for source in (FOUND, PROMETHEUS))
    assert decide(LEVEL, own, (tripped,)).outcome == "inconclusive"
    assert decide(LEVEL, answered, (tripped,)).outcome == "pass"


UNCERTAIN: list[Any] = [
    pytest.param(99, {}, "inconclusive", "99 samples are too few to be certain", id="too few"),
    pytest.param(100, {}, "inconclusive", "may be on the other side of the bound", id="enough"),
    pytest.param(100, {"waiver": WAIVED}, "warn", "waived until 2031-05-01", id="waived"),
]


@pytest.mark.parametrize(("samples", "fields", "outcome", "words"), UNCERTAIN)
def test_decide_within_an_interval_that_holds_the_bound(
    samples: int, fields: dict[str, Any], outcome: Outcome, words: str
) -> None:
    either = Confidence(0.0, 99.0, 100)
    verdict = decide(replace(P95, **fields), Measurement(0.1, samples, FOUND), (), either)
    assert verdict.outcome == outcome
    assert words in verdict.reason


def test_margin_of_a_value_that_is_the_bound_but_for_float_noise_is_zero() -> None:
    assert margin(0.1 + 0.2, 0.3, "max") == 0.0


def test_judge_needs_more_than_the_value_unless_its_breach_stopped_the_load() -> None:
    few = requests(ok=[0.010] * 8 + [0.9] * 2)
    assert judge((P95,), evidence(latency=few)).verdicts[0].outcome == "inconclusive"
    stopped = evidence(latency=few, status="aborted", aborted_by=P95.name)
    assert judge((P95,), stopped).verdicts[0].outcome == "fail"


def test_decide_distrusts_a_run_before_it_ignores_missing_data() -> None:
    failed = guard("run-complete", "the run failed", tripped=True, scope="all")
    of = replace(P95, on_no_data="ignore")
    verdict = decide(of, Measurement(None, 0, FOUND, reason="nothing"), (failed,))
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "run-complete: the run failed")


@pytest.mark.parametrize(
    ("value", "fields", "sentence"),
    [
        (0.12, {}, "p95 latency of all requests is 120 ms, 40% under the max of 200 ms"),
        (0.2, {}, "p95 latency of all requests is 200 ms, exactly at the max of 200 ms"),
        (
            0.312,
            {"share_over": 0.12, "reason": "the slowest is GET /b with 900 ms"},
            (
                "p95 latency of all requests is 312 ms, 56% over the max of 200 ms; 12% of 100"
                " samples are over it; the slowest is GET /b with 900 ms"
            ),
        ),
        (
            None,
            {"meets": False, "reason": "it is over the last bucket edge, 500 ms"},
            (
                "p95 latency of all requests is not known exactly (it is over the last bucket edge,"
                " 500 ms), against the max of 200 ms"
            ),
        ),
        (
            0.1,
            {"undecided": "6% of the requests failed"},
            (
                "p95 latency of all requests is 100 ms, 50% under the max of 200 ms, but 6% of the"
                " requests failed"
            ),
        ),
    ],
)
def test_decide_gives_a_plain_sentence_with_numbers(
    value: float, fields: dict[str, Any], sentence: str
) -> None:
    assert verdict_of(value, **fields)[1] == sentence


@pytest.mark.parametrize(
    ("indicator", "name", "look"),
    [
        (Latency(0.999, "GET /a"), "p99.9 latency of GET /a", "own times"),
        (Latency(None, of="service_time"), "mean service time of all requests", "own times"),
        (Latency(0.5, outcome="error"), "p50 latency of all requests that failed", "own times"),
        (ErrorRatio("GET /a"), "error ratio of GET /a", "log"),
        (Throughput(), "throughput of all requests", "limit"),
        (
            Quantile(Selector(names.HTTP_DURATION, {"http_route": "/a"}), 0.95),
            f'p95 of {names.HTTP_DURATION}{{http_route="/a"}}',
            "routes",
        ),
        (Mean(Selector(names.DB_DURATION)), f"mean of {names.DB_DURATION}", "index"),
        (
            Ratio(Selector(names.CACHE_GETS, {"result": "hit"}), Selector(names.CACHE_GETS)),
            'cache_gets_total{result="hit"} per cache_gets_total',
            "time to live",
        ),
        (Rate(Selector(names.CPU_SECONDS)), f"rate of {names.CPU_SECONDS}", "profile"),
        (
            Rate(Selector(names.CPU_SECONDS), Selector(names.CPU_COUNT)),
            f"rate of {names.CPU_SECONDS} per {names.CPU_COUNT}",
            "profile",
        ),
        (Gauge(Selector(names.MEMORY_BYTES), "growth"), f"growth of {names.MEMORY_BYTES}", "grows"),
        (
            Utilization(Selector(names.POOL_COUNT), Selector(names.POOL_MAX), "max"),
            f"max of {names.POOL_COUNT} over {names.POOL_MAX}",
            "connections",
        ),
        (Gauge(Selector("own_metric")), "mean of own_metric", "what else"),
        (Promql("sum(up)"), "sum(up)", "what else"),
    ],
)
def test_words_describe_an_indicator_and_say_where_to_look(
    indicator: Indicator, name: str, look: str
) -> None:
    assert describe(indicator) == name
    assert look in advice(indicator)


@pytest.mark.parametrize(
    ("of", "measurement", "advised"),
    [
        pytest.param(P95, Measurement(0.3, 100, FOUND), True, id="a breach"),
        pytest.param(
            replace(P95, severity="warn"), Measurement(0.3, 100, FOUND), True, id="a warning"
        ),
        pytest.param(
            P95,
            Measurement(None, 100, FOUND, meets=False, reason="over the last edge"),
            True,
            id="a breach by an unknown value",
        ),
        pytest.param(P95, Measurement(0.1, 100, FOUND), False, id="a pass"),
        pytest.param(P95, Measurement(None, 0, FOUND, reason="none"), False, id="no data"),
        pytest.param(
            replace(P95, on_no_data="fail"),
            Measurement(None, 0, FOUND, reason="none"),
            False,
            id="no data, which fails",
        ),
    ],
)
def test_decide_advises_where_to_look_when_the_bound_is_breached(
    of: Budget, measurement: Measurement, advised: bool
) -> None:
    assert decide(of, measurement, ()).advice == (advice(of.indicator) if advised else "")


# --- the outcome of a run -----------------------------------------------------------------------

PASS = budget(Latency(0.95), 0.2, name="pass")
FAIL = budget(Latency(0.95), 0.001, name="fail")
WARN = replace(FAIL, name="warn", severity="warn")
OPEN = budget(Gauge(Selector("gone")), 1.0, unit=Unit.COUNT, name="open")
OPEN_WARN = replace(OPEN, name="open-warn", severity="warn")
IGNORED = replace(OPEN, name="ignored", on_no_data="ignore")
TOO_FEW = replace(ERRORS, name="too-few", on_no_data="ignore", min_samples=101)


@pytest.mark.parametrize(
    ("budgets", "outcome", "exit_code"),
    [
        pytest.param([PASS], "pass", 0, id="every budget holds"),
        pytest.param([PASS, WARN], "warn", 0, id="a warning lets the run pass"),
        pytest.param([PASS, OPEN_WARN], "warn", 0, id="an open budget of severity warn warns"),
        pytest.param([PASS, IGNORED], "warn", 0, id="ignored lack of data warns"),
        pytest.param([PASS, OPEN], "inconclusive", 4, id="an open budget of severity error"),
        pytest.param([OPEN, WARN, FAIL], "fail", 3, id="a breach outweighs all"),
        pytest.param([WARN, OPEN], "inconclusive", 4, id="open outweighs a warning"),
        pytest.param([], "inconclusive", 4, id="no budget applies"),
        pytest.param([IGNORED, OPEN_WARN], "inconclusive", 4, id="nothing at all was judged"),
    ],
)
def test_judge_outcome_is_the_worst_that_counts(
    budgets: list[Budget], outcome: Outcome, exit_code: int
) -> None:
    judgement = judge(tuple(budgets), evidence())
    assert (judgement.outcome, judgement.exit_code) == (outcome, exit_code)
    assert [v.name for v in judgement.verdicts] == [b.name for b in budgets]


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(TOO_FEW, id="ignored"),
        pytest.param(replace(TOO_FEW, on_no_data="fail", severity="warn"), id="only warns"),
        pytest.param(replace(TOO_FEW, on_no_data="fail", waiver=WAIVED), id="waived"),
    ],
)
def test_judge_of_too_few_samples_alone_is_inconclusive_although_all_requests_failed(
    of: Budget,
) -> None:
    outage = requests(failed=[0.010] * 100)
    judgement = judge((of,), evidence(latency=outage))
    assert (judgement.verdicts[0].outcome, judgement.verdicts[0].value) == ("warn", 1.0)
    assert (judgement.outcome, judgement.exit_code) == ("inconclusive", 4)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "failed", "window": (None, None), "latency": {}},
        {"status": "interrupted"},
        {"exit_code": -9},
        {"latency": {}},
    ],
    ids=["a failed run", "an interrupted run", "a killed service", "a run without requests"],
)
def test_judge_is_inconclusive_about_every_budget_of(fields: dict[str, Any]) -> None:
    judgement = judge((PASS, FAIL, IGNORED, LEVEL), evidence(**fields))
    assert {v.outcome for v in judgement.verdicts} == {"inconclusive"}
    assert judgement.exit_code == 4


def test_judge_gives_4_when_a_budgeted_endpoint_got_no_request() -> None:
    gone = budget(Latency(0.95, "GET /gone"), 0.2, name="gone")
    judgement = judge((PASS, gone), evidence())
    assert [v.outcome for v in judgement.verdicts] == ["pass", "inconclusive"]
    assert judgement.exit_code == 4
    assert "no request GET /gone was recorded" in judgement.verdicts[1].reason


def test_judge_without_metrics_still_judges_the_client_side() -> None:
    judgement = judge((PASS, OPEN), evidence(metrics=(), ups=[]))
    assert [v.outcome for v in judgement.verdicts] == ["pass", "inconclusive"]
    assert "no metrics endpoint is configured" in judgement.verdicts[1].reason


def test_judge_says_which_bucket_is_missing() -> None:
    of = budget(Quantile(Selector("h"), 0.95), 0.3)
    run = evidence(*buckets("h", {"0.2": 90, "0.5": 96, "+Inf": 100}))
    (verdict,) = judge((of,), run).verdicts
    assert verdict.outcome == "inconclusive"
    assert "but h has no bucket edge at 300 ms" in verdict.reason


# --- laws -----------------------------------------------------------------------------------------

TIMES = st.lists(st.floats(0.001, 1.0), min_size=1, max_size=80)
BOUND = st.floats(0.01, 0.9)
QUANTILE = st.sampled_from([None, 0.5, 0.95, 1.0])


@given(TIMES, st.lists(st.floats(0, 5), max_size=80), QUANTILE, BOUND, st.integers(0, 20))
def test_judge_slower_requests_never_turn_a_breach_into_a_pass(
    times: list[float], more: list[float], quantile: float | None, bound: float, failed: int
) -> None:
    of = (budget(Latency(quantile), bound),)
    before = judge(of, evidence(latency=requests(ok=times, failed=[0.0] * failed)))
    slower = times + [max(times) + extra for extra in more]
    after = judge(of, evidence(latency=requests(ok=slower, failed=[0.0] * failed)))
    if before.outcome == "fail":
        assert after.outcome != "pass"


@given(TIMES, QUANTILE, BOUND, st.integers(0, 40), st.integers(1, 40))
def test_judge_more_failures_never_turn_anything_into_a_pass(
    times: list[float], quantile: float | None, bound: float, failed: int, more: int
) -> None:
    of = (budget(Latency(quantile), bound), budget(ErrorRatio(), 0.1, unit=Unit.RATIO))
    before = judge(of, evidence(latency=requests(ok=times, failed=[0.0] * failed)))
    after = judge(of, evidence(latency=requests(ok=times, failed=[0.0] * (failed + more))))
    for was, now in zip(before.verdicts, after.verdicts, strict=True):
        assert not (now.outcome == "pass" and was.outcome != "pass")


@given(st.permutations([PASS, FAIL, WARN, OPEN, OPEN_WARN, IGNORED, LEVEL]), st.integers(1, 7))
def test_judge_does_not_depend_on_the_order_of_the_budgets(
    budgets: list[Budget], count: int
) -> None:
    chosen = budgets[:count]
    run = evidence(series("g", lambda t: t))
    one, other = judge(tuple(chosen), run), judge(tuple(reversed(chosen)), run)
    assert one.outcome == other.outcome
    assert one.verdicts == tuple(reversed(other.verdicts))
    assert one.guards == other.guards


@pytest.mark.parametrize("spelling", ["200ms", "0.2s", "200000us", "0.2 s"])
def test_judge_does_not_depend_on_how_the_bound_is_written(spelling: str) -> None:
    of = replace(P95, bound=parse(spelling, Unit.SECONDS))
    verdict = decide(of, measure(of, evidence(latency=requests(ok=[0.2] * 20))), ())
    assert verdict.outcome == "pass"
    assert verdict.margin == pytest.approx(0, abs=1e-9)


@given(
    st.floats(-1e6, 1e6, allow_subnormal=False),
    st.floats(-1e6, 1e6, allow_subnormal=False),
    st.sampled_from(["max", "min"]),
    st.integers(-30, 30),
)
def test_bounds_do_not_depend_on_the_unit_and_agree_with_the_margin(
    value: float, bound: float, direction: Direction, power: int
) -> None:
    factor = 2.0**power
    assert holds(value * factor, bound * factor, direction) == holds(value, bound, direction)
    distance = margin(value, bound, direction)
    assert (distance is None) == (bound == 0)
    if distance is not None:
        assert (distance >= 0) == holds(value, bound, direction)
    # A max and a min on one bound hold together only exactly at it.
    both = holds(value, bound, "max") and holds(value, bound, "min")
    assert both == (value == pytest.approx(bound, rel=1e-9, abs=0))


# --- the value alone ------------------------------------------------------------------------------


@pytest.mark.parametrize(("bound", "outcome"), [(0.101, "pass"), (0.099, "fail")])
def test_value_alone_decides_where_the_budget_says_so(bound: float, outcome: str) -> None:
    run = evidence(latency=requests(ok=[0.1] * 10))
    by_value = budget(Latency(0.95), bound, decide="value")
    verdicts = judge((by_value, replace(by_value, decide="interval")), run).verdicts
    assert [one.outcome for one in verdicts] == [outcome, "inconclusive"]
    assert (verdicts[0].lower, verdicts[0].upper, verdicts[0].decide) == (None, None, "value")
    assert "; by the value alone, which claims nothing beyond this run" in verdicts[0].reason
    assert "by the value alone" not in verdicts[1].reason


def test_guards_and_min_samples_hold_where_the_value_alone_decides() -> None:
    one = budget(Latency(0.95), 0.2, decide="value")
    (few,) = judge((replace(one, min_samples=50),), evidence(latency=requests(ok=[0.1]))).verdicts
    assert (few.outcome, few.waits) == ("inconclusive", True)
    (guarded,) = judge((one,), evidence(status="failed")).verdicts
    assert (guarded.outcome, guarded.waits) == ("inconclusive", False)


def test_excess_of_the_first_seconds_is_told_from_a_slow_tail() -> None:
    times = requests(ok=[0.01] * 480)
    (key,) = times
    cold = {n: distribution([0.9] * 20 * (n == 0) + [0.01] * 96) for n in range(5)}
    run = replace(evidence(latency=times), batches={key: cold})
    run = replace(run, latency={key: Distribution.merge(cold.values())})
    (verdict,) = judge((budget(Latency(0.95), 0.2),), run).verdicts
    assert verdict.outcome == "inconclusive"
    assert "20 of the 20 over it came in the first 2 s of the window" in verdict.reason
    assert "raise `warm_up`" in verdict.reason


def test_judge_more_load_does_not_help_a_budget_without_any_data() -> None:
    gauge = budget(Gauge(Selector("never_exposed")), 1.0, unit=Unit.COUNT)
    (verdict,) = judge((gauge,), evidence()).verdicts
    assert (verdict.outcome, verdict.waits) == ("inconclusive", False)


def test_judge_more_load_does_not_help_where_a_guard_tripped_or_a_bucket_hides_the_value() -> None:
    near = budget(Latency(0.95), 0.0101)
    slow = requests(ok=[0.010] * 95 + [0.011] * 5)
    (open_one,) = judge((near,), evidence(latency=slow)).verdicts
    (guarded,) = judge((near,), evidence(latency=slow, status="failed")).verdicts
    assert [one.outcome for one in (open_one, guarded)] == ["inconclusive"] * 2
    assert (open_one.waits, guarded.waits) == (True, False)
    hidden = Measurement(0.01, 100, "service metrics", undecided="the bound is within a bucket")
    verdict = decide(near, hidden, ())
    assert (verdict.outcome, verdict.waits) == ("inconclusive", False)


DOUBTS = guard("scheduler-lag", "up to 30 ms late", tripped=True, scope="latency")
FAILED = guard("run-complete", "the run failed", tripped=True, scope="all")


@pytest.mark.parametrize(
    ("tripped", "lower", "waits"),
    [
        pytest.param((DOUBTS,), 0.09, True, id="delays, and the bound is within the interval"),
        pytest.param((DOUBTS,), 0.11, False, id="delays, and a breach that is certain else"),
        pytest.param((DOUBTS, FAILED), 0.09, False, id="another guard as well"),
    ],
)
def test_judge_more_load_may_decide_a_breach_in_doubt_that_chance_may_have_made(
    tripped: tuple[Guard, ...], lower: float, waits: bool
) -> None:
    measured = Measurement(0.12, 400, "load generator")
    interval = Confidence(lower, 0.14)
    verdict = decide(budget(Latency(0.95), 0.1), measured, tripped, interval)
    assert (verdict.outcome, verdict.waits) == ("inconclusive", waits)
    few = replace(budget(Latency(0.95), 0.1), min_samples=500)
    assert decide(few, measured, tripped, interval).waits == (FAILED not in tripped)

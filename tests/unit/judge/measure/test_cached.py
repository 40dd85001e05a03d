"""Metrics that a cache answers for are old: no budget that reads them passes, and none fails."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.budgets.model import Budget, Gauge, PerRequest, Rate, Selector
from harness.judge.judge import judge
from harness.names import GENERATOR_ELSEWHERE, SCRAPE_DURATION, UNANSWERED_LATENCY
from harness.runs.model import Evidence, LatencyKey, Series
from harness.units import Unit
from tests.unit.judge.evidence import (
    APP,
    OTHER,
    TIMES,
    budget,
    distribution,
    evidence,
    requests,
    series,
    up,
)

REQUESTS = "http_server_request_duration_seconds_count"
CPU = "process_cpu_seconds_total"
ERRORS = budget(Rate(Selector("errors")), 0.1, unit=Unit.PER_SECOND)
QUERIES = budget(PerRequest(Selector("queries")), 3, unit=Unit.COUNT)
GROWTH = budget(Gauge(Selector("memory"), "growth"), 1e6, unit=Unit.BYTES)
LABELS = {"http_request_method": "GET"}


def held(seconds: float) -> Callable[[float], float]:
    """When a cache that keeps an answer for so long read what it answers at a moment."""
    return lambda t: (t + 5) // seconds * seconds - 5


def shown(at: Callable[[float], float], first: str = REQUESTS, begun: float = 0.25) -> list[Series]:
    """A service whose errors are 1/s, with 4 queries for each of its 10 requests a second.

    Args:
        at: The moment of an answer's values, for each moment of a scrape.
        first: The counter that changes with each request.
        begun: What that one has counted before.
    """
    return [
        series(first, lambda t: begun + 10 * at(t), LABELS),
        series("errors", lambda t: 50 + at(t)),
        series("queries", lambda t: 500 + 40 * at(t)),
        series("memory", lambda t: 1e8 + 1e6 * at(t)),
        series(SCRAPE_DURATION, lambda t: 0.001 * (t + 6)),
    ]


def outcome(one: Budget, run: Evidence) -> tuple[str, str]:
    (verdict,) = judge((one,), run).verdicts
    return verdict.outcome, verdict.reason


@pytest.mark.parametrize("one", [ERRORS, QUERIES, GROWTH])
@pytest.mark.parametrize("first", [REQUESTS, CPU])
def test_metrics_that_a_cache_answers_for_decide_nothing(one: Budget, first: str) -> None:
    assert outcome(one, evidence(*shown(lambda t: t, first)))[0] == "fail"
    found = outcome(one, evidence(*shown(held(60), first)))
    assert found[0] == "inconclusive"
    # The 20 of the last two seconds may have been answered after the last scrape.
    assert (
        f"{APP} showed the same metrics for 10 s, in which 80 requests were answered, as those of a"
        " cache or of a slow collector do" in found[1]
    )


def test_cache_that_keeps_answers_for_a_part_of_the_window_is_seen() -> None:
    outcome_of, reason = outcome(ERRORS, evidence(*shown(held(6))))
    assert outcome_of == "inconclusive"
    assert "showed the same metrics for 5 s, in which 20 requests" in reason


@pytest.mark.parametrize("seconds", [1, 2])
def test_answers_that_are_old_by_less_than_a_fifth_of_the_window_decide(seconds: float) -> None:
    assert outcome(ERRORS, evidence(*shown(held(seconds))))[0] == "fail"


NO_CACHE = {
    "another metric changes": lambda: evidence(*shown(held(60)), series("gc", lambda t: t)),
    "a series appears in each scrape": lambda: evidence(
        *shown(held(60)), *(series("one", [1.0], {"n": str(t)}, times=[t]) for t in TIMES)
    ),
    "the metrics have no requests and no CPU time": lambda: evidence(
        *shown(held(60), "other_total")
    ),
    "the CPU time is in whole seconds": lambda: evidence(*shown(held(60), CPU, begun=1.0)),
    "few requests were answered": lambda: evidence(
        *shown(held(60)), latency=requests(ok=[0.01] * 9)
    ),
    "the requests were answered later": lambda: evidence(
        *shown(held(60)), latency=requests(ok=[30.0] * 100)
    ),
    "some requests went to another service": lambda: evidence(
        *shown(held(60)), series(GENERATOR_ELSEWHERE, lambda t: t, instance="")
    ),
    "another replica may have got the requests": lambda: evidence(
        *shown(held(60)),
        *(replace(s, labels={**s.labels, "instance": OTHER}) for s in shown(lambda _: 0.0)),
        ups=[up(), up(OTHER)],
    ),
}


@pytest.mark.parametrize("run", NO_CACHE.values(), ids=NO_CACHE)
def test_metrics_that_stay_as_they_are_are_not_always_those_of_a_cache(
    run: Callable[[], Evidence],
) -> None:
    assert "of a cache" not in outcome(ERRORS, run())[1]


def test_unanswered_requests_show_no_cache() -> None:
    latency = {
        **requests(ok=[0.01] * 5),
        LatencyKey(UNANSWERED_LATENCY, "", "GET", "/contacts"): distribution([20.0] * 95),
    }
    run = evidence(*shown(held(60)), latency=latency, waited=20.0)
    assert "of a cache" not in outcome(ERRORS, run)[1]


def test_budget_on_an_exporter_does_not_rest_on_the_cached_metrics() -> None:
    rows = series("rows", lambda t: 1e6 + 10 * (t + 5), instance=OTHER)
    run = evidence(*shown(held(60)), rows, ups=[up(), up(OTHER)])
    target = {**run.manifest.target, "exporters": [OTHER]}
    run = replace(run, manifest=run.manifest.model_copy(update={"target": target}))
    assert outcome(budget(Rate(Selector("rows")), 50, unit=Unit.PER_SECOND), run)[0] == "pass"
    assert outcome(ERRORS, run)[0] == "inconclusive"

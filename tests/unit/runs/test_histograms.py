"""Recorded times as histograms for Prometheus."""

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runs.cells import bucket_of, middle_of
from harness.runs.histograms import MOST_REQUESTS, OTHER_REQUESTS, HistogramSet
from harness.runs.model import Distribution, LatencyKey
from harness.runs.openmetrics import Sample

GET = LatencyKey("latency", "ok", "GET", "/contacts")
TIMES = st.lists(st.floats(1e-6, 100), min_size=1, max_size=50)


def counts(seconds: Iterable[float]) -> dict[int, int]:
    found: dict[int, int] = {}
    for one in seconds:
        bucket = bucket_of(one)
        found[bucket] = found.get(bucket, 0) + 1
    return found


def tally(*added: tuple[LatencyKey, Iterable[float]], bounds: Iterable[float] = ()) -> list[Sample]:
    whole = HistogramSet(bounds)
    for key, seconds in added:
        whole.add(key, counts(seconds))
    return list(whole.samples())


def buckets(samples: Iterable[Sample]) -> dict[str, float]:
    return {one.labels["le"]: one.value for one in samples if one.name.endswith("_bucket")}


def value(samples: Iterable[Sample], name: str, **labels: str) -> float:
    (found,) = (s.value for s in samples if s.name == name and labels.items() <= s.labels.items())
    return found


def test_tally_counts_times_up_to_each_edge() -> None:
    samples = tally((GET, [0.0004, 0.0019, 0.004, 0.2, 0.9, 70.0]), (GET, [0.0041]))
    found = buckets(samples)
    assert (found["0.001"], found["0.002"], found["0.005"], found["1.0"]) == (1, 2, 4, 6)
    assert (found["60.0"], found["+Inf"]) == (6, 7)
    name = "harness_request_latency_seconds"
    assert value(samples, f"{name}_count") == 7
    assert value(samples, f"{name}_sum") == pytest.approx(71.1104, rel=1e-3)
    assert {(one.kind, one.family) for one in samples if "_request_" in one.name} == {
        ("histogram", name)
    }
    assert value(samples, "harness_requests_total", request="GET /contacts", outcome="ok") == 7


@given(TIMES, st.floats(0.0001, 90))
def test_tally_of_what_is_over_a_bound_is_that_of_the_verdict(
    seconds: list[float], bound: float
) -> None:
    bound = float(f"{bound:.3g}")
    samples = tally((GET, seconds), bounds=[bound])
    parts = (Distribution((middle_of(b),), (n,)) for b, n in counts(seconds).items())
    distribution = Distribution.merge(parts)
    within = buckets(samples)[repr(bound)]
    assert 1 - within / len(seconds) == pytest.approx(distribution.share_over(bound), abs=1e-12)
    mean = value(samples, "harness_request_latency_seconds_sum") / len(seconds)
    assert mean == pytest.approx(distribution.mean)


@given(TIMES, st.lists(st.floats(0.001, 100), max_size=3))
def test_tally_never_falls_from_edge_to_edge(seconds: list[float], bounds: list[float]) -> None:
    samples = [one for one in tally((GET, seconds), bounds=bounds) if "le" in one.labels]
    edges = [float(one.labels["le"]) for one in samples]
    seen = [one.value for one in samples]
    assert edges == sorted(set(edges))
    assert edges[-1] == math.inf
    assert seen == sorted(seen)
    assert seen[-1] == len(seconds)


def test_tally_has_one_edge_for_a_bound_with_float_noise() -> None:
    edges = buckets(tally((GET, [1.0]), bounds=[0.1 + 0.2, 0.25, 0.3]))
    assert [edge for edge in edges if 0.2 < float(edge) < 0.5] == ["0.25", "0.3"]


def test_tally_tells_requests_and_outcomes_apart() -> None:
    failed = LatencyKey("service_time", "error", "POST", "/orders")
    samples = tally((GET, [0.1] * 3), (failed, [0.2] * 2))
    latency = "harness_request_latency_seconds_count"
    assert value(samples, latency, request="GET /contacts", outcome="ok") == 3
    service_time = "harness_request_service_time_seconds_count"
    assert value(samples, service_time, request="POST /orders", outcome="error") == 2
    requests = [one.labels["request"] for one in samples if one.name == "harness_requests_total"]
    assert requests == ["GET /contacts"]  # counted once, not for each of its times


def test_tally_merges_the_requests_that_are_too_many() -> None:
    keys = [LatencyKey("latency", "ok", "GET", f"/items/{n}") for n in range(MOST_REQUESTS + 3)]
    samples = tally(*((key, [0.1]) for key in keys), (keys[0], [0.1]))
    name = "harness_request_latency_seconds_count"
    assert sum(one.name == name for one in samples) == MOST_REQUESTS + 1
    assert value(samples, name, request="GET /items/0") == 2
    assert value(samples, name, request=OTHER_REQUESTS) == 3


@pytest.mark.parametrize(
    ("what", "family"),
    [
        ("start_lag", "harness_start_lag_seconds"),
        ("scheduler_lag", "harness_scheduler_lag_seconds"),
        ("generator_loop_lag", "harness_generator_loop_lag_seconds"),
        ("generator_canary", "harness_generator_canary_seconds"),
    ],
)
def test_tally_has_the_lags_of_each_generator(what: str, family: str) -> None:
    one, two = LatencyKey(what, name="worker-1"), LatencyKey(what, name="worker-2")
    samples = tally((one, [0.0003] * 3), (two, [0.02]))
    assert value(samples, f"{family}_bucket", source="worker-1", le="0.0005") == 3
    assert value(samples, f"{family}_count", source="worker-2") == 1
    assert "source" not in tally((LatencyKey(what), [0.1]))[0].labels


@pytest.mark.parametrize(
    "what", ["unanswered_latency", "unanswered_service_time", "unstarted_latency", "of-the-future"]
)
def test_waits_without_an_answer_are_no_times(what: str) -> None:
    assert tally((LatencyKey(what, "", "GET", "/contacts"), [30.0])) == []

"""The data of the percentile plot and of the histogram."""

from typing import Any, cast

import pytest

from harness.names import ERROR, LATENCY, OK, SERVICE_TIME
from harness.report.html.distribution import BARS, distribution_data
from harness.report.run.endpoints import endpoints
from harness.runs.model import Distribution, LatencyKey

MANY, FEW = range(1, 101), range(1, 5)  # ms


def times(of: range, factor: float = 1.0) -> Distribution:
    return Distribution(tuple(factor * ms / 1000 for ms in of), (1,) * len(of))


def data() -> dict[str, Any]:
    latency = {
        LatencyKey(LATENCY, OK, "GET", "/many"): times(MANY),
        LatencyKey(SERVICE_TIME, OK, "GET", "/many"): times(MANY, 0.5),
        LatencyKey(LATENCY, OK, "GET", "/few"): times(FEW),
        LatencyKey(LATENCY, ERROR, "GET", "/few"): times(FEW),
    }
    found = distribution_data(latency, endpoints(latency))
    return cast("dict[str, Any]", found)


def test_percentiles_of_all_requests_share_their_places() -> None:
    found = data()
    assert found["suffix"] == " ms"
    places = found["places"]
    assert places[:11] == [1, 1.111, 1.25, 1.429, 1.667, 2, 2.222, 2.5, 2.857, 3.333, 4]
    assert places == sorted(places)
    _, many, few = found["requests"]
    assert (many["label"], few["label"]) == ("GET /many", "GET /few")
    for name, factor in (("latency", 1.0), ("service time", 0.5)):
        values = many["percentiles"][name]
        for place, value in zip(places, values, strict=False):  # the smallest with enough below it
            share = 1 - 1 / place
            assert value / factor == pytest.approx(max(1, 100 * share), abs=1.01)
        assert places[len(values) - 1] <= 100 < places[len(values)]
    assert few["percentiles"] == {"latency": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3], "service time": []}


def test_histogram_has_each_request_once() -> None:
    everything, many, few = data()["requests"]
    for request, good, bad in ((everything, 104, 4), (many, 100, 0), (few, 4, 4)):
        counts = request["histogram"]
        assert [len(bars) for bars in counts.values()] == [BARS, BARS]
        assert (sum(counts["succeeded"]), sum(counts["failed"])) == (good, bad)


def test_run_without_requests_has_no_distribution() -> None:
    assert distribution_data({}, []) is None

"""The distribution of latency: by percentile, and as a histogram."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from math import ceil, exp, floor, log, log2

from harness.names import ERROR, LATENCY, OK, SERVICE_TIME
from harness.report.html.client_panels import ALL_REQUESTS
from harness.report.html.panel import short
from harness.report.parts.words import clean
from harness.report.run.endpoints import EndpointLatency
from harness.runs.model import Distribution, LatencyKey
from harness.units import Unit, scale_of

MOST_REQUESTS = 100
BARS = 48
_TICKS = 5  # points of the percentile plot for each halving of the rest, as in HdrHistogram
_NAME = 120
_LEAST = 1e-6  # s; the least start of the bars, whose scale is logarithmic


def distribution_data(
    latency: Mapping[LatencyKey, Distribution], endpoints: Sequence[EndpointLatency]
) -> dict[str, object] | None:
    """The distributions of all requests and of the busiest endpoints, for the script.

    Args:
        latency: The latency of the window.
        endpoints: The endpoints, the busiest first.

    Returns:
        Times in the unit `suffix`. "places" are percentiles as 1 / (1 - q). A percentile plot has
        the time at each of the first places; a histogram has a count between each two `edges`.
    """
    everything = _merged(latency, LATENCY, None, OK, ERROR)
    if not everything.values:
        return None
    edges = _edges(everything)
    most = max(everything.count, _merged(latency, SERVICE_TIME, None, OK).count)
    factor, suffix = scale_of(everything.values[-1], Unit.SECONDS)
    requests: list[str | None] = [None]
    if len(endpoints) > 1:
        requests += [endpoint.request for endpoint in endpoints[:MOST_REQUESTS]]
    return {
        "suffix": suffix,
        "edges": [short(edge / factor) for edge in edges],
        "places": [short(1 / rest) for rest in _rests(most)],
        "requests": [_request(latency, one, edges, factor) for one in requests],
    }


def _request(
    latency: Mapping[LatencyKey, Distribution],
    request: str | None,
    edges: Sequence[float],
    factor: float,
) -> dict[str, object]:
    good, bad, service_time = (
        _merged(latency, what, request, outcome)
        for what, outcome in ((LATENCY, OK), (LATENCY, ERROR), (SERVICE_TIME, OK))
    )
    return {
        "label": ALL_REQUESTS if request is None else clean(request, _NAME),
        "percentiles": {
            "latency": _percentiles(good, factor),
            "service time": _percentiles(service_time, factor),
        },
        "histogram": {"succeeded": _bars(good, edges), "failed": _bars(bad, edges)},
    }


def _merged(
    latency: Mapping[LatencyKey, Distribution], what: str, request: str | None, *outcomes: str
) -> Distribution:
    return Distribution.merge(
        times
        for key, times in latency.items()
        if key.what == what and key.outcome in outcomes and request in {key.request, None}
    )


def _percentiles(times: Distribution, factor: float) -> list[float]:
    """The time at each place, up to that of the largest time."""
    cumulative = list(accumulate(times.counts))
    ranks = [max(1, ceil((1 - rest) * times.count - 1e-9)) for rest in _rests(times.count)]
    return [short(times.values[bisect_right(cumulative, rank - 1)] / factor) for rank in ranks]


def _rests(count: int) -> Iterator[float]:
    """Shares of requests above each percentile: from 1 by fifths to 1/2, then to 1/4, and so on.

    https://github.com/HdrHistogram/HdrHistogram/blob/master/src/main/java/org/HdrHistogram/PercentileIterator.java
    """
    rest = 1.0
    while count and rest * count >= 1 - 1e-9:
        yield rest
        halvings = floor(-log2(rest) + 1e-9)
        rest -= 0.5 ** (halvings + 1) / _TICKS


def _edges(times: Distribution) -> list[float]:
    """Edges of bars of equal width on a logarithmic scale."""
    low, high = max(times.values[0], _LEAST), max(times.values[-1], 2 * _LEAST)
    low, high = min(low * 0.999, high / 2), high * 1.001
    step = (log(high) - log(low)) / BARS
    return [exp(log(low) + number * step) for number in range(BARS + 1)]


def _bars(times: Distribution, edges: Sequence[float]) -> list[int]:
    counts = [0] * (len(edges) - 1)
    for value, count in zip(times.values, times.counts, strict=True):
        counts[min(max(bisect_right(edges, value) - 1, 0), len(counts) - 1)] += count
    return counts

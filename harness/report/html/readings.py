"""The metrics of the service in each interval of a run, for charts only.

Verdicts use exact differences between the edges of the window. Here, the value of a counter at the
edge of an interval is interpolated, and a gauge is its highest reading within the interval, so that
a short peak is visible in wide intervals, too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf, isfinite
from typing import assert_never

from harness.budgets.model import (
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
from harness.judge.bounds import FLOAT_NOISE, same
from harness.judge.measure.deltas import values_at, without_resets
from harness.judge.measure.series import Origin, matching, origin
from harness.names import GENERATOR_RECORDED, INSTANCE, SOURCE
from harness.report.html.axis import Axis
from harness.runs.model import Evidence, Series

Values = list[float | None]
_BEFORE = 1.0  # s: a counter that appears late was 0 so long before its first sample
_LATE = 1.5  # scrape intervals after a reading: by then the next one is there, or it is lost
_EVERY = 1.0  # s between two scrapes, in a run that does not say it


class Readings:
    """The series of a run on the axis of its charts."""

    def __init__(self, evidence: Evidence, axis: Axis) -> None:
        self._evidence = evidence
        self._axis = axis
        self._every = _scrape_interval(evidence)
        self._first: dict[Origin, float] = {}
        for series in evidence.series:
            if series.times:
                where = origin(series)
                self._first[where] = min(series.times[0], self._first.get(where, inf))

    def over_time(self, indicator: Indicator) -> Values:
        """The value of an indicator in each interval; None without data."""
        values: Values
        match indicator:
            case Mean(histogram=one):
                values = _quotient(self._rate(one.part("sum")), self._rate(one.part("count")))
            case Ratio(of=of, to=to):
                values = _quotient(self._rate(of), self._rate(to))
            case Rate():
                values = self._rate_over(indicator)
            case Quantile():
                values = self.bucket_over_time(indicator)[1]
            case Gauge():
                values = self._gauge(indicator)
            case Utilization(of=of, to=to):
                values = self._utilization(of, to)
            case PerRequest(counter=counter):
                requests = self._rate(Selector(GENERATOR_RECORDED))
                values = _quotient(self._rate(counter), requests)
            case Latency() | ErrorRatio() | Throughput() | Promql():
                values = []  # not measured by metrics of the service
            case _:
                assert_never(indicator)
        return values

    def _rate_over(self, indicator: Rate) -> Values:
        rate = self._rate(indicator.counter)
        if indicator.to is None:
            return rate
        return _quotient(rate, _total(self._levels(indicator.to).values()))

    def _rate(self, selector: Selector) -> Values:
        """Sum of the increases per second of all matching counters."""
        return _total(self._rates(matching(self._evidence, selector)))

    def _rates(self, series: Iterable[Series]) -> list[Values]:
        edges = self._axis.edges
        return [rates(one, edges, self._first[origin(one)]) for one in series if one.times]

    def bucket_over_time(self, indicator: Quantile) -> tuple[Values, Values]:
        """The ends of the bucket of a quantile in each interval; the upper is None for +Inf."""
        edges, sums = self._buckets(indicator.histogram)
        ends = [_bucket(edges, column, indicator.quantile) for column in zip(*sums, strict=True)]
        return [lower for lower, _ in ends], [upper for _, upper in ends]

    def share_over_time(self, indicator: Quantile, bound: float) -> Values:
        """The share of observations over a bound; empty if no bucket ends there."""
        edges, sums = self._buckets(indicator.histogram)
        number = next((n for n, edge in enumerate(edges) if same(edge, bound)), None)
        if number is None:
            return []
        within = _quotient([count or 0.0 for count in sums[number]], sums[-1])
        return [None if share is None else max(0.0, 1 - share) for share in within]

    def _buckets(self, selector: Selector) -> tuple[list[float], list[Values]]:
        """The edges of a histogram, and its observations per second up to each edge."""
        buckets: dict[float, list[Values]] = defaultdict(list)
        series = matching(self._evidence, selector.part("bucket"))
        for one, values in zip(series, self._rates(series), strict=True):
            edge = float(one.labels.get("le", "nan")) * selector.scale
            buckets[edge].append(values)
        edges = sorted(buckets)
        return edges, [_total(buckets[edge]) for edge in edges]

    def _levels(self, selector: Selector) -> dict[tuple[str, str], Values]:
        """The highest sum of all matching gauges, by instance and generator."""
        sums: dict[tuple[str, str], dict[float, float]] = defaultdict(lambda: defaultdict(float))
        for series in matching(self._evidence, selector):
            here = sums[series.labels.get(INSTANCE, ""), series.labels.get(SOURCE, "")]
            for at, value in zip(series.times, series.values, strict=True):
                here[at] += value
        return {name: self._highest(readings) for name, readings in sums.items()}

    def _highest(self, readings: Mapping[float, float]) -> Values:
        """The highest reading in each interval; without one the previous, while it is fresh."""
        values: Values = [None] * self._axis.count
        for at, value in readings.items():
            number = self._axis.number(at)
            if number is not None and isfinite(value):
                before = values[number]
                values[number] = value if before is None else max(before, value)
        return self._held(values, readings)

    def _held(self, values: Values, readings: Mapping[float, float]) -> Values:
        """Values with the previous reading where the next scrape was not due yet."""
        times = sorted(at for at, value in readings.items() if isfinite(value))
        held: Values = []
        for (start, end), value in zip(pairwise(self._axis.edges), values, strict=True):
            last = bisect_left(times, start) - 1
            fresh = last >= 0 and end <= times[last] + _LATE * self._every
            held.append(readings[times[last]] if value is None and fresh else value)
        return held

    def _gauge(self, indicator: Gauge) -> Values:
        levels = _total(self._levels(indicator.gauge).values())
        match indicator.over:
            case "growth":
                return self._growth(levels)
            case "mean" | "max" | "last":
                return levels
            case _:
                assert_never(indicator.over)

    def _growth(self, levels: Values) -> Values:
        start = self._axis.window[0] if self._axis.window else 0
        first = next((value for value in levels[start:] if value is not None), 0.0)
        return [None if value is None else value - first for value in levels]

    def _utilization(self, of: Selector, to: Selector) -> Values:
        """The highest share of a limit, joined as in `observe_utilization`."""
        used, limits = self._levels(of), self._levels(to)
        by_harness = all(origin(one).provider for one in matching(self._evidence, to))
        whole = next(iter(limits.values()), []) if by_harness else []
        shares = [
            _quotient(values, limit)
            for name, values in used.items()
            if (limit := limits.get(name, whole))
        ]
        return [
            max((share for share in column if share is not None), default=None)
            for column in zip(*shares, strict=True)
        ]


def _scrape_interval(evidence: Evidence) -> float:
    """Seconds between two scrapes of the service, from its run."""
    every = evidence.manifest.target.get("scrape_interval")
    return max(_EVERY, every) if isinstance(every, int | float) else _EVERY


def rates(series: Series, edges: Sequence[float], first: float) -> Values:
    """Increase per second of a counter in each interval; a decrease is a restart from 0.

    Args:
        series: A counter with at least one sample.
        edges: The edges of the intervals, ascending.
        first: The time of the first scrape of its instance; a counter that is missing then starts
            later from 0.

    Returns:
        None for an interval of which less than half lies between samples, those that are NaN or
        infinite left out.
    """
    import numpy as np  # 0.1 s

    values = np.array(series.values, dtype=np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return [None] * (len(edges) - 1)
    times = np.array(series.times, dtype=np.float64)[finite]
    totals = without_resets(values[finite])[0]
    if series.times[0] > first:
        times = np.concatenate(([first, max(first, times[0] - _BEFORE)], times))
        totals = np.concatenate(([0.0, 0.0], totals))
    ends = np.array(edges, dtype=np.float64)
    left, right = np.maximum(ends[:-1], times[0]), np.minimum(ends[1:], times[-1])
    length = right - left
    is_known = length >= np.diff(ends) / 2
    rise = values_at(right, times, totals) - values_at(left, times, totals)
    found = np.divide(rise, length, out=np.zeros(len(length)), where=is_known)
    return [
        value if known else None
        for value, known in zip(found.tolist(), is_known.tolist(), strict=True)
    ]


def _total(parts: Iterable[Values]) -> Values:
    return [
        sum(known) if (known := [value for value in column if value is not None]) else None
        for column in zip(*parts, strict=True)
    ]


def _quotient(of: Values, to: Values) -> Values:
    return [
        None if above is None or not below else above / below
        for above, below in zip(of, to, strict=False)
    ]


def _bucket(
    edges: Sequence[float], cumulative: Sequence[float | None], quantile: float
) -> tuple[float | None, float | None]:
    """The ends of the bucket that holds a quantile; both are None without observations."""
    counts = [count or 0.0 for count in cumulative]
    if not counts or counts[-1] <= 0:
        return None, None
    rank = quantile * counts[-1] * (1 - FLOAT_NOISE)
    index = next(number for number, count in enumerate(counts) if count >= rank)
    lower = edges[index - 1] if index else min(0.0, edges[0])
    return lower, edges[index] if isfinite(edges[index]) else None

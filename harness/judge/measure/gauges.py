"""What the service's gauges showed within the window: levels, or one level over another."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from typing import assert_never

from harness.budgets.model import Gauge, Over, Selector, Utilization
from harness.judge.measure.coverage import service_coverage
from harness.judge.measure.observation import ObservedExact, ObservedUtilization
from harness.judge.measure.series import (
    EDGE_TOLERANCE,
    NoDataError,
    inside,
    origin,
    read_between,
    scrape_interval,
    select,
    source,
)
from harness.runs.model import Evidence

# A reading stands for its instance until the next one; after two intervals it is too old.
_STALE = 2
_SAME_SCRAPE = EDGE_TOLERANCE / 2


def observe_levels(indicator: Gauge, evidence: Evidence) -> ObservedExact:
    """The readings of a gauge.

    Raises:
        NoDataError: There is no series, no reading within the window, or one that is not finite.
    """
    values = tuple(levels(evidence, indicator.gauge))
    where = source(select(evidence, indicator.gauge))
    coverage = service_coverage(evidence, [indicator.gauge])
    return ObservedExact(indicator, coverage, over(values, indicator.over), len(values), where)


def over(values: Sequence[float], how: Over) -> float:
    """What a gauge came to over the window.

    Args:
        values: Its readings, at least one, in the order of time.
        how: Their mean, peak, last one, or the last one minus the first.
    """
    match how:
        case "mean":
            return math.fsum(values) / len(values)
        case "max":
            return max(values)
        case "last":
            return values[-1]
        case "growth":
            return values[-1] - values[0]
        case _:
            assert_never(how)


def observe_utilization(indicator: Utilization, evidence: Evidence) -> ObservedUtilization:
    """The readings of a gauge, each divided by that of its limit.

    A limit that the harness itself read is that of the service, whichever port its metrics have.

    Raises:
        NoDataError: As for a gauge, and where a limit is missing or not above 0.
    """
    used, limits = _readings(evidence, indicator.of), _readings(evidence, indicator.to)
    by_harness = all(origin(one).provider for one in select(evidence, indicator.to))
    whole = next(iter(limits.values())) if by_harness else {}
    shares: dict[str, tuple[float, ...]] = {}
    for instance, values in used.items():
        pairs = _joined(values, limits.get(instance, whole))
        shares[instance] = tuple(_share(value, limit, indicator) for value, limit in pairs)
        if not shares[instance]:
            where = f" of {instance}" if instance else ""
            raise NoDataError(
                f"{indicator.to} was never read beside {indicator.of.metric}{where}; let the same"
                " endpoint expose both"
            )
    where = source(select(evidence, indicator.of))
    coverage = service_coverage(evidence, (indicator.of, indicator.to))
    return ObservedUtilization(indicator, coverage, shares, where)


def levels(evidence: Evidence, selector: Selector) -> list[float]:
    """The sum of all matching series at each scrape of the window, in order.

    Replicas are scraped at moments of their own: each counts with its latest reading, from the
    moment on at which all have one.

    Raises:
        NoDataError: There is no such series, or no reading within the window.
    """
    readings = _readings(evidence, selector)
    stale = _STALE * scrape_interval(evidence)
    moments: dict[float, dict[str, float]] = defaultdict(dict)
    for instance, values in readings.items():
        for time, value in values.items():
            moments[time][instance] = value
    latest: dict[str, tuple[float, float]] = {}
    sums = []
    for time in sorted(moments):
        latest |= {instance: (time, value) for instance, value in moments[time].items()}
        fresh = [value for seen, value in latest.values() if time - seen <= stale]
        if len(fresh) == len(readings):
            sums.append(math.fsum(fresh))
    if not sums:
        raise NoDataError(f"the instances of {selector} were never read together")
    return sums


def _readings(evidence: Evidence, selector: Selector) -> dict[str, dict[float, float]]:
    """By instance and scrape time within the window: the sum of the matching series."""
    found: dict[str, dict[float, float]] = defaultdict(dict)
    series = select(evidence, selector)
    between = {place: read_between(evidence, place) for place in {origin(s) for s in series}}
    for one in series:
        here = found[origin(one).instance]
        for time, value in inside(one, between[origin(one)]):
            if not math.isfinite(value):
                raise NoDataError(f"{selector} was {value} in the window")
            here[time] = here.get(time, 0.0) + value
    read = {instance: values for instance, values in found.items() if values}
    if not read:
        raise NoDataError(f"{selector} was not read within the window")
    return read


def _joined(values: dict[float, float], limits: dict[float, float]) -> list[tuple[float, float]]:
    """Each value with the limit of the same scrape; another provider's has its own time stamp."""
    times = sorted(limits)
    pairs = []
    for time in sorted(values):
        at = bisect_left(times, time)
        nearest = min(times[max(0, at - 1) : at + 1], key=lambda t: abs(t - time), default=None)
        if nearest is not None and abs(nearest - time) <= _SAME_SCRAPE:
            pairs.append((values[time], limits[nearest]))
    return pairs


def _share(value: float, limit: float, indicator: Utilization) -> float:
    if limit <= 0:
        raise NoDataError(
            f"{indicator.to} was {limit:g}: there is no limit to compare with; set one in the"
            " service, or remove the budget"
        )
    return value / limit

"""What follows from the kind of an indicator: its unit, and what a budget on it may have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from harness.budgets.model import (
    MILLISECONDS,
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
    Throughput,
    Utilization,
)
from harness.budgets.presets import Named
from harness.units import Unit

_UNIT_SUFFIXES = {"_seconds": Unit.SECONDS, "_bytes": Unit.BYTES, "_ratio": Unit.RATIO}


def of_milliseconds(indicator: Indicator) -> Indicator:
    """An indicator whose metric is in milliseconds, so that its value is in seconds.

    Raises:
        ValueError: A metric of this kind cannot be in milliseconds.
    """
    match indicator:
        case Quantile(histogram=selector) | Mean(histogram=selector):
            return replace(indicator, histogram=replace(selector, scale=MILLISECONDS))
        case Rate(counter=selector) | PerRequest(counter=selector):
            return replace(indicator, counter=replace(selector, scale=MILLISECONDS))
        case Gauge(gauge=selector):
            return replace(indicator, gauge=replace(selector, scale=MILLISECONDS))
        case Ratio(of=selector):
            return replace(indicator, of=replace(selector, scale=MILLISECONDS))
        case Latency() | ErrorRatio() | Throughput() | Utilization() | Promql():
            raise ValueError(f"{type(indicator).__name__} has no unit ms")
        case _:
            assert_never(indicator)


def unit_of(named: Named, bounds: Iterable[str]) -> Unit:
    """The unit of an indicator's value and of its bounds.

    The unit that the file or the catalogue gives comes first, then the one that the kind or the
    metric's name implies.

    Args:
        named: The indicator.
        bounds: Its bounds as written: one in % makes a ratio of counters a ratio.

    Raises:
        ValueError: The indicator is promql, whose unit the file gives, and has none.
    """
    if named.unit is not None:
        return named.unit
    match named.indicator:
        case Quantile(histogram=selector) | Mean(histogram=selector):
            unit = _by_name(selector.metric, Unit.SECONDS)
        case Gauge(gauge=selector):
            unit = _by_name(selector.metric, Unit.COUNT)
        case Ratio() | PerRequest():
            unit = Unit.RATIO if any(b.rstrip().endswith("%") for b in bounds) else Unit.COUNT
        case Rate(to=to):
            unit = Unit.RATIO if to else Unit.PER_SECOND
        case Latency():
            unit = Unit.SECONDS
        case ErrorRatio() | Utilization():
            unit = Unit.RATIO
        case Throughput():
            unit = Unit.PER_SECOND
        case Promql():
            raise ValueError("a promql indicator has a unit of its own")
        case _:
            assert_never(named.indicator)
    return unit


def can_abort(indicator: Indicator, direction: Direction) -> bool:
    """Whether a breach can be certain while the load still runs."""
    match indicator:
        case ErrorRatio():
            return direction == "max"
        case Latency(quantile=quantile):
            return direction == "max" and quantile is not None
        case (
            Throughput()
            | Quantile()
            | Mean()
            | Ratio()
            | PerRequest()
            | Rate()
            | Gauge()
            | Utilization()
            | Promql()
        ):
            return False
        case _:
            assert_never(indicator)


def can_have_objective(named: Named, direction: Direction) -> bool:
    """Whether the indicator counts events, of which a share is good."""
    match named.indicator:
        case ErrorRatio():
            return direction == "max"
        case Latency(quantile=quantile) | Quantile(quantile=quantile):
            return direction == "max" and quantile is not None
        case Ratio():
            return named.unit is Unit.RATIO
        case Throughput() | Mean() | PerRequest() | Rate() | Gauge() | Utilization() | Promql():
            return False
        case _:
            assert_never(named.indicator)


def _by_name(metric: str, default: Unit) -> Unit:
    return next((u for suffix, u in _UNIT_SUFFIXES.items() if metric.endswith(suffix)), default)

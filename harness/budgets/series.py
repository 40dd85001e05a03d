"""Which series of the service an indicator reads, and when."""

from __future__ import annotations

from typing import Final, assert_never

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
    Throughput,
    Utilization,
    typed_selectors,
)
from harness.budgets.selector import Selector


def spans_window(indicator: Indicator) -> bool:
    """Whether the value grows with the length of the window, which its bound then assumes."""
    match indicator:
        case Gauge(over=over) | Utilization(over=over):
            return over == "growth"
        case Latency() | ErrorRatio() | Throughput() | Quantile() | Mean() | Ratio() | Rate():
            return False
        case PerRequest() | Promql():
            return False
        case _:
            assert_never(indicator)


def asked_selectors(indicator: Indicator) -> tuple[tuple[Selector, bool], ...]:
    """The series that a Prometheus server is asked about, and whether each is a gauge."""
    match indicator:
        case Mean(histogram=histogram):
            return (histogram.part("sum"), False), (histogram.part("count"), False)
        case Quantile(histogram=histogram):
            return ((histogram.part("bucket"), False),)
        case Latency() | ErrorRatio() | Throughput() | Promql() | PerRequest() | Ratio() | Rate():
            pass
        case Gauge() | Utilization():
            pass
        case _:
            assert_never(indicator)
    return tuple((one, "gauge" in types) for one, types in typed_selectors(indicator))


def counters_of(indicator: Indicator) -> tuple[Selector, ...]:
    """The counters that an indicator rests on; empty for the other kinds."""
    match indicator:
        case Quantile(histogram=selector):
            return (selector.part("bucket"),)
        case Mean(histogram=selector):
            return (selector.part("count"),)
        case Ratio(of=of, to=to):
            return (of, to)
        case Rate(counter=selector) | PerRequest(counter=selector):
            return (selector,)
        case Latency() | ErrorRatio() | Throughput() | Gauge() | Utilization() | Promql():
            return ()
        case _:
            assert_never(indicator)


# Readings of a gauge within the window, both edges included: with fewer, an excess that lasts a
# quarter of the window may lie between two of them.
FEWEST_READINGS: Final = 5


def reads_between_edges(indicator: Indicator) -> bool:
    """Whether the value depends on the readings between the edges of the window."""
    match indicator:
        case Gauge(over=over) | Utilization(over=over):
            return over != "last"
        case Rate(to=to):
            return to is not None
        case Latency() | ErrorRatio() | Throughput() | Quantile() | Mean() | Ratio() | Promql():
            return False
        case PerRequest():
            return False
        case _:
            assert_never(indicator)

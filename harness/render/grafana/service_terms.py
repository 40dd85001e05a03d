"""Expressions of the panels of a service, and filters for the budgets that they show."""

from __future__ import annotations

from collections.abc import Callable

from harness.budgets.dialects.model import RoleMetric
from harness.budgets.model import (
    Gauge,
    Indicator,
    Latency,
    Mean,
    Quantile,
    Utilization,
    selectors,
)
from harness.promql.expression import number
from harness.render.grafana.panels import RATE, Query

SERVICE = ('job="$service"', 'instance=~"$instance"')
ALL = ", ".join(SERVICE)
QUANTILES = (0.5, 0.95, 0.99)

# --- filters for budgets --------------------------------------------------------------------------


def of_quantiles(metric: RoleMetric, *, answers: bool = False) -> Callable[[Indicator], bool]:
    """Fits the drawn quantiles of a whole histogram.

    Args:
        metric: The histogram.
        answers: Whether it has the times of answers, for which latency budgets stand as well.
    """

    def fits(indicator: Indicator) -> bool:
        if isinstance(indicator, Latency) and answers:
            return indicator.request is None and indicator.quantile in QUANTILES
        return (
            isinstance(indicator, Quantile)
            and indicator.histogram == metric.selector
            and indicator.quantile in QUANTILES
        )

    return fits


def of_mean(metric: RoleMetric) -> Callable[[Indicator], bool]:
    """Fits the mean of a whole histogram or summary."""
    return lambda indicator: indicator == Mean(metric.selector)


def of_kind(*kinds: type[Indicator]) -> Callable[[Indicator], bool]:
    """Fits indicators of these kinds over all requests."""

    def fits(indicator: Indicator) -> bool:
        return isinstance(indicator, kinds) and getattr(indicator, "request", None) is None

    return fits


def of_metric(metric: RoleMetric, *kinds: type[Indicator]) -> Callable[[Indicator], bool]:
    """Fits indicators of these kinds over all series of a metric, except its growth."""

    def fits(indicator: Indicator) -> bool:
        first = next(iter(selectors(indicator)), None)
        grows = isinstance(indicator, Gauge | Utilization) and indicator.over == "growth"
        return isinstance(indicator, kinds) and first == metric.selector and not grows

    return fits


# --- expressions ----------------------------------------------------------------------------------


def matchers_of(metric: RoleMetric, *, routed: bool = False) -> str:
    """The matchers of a role's series, with the chosen routes where they have a route."""
    found = [ALL]
    if routed and "route" in metric.labels:
        found.append(f'{metric.labels["route"]}=~"$route"')
    found += (f"{name}{matcher}" for name, matcher in metric.selector.matchers.items())
    return ", ".join(found)


def series_of(metric: RoleMetric) -> str:
    """The series of a role that a gauge plays."""
    return f"{metric.metric}{{{matchers_of(metric)}}}"


def rate_of(metric: str, matchers: str = ALL) -> str:
    """The increase of a counter per second."""
    return f"rate({metric}{{{matchers}}}[{RATE}])"


def events_of(metric: RoleMetric, *, routed: bool = False) -> str:
    """The events of a role per second."""
    return rate_of(metric.events.metric, matchers_of(metric, routed=routed))


def sum_by(label: str, of: str) -> str:
    """A sum that keeps a label."""
    return f"sum by ({label}) ({of})"


def in_base_unit(expression: str, metric: RoleMetric) -> str:
    """An expression in seconds, whatever the unit of the metric."""
    scale = metric.selector.scale
    return expression if scale == 1 else f"{expression} * {number(scale)}"


def quantile_of(metric: RoleMetric, quantile: float, *by: str, routed: bool = False) -> str:
    """A quantile of a histogram for each value of some labels."""
    matchers = matchers_of(metric, routed=routed)
    buckets = sum_by(", ".join(("le", *by)), rate_of(f"{metric.metric}_bucket", matchers))
    return in_base_unit(f"histogram_quantile({number(quantile)}, {buckets})", metric)


def time_lines(metric: RoleMetric, *, routed: bool = False) -> tuple[Query, ...]:
    """A query for each drawn quantile; the mean where no histogram has the times."""
    if metric.shape != "histogram":
        return (Query(mean_by(metric, "job", routed=routed), "mean"),)
    return tuple(
        Query(quantile_of(metric, q, routed=routed), f"p{q * 100:.0f}", exemplars=q == 0.95)
        for q in QUANTILES
    )


def mean_by(metric: RoleMetric, label: str, *, routed: bool = False) -> str:
    """The mean of a time for each value of a label."""
    matchers = matchers_of(metric, routed=routed)
    part = "_sum" if metric.shape in {"histogram", "summary"} else ""
    total = sum_by(label, rate_of(f"{metric.metric}{part}", matchers))
    return in_base_unit(f"{total} / {sum_by(label, events_of(metric, routed=routed))}", metric)

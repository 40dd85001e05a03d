"""Expressions of the panels of a service, and filters for the budgets that they show."""

from __future__ import annotations

from collections.abc import Callable

from harness import names
from harness.budgets.model import (
    Gauge,
    Indicator,
    Latency,
    Mean,
    Quantile,
    Selector,
    Utilization,
    selectors,
)
from harness.promql.expression import number
from harness.render.grafana.panels import RATE, Query

SERVICE = ('job="$service"', 'instance=~"$instance"')
ALL = ", ".join(SERVICE)
ROUTED = f'{ALL}, {names.HTTP_ROUTE}=~"$route"'
QUANTILES = (0.5, 0.95, 0.99)

# --- filters for budgets --------------------------------------------------------------------------


def of_quantiles(metric: str) -> Callable[[Indicator], bool]:
    """Fits the drawn quantiles of a whole histogram."""

    def fits(indicator: Indicator) -> bool:
        if isinstance(indicator, Latency) and metric == names.HTTP_DURATION:
            return indicator.request is None and indicator.quantile in QUANTILES
        return (
            isinstance(indicator, Quantile)
            and indicator.histogram == Selector(metric)
            and indicator.quantile in QUANTILES
        )

    return fits


def of_mean(metric: str) -> Callable[[Indicator], bool]:
    """Fits the mean of a whole histogram."""
    return lambda indicator: indicator == Mean(Selector(metric))


def of_kind(*kinds: type[Indicator]) -> Callable[[Indicator], bool]:
    """Fits indicators of these kinds over all requests."""

    def fits(indicator: Indicator) -> bool:
        return isinstance(indicator, kinds) and getattr(indicator, "request", None) is None

    return fits


def of_metric(metric: str, *kinds: type[Indicator]) -> Callable[[Indicator], bool]:
    """Fits indicators of these kinds over all series of a metric, except its growth."""

    def fits(indicator: Indicator) -> bool:
        first = next(iter(selectors(indicator)), None)
        grows = isinstance(indicator, Gauge | Utilization) and indicator.over == "growth"
        return isinstance(indicator, kinds) and first == Selector(metric) and not grows

    return fits


# --- expressions ----------------------------------------------------------------------------------


def rate_of(metric: str, matchers: str = ALL) -> str:
    """The increase of a counter per second."""
    return f"rate({metric}{{{matchers}}}[{RATE}])"


def sum_by(label: str, of: str) -> str:
    """A sum that keeps a label."""
    return f"sum by ({label}) ({of})"


def quantile_lines(metric: str, matchers: str = ALL) -> tuple[Query, ...]:
    """A query for each drawn quantile."""
    buckets = sum_by("le", rate_of(f"{metric}_bucket", matchers))
    return tuple(
        Query(f"histogram_quantile({number(q)}, {buckets})", f"p{q * 100:.0f}", exemplars=q == 0.95)
        for q in QUANTILES
    )


def mean_by(metric: str, label: str, matchers: str = ALL) -> str:
    """The mean of a histogram for each value of a label."""
    total, count = (
        sum_by(label, rate_of(f"{metric}_{part}", matchers)) for part in ("sum", "count")
    )
    return f"{total} / {count}"

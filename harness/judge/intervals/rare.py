"""Bounds of how often something rare happens, by the number of its events alone.

Batches do not show how few events vary: without any they are all alike, however soon the next one
comes. Independent events have a Poisson distribution (Garwood 1936, Biometrika 28).
"""

from __future__ import annotations

import math

from harness.budgets.model import Budget, PerRequest, Rate, Ratio
from harness.units import Unit

FEW = 20  # events, which batches show to vary less than they do
# Ends of the names of counters that count seconds or bytes, not events.
_AMOUNTS = ("_sum", "seconds_total", "bytes_total", "seconds", "bytes")


def counts_events(budget: Budget) -> bool:
    """Whether a budget limits how often something happens, per second or per event."""
    match budget.indicator:
        case Rate(counter=counter, to=None):
            counts = budget.unit is Unit.PER_SECOND
        case Ratio(of=counter) | PerRequest(counter=counter):
            counts = budget.unit in {Unit.COUNT, Unit.RATIO}
        case _:
            return False
    return counts and not counter.metric.endswith(_AMOUNTS)


def rare_bounds(
    count: float, weight: float, alpha_low: float, alpha_high: float
) -> tuple[float, float]:
    """Confidence bounds of the rate of independent events, exact for a Poisson distribution.

    Args:
        count: Of the events.
        weight: Seconds, or whatever the rate is per.
        alpha_low: As for `mean_bounds`.
        alpha_high: As for `mean_bounds`.
    """
    from scipy.special import gammaincinv

    low = float(gammaincinv(count, alpha_low)) if count else 0.0
    return low / weight, float(gammaincinv(count + 1, 1 - alpha_high)) / weight


def weight_without_events(rate: float, alpha: float) -> float:
    """The weight at which no event at all shows that they are no more frequent than `rate`.

    From exp(-weight * rate) = alpha, the probability of none at exactly this rate.
    """
    return -math.log(alpha) / rate

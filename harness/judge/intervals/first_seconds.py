"""Whether the answers over a bound came in the first seconds of the window, or all the time.

A service that is slow only at first needs a longer warm-up; one with a slow tail does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.budgets.model import Budget, Latency
from harness.runs.model import Distribution
from harness.units import Unit, format_quantity

_FIRST = 4  # the first seconds are a quarter of the batches
_LEVEL = 0.001  # of Fisher's exact test


def slow_at_first(budget: Budget, batches: Sequence[Distribution], seconds: int) -> str:
    """A sentence for a latency whose excess lies in the first seconds; empty for any other.

    The share over the bound is larger there by Fisher's exact test (1922, "On the interpretation of
    chi-squared from contingency tables", Journal of the Royal Statistical Society 85) at the level
    of 0.1%, and the rest of the window alone keeps the bound.

    Args:
        budget: A budget with a `max` of a latency.
        batches: The latencies in the order of time.
        seconds: Of a batch.
    """
    quantile = budget.indicator.quantile if isinstance(budget.indicator, Latency) else None
    if quantile is None or budget.direction == "min" or len(batches) < _FIRST:
        return ""
    from harness.runs.records.intervals import rows_of

    count = len(batches) // _FIRST
    rows = rows_of(batches)
    over, every = rows.over(budget.bound), rows.sums
    slow, later = int(over[:count].sum()), int(over[count:].sum())
    first, rest = int(every[:count].sum()), int(every[count:].sum())
    if later > (1 - quantile) * rest:
        return ""
    if _chance(slow, first, slow + later, first + rest) > _LEVEL:
        return ""
    span = format_quantity(count * seconds, Unit.SECONDS)
    return (
        f"{slow} of the {slow + later} over it came in the first {span} of the window: if the"
        " service is slow only at first, raise `warm_up`"
    )


def _chance(slow: int, first: int, every_slow: int, every: int) -> float:
    """Probability of at least `slow` among the `first` of `every`, of which `every_slow` are slow.

    The tail of the hypergeometric distribution.
    """

    def ways(n: int, k: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    least, all_ways = max(slow, first + every_slow - every), ways(every, first)
    return math.fsum(
        math.exp(ways(every_slow, k) + ways(every - every_slow, first - k) - all_ways)
        for k in range(least, min(first, every_slow) + 1)
    )

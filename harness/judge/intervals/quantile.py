"""Confidence bounds of a quantile, from batches of one run.

The quantile q is at most x when at most 1 - q of all requests are over x. So its bounds are the
values at which the bounds of that share (`proportion`) cross 1 - q.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache
from math import inf, log, log1p

from harness.judge.intervals.proportion import share_bounds
from harness.runs.model import Distribution

CountsOver = Callable[[float], Sequence[float]]


def quantile_bounds(
    batches: Sequence[Distribution], quantile: float, alphas: tuple[float, float]
) -> tuple[float | None, float | None]:
    """Confidence bounds of a quantile of recorded values.

    Args:
        batches: Of equal length, in the order of time.
        quantile: 0 < quantile < 1.
        alphas: Probability that the quantile is below the lower bound, and that it is above the
            upper one; each under 0.5.

    Returns:
        The largest recorded value that the quantile certainly reaches, and the smallest that it
        certainly does not exceed; None where there is none.
    """
    from harness.runs.records.intervals import rows_of

    rows = rows_of(batches)

    def over(x: float) -> list[float]:
        return list(rows.over(x).tolist())

    values = (-inf, *rows.total.values)
    totals = rows.sums.tolist()
    reached, not_exceeded = crossings(values, over, totals, quantile, alphas)
    return (
        values[reached + 1] if 0 <= reached < len(values) - 1 else None,
        values[not_exceeded] if not_exceeded < len(values) else None,
    )


def crossings(
    values: Sequence[float],
    over: CountsOver,
    totals: Sequence[float],
    quantile: float,
    alphas: tuple[float, float],
) -> tuple[int, int]:
    """Where a quantile lies among the values at which counts are known.

    Args:
        values: Ascending.
        over: How many of each batch are over one of them.
        totals: How many each batch has.
        quantile: 0 < quantile < 1.
        alphas: As for `quantile_bounds`.

    Returns:
        The index of the last value that certainly more than 1 - q are over, -1 when there is none;
        and that of the first that certainly at most 1 - q are over, the length when there is none.
    """
    may = 1 - quantile

    @cache  # both searches look at the same values first
    def bounds(x: float) -> tuple[float, float]:
        return share_bounds(over(x), totals, *alphas)

    def not_over(x: float) -> bool:
        return bounds(x)[0] <= may

    def under(x: float) -> bool:
        return bounds(x)[1] <= may

    return bisect_left(values, True, key=not_over) - 1, bisect_left(values, True, key=under)


def fewest(share: float, alpha: float) -> int:
    """Observations of which none may be bad before less than `share` is certain to be bad.

    From (1 - share)^n <= alpha, Clopper and Pearson's upper bound of none in n.
    """
    return -int(log(alpha) // -log1p(-share)) if 0 < share < 1 else 0

"""A value, its interval and its bound as positions on a small bar."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from harness.judge.compare.model import BudgetChange
from harness.judge.model import Verdict

_LEAST = 0.01  # of the bar: the least width of an interval


@dataclass(frozen=True, slots=True)
class GaugeChart:
    """Positions and widths in per cent of the bar, from the left.

    Attributes:
        value: None without a value.
        low: The start of the interval, whose length is `width`; None without an interval.
        bad_from: The start of the part that breaches, whose length is `bad_width`.
    """

    bound: float
    value: float | None
    low: float | None
    width: float
    bad_from: float
    bad_width: float


def verdict_gauge(verdict: Verdict) -> GaugeChart | None:
    """A bar from 0 to twice the bound; a larger value is at its end.

    Returns:
        None without data, or if the bound is not above 0. A value that is known to its bucket only
        is shown by its interval, or by the bucket without one.
    """
    if not verdict.has_data or not verdict.bound > 0:
        return None
    if verdict.value is not None and not isfinite(verdict.value):
        return None
    ends = (verdict.lower, verdict.upper)
    if verdict.bucket is not None and ends == (None, None):
        ends = verdict.bucket
    full = (0.0, 2 * verdict.bound)
    return _gauge(verdict.value, ends, full, verdict.bound, verdict.direction)


def change_gauge(change: BudgetChange) -> GaugeChart | None:
    """A bar from minus to plus twice the tolerance; None without data."""
    if change.estimate is None or not isfinite(change.estimate):
        return None
    tolerance = change.tolerance
    ends = (change.lower, change.upper)
    full = (-2 * tolerance, 2 * tolerance)
    return _gauge(change.estimate, ends, full, tolerance, "max")


def _gauge(
    value: float | None,
    ends: tuple[float | None, float | None],
    full: tuple[float, float],
    bound: float,
    direction: str,
) -> GaugeChart:
    left, right = full

    def place(at: float) -> float:
        return round(100 * min(1.0, max(0.0, (at - left) / (right - left))), 2)

    lower, upper = ends
    low = high = None
    if lower is not None or upper is not None:
        low = place(left if lower is None else lower)
        high = place(right if upper is None else upper)
    edge = place(bound)
    bad_from, bad_width = (edge, 100 - edge) if direction == "max" else (0.0, edge)
    return GaugeChart(
        bound=edge,
        value=None if value is None else place(value),
        low=low,
        width=0.0 if low is None or high is None else max(100 * _LEAST, round(high - low, 2)),
        bad_from=bad_from,
        bad_width=bad_width,
    )

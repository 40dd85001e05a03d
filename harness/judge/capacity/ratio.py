"""The relative change from one capacity to another."""

from __future__ import annotations

Ends = tuple[float | None, float | None]  # of an interval; None where an end is not known


def relative_change(now: Ends, before: Ends) -> Ends:
    """The interval of the relative change from one capacity to another: -0.1 is 10% lower.

    Both capacities are intervals, so their ratio lies between the ratios of opposite ends.

    Args:
        now: The lower and the upper end of a capacity, per second.
        before: The ends of the capacity that it is compared with.
    """
    (lower, upper), (before_lower, before_upper) = now, before
    low = None if lower is None or not before_upper else lower / before_upper - 1
    high = None if upper is None or not before_lower else upper / before_lower - 1
    return low, high

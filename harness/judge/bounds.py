"""Whether a value holds against a bound, and by how much."""

from __future__ import annotations

import math

from harness.budgets.model import Budget, Direction
from harness.judge.model import Measurement

# A ratio such as 57/100 and the bound "57%" differ in the last bit: that is no breach.
FLOAT_NOISE = 1e-9


def same(a: float, b: float) -> bool:
    """Equal but for the noise of floating point."""
    return math.isclose(a, b, rel_tol=FLOAT_NOISE)


def holds(value: float, bound: float, direction: Direction) -> bool:
    """Whether `value` keeps `bound`; a value exactly at the bound does."""
    if same(value, bound):
        return True
    return value < bound if direction == "max" else value > bound


def holds_by_value(budget: Budget, measurement: Measurement) -> bool | None:
    """Whether a budget's bound holds by what was measured; None when nothing was."""
    if measurement.meets is not None or measurement.value is None:
        return measurement.meets
    return holds(measurement.value, budget.bound, budget.direction)


def margin(value: float, bound: float, direction: Direction) -> float | None:
    """Distance to the bound as a share of it, positive when it holds; None for a bound of 0."""
    if bound == 0:
        return None
    distance = bound - value if direction == "max" else value - bound
    return 0.0 if same(value, bound) else distance / abs(bound)


def proven(
    lower: float | None, upper: float | None, bound: float, direction: Direction
) -> bool | None:
    """Whether `bound` holds for every value of an interval, or for none; None when for some.

    Args:
        lower: The interval's end; None is minus infinity.
        upper: The other; None is infinity.
        bound: Of the value.
        direction: Of the bound.
    """
    best, worst = (lower, upper) if direction == "max" else (upper, lower)
    if worst is not None and holds(worst, bound, direction):
        return True
    if best is not None and not holds(best, bound, direction):
        return False
    return None

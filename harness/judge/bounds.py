"""Whether a value holds against a bound, and by how much."""

from __future__ import annotations

import math

from harness.budgets.model import Direction

# A ratio such as 57/100 and the bound "57%" differ in the last bit: that is no breach.
_FLOAT_NOISE = 1e-9


def same(a: float, b: float) -> bool:
    """Equal but for the noise of floating point."""
    return math.isclose(a, b, rel_tol=_FLOAT_NOISE)


def holds(value: float, bound: float, direction: Direction) -> bool:
    """Whether `value` keeps `bound`; a value exactly at the bound does."""
    if same(value, bound):
        return True
    return value < bound if direction == "max" else value > bound


def margin(value: float, bound: float, direction: Direction) -> float | None:
    """Distance to the bound as a share of it, positive when it holds; None for a bound of 0."""
    if bound == 0:
        return None
    distance = bound - value if direction == "max" else value - bound
    return 0.0 if same(value, bound) else distance / abs(bound)

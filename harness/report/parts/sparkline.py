"""A series of values as a row of block characters."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

_BLOCKS = "▁▂▃▄▅▆▇█"
_MISSING = " "


def sparkline(
    values: Sequence[float | None], *, low: float | None = 0.0, high: float | None = None
) -> str:
    """One block a value, from the lowest for `low` to the highest for `high`.

    Args:
        values: None and values that are not finite are gaps.
        low: None is the smallest value.
        high: None is the largest value.
    """
    known = [value for value in values if value is not None and isfinite(value)]
    if not known:
        return _MISSING * len(values)
    low = min(known) if low is None else low
    high = max(known) if high is None else high
    return "".join(_block(value, low, high) for value in values)


def _block(value: float | None, low: float, high: float) -> str:
    if value is None or not isfinite(value):
        return _MISSING
    span = high / 2 - low / 2  # high - low may overflow
    share = (value / 2 - low / 2) / span if span > 0 else 0.0
    return _BLOCKS[round(min(max(share, 0.0), 1.0) * (len(_BLOCKS) - 1))]

"""A histogram's observations within the window, and its quantiles."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from harness.budgets.model import Selector
from harness.judge.measure.deltas import Delta
from harness.judge.measure.observation import Histogram
from harness.judge.measure.series import NoDataError

_LE = "le"


def histogram(parts: Sequence[Delta], selector: Selector) -> Histogram:
    """A histogram's observations within the window, all matching series together.

    Args:
        parts: The increase of each bucket.
        selector: Names the histogram, for messages.

    Raises:
        NoDataError: No observations, or series whose bucket layouts differ.
    """
    groups: dict[tuple[tuple[str, str], ...], dict[float, float]] = defaultdict(dict)
    for part in parts:
        rest = tuple(sorted((k, v) for k, v in part.labels.items() if k != _LE))
        groups[rest][bucket_edge(part.labels, selector)] = part.value
    moved = [group for group in groups.values() if any(group.values())]
    if not moved:
        raise NoDataError(f"{selector} observed nothing in the window; does the load use it?")
    layouts = {tuple(sorted(group)) for group in moved}
    if len(layouts) > 1:
        raise NoDataError(
            f"the series of {selector} have {len(layouts)} different bucket layouts, which"
            " cannot be added; give all instances the same buckets, or narrow `where`"
        )
    layout = layouts.pop()
    if layout[-1] != math.inf:
        raise NoDataError(
            f'{selector.metric} has no bucket le="+Inf"; let the service expose all of its buckets'
        )
    return Histogram(layout, cumulative(layout, moved), parts[0].source)


def cumulative(
    layout: tuple[float, ...], groups: Sequence[Mapping[float, float]]
) -> tuple[float, ...]:
    """How many observations of all groups do not exceed each edge."""
    sums: list[float] = []
    for edge in layout:
        here = math.fsum(group[edge] for group in groups)
        # A client library that is not atomic may write a bucket before a smaller one's increment.
        sums.append(max(here, sums[-1]) if sums else here)
    return tuple(sums)


def bucket_edge(labels: Mapping[str, str], selector: Selector) -> float:
    """The upper bound of a bucket in base units.

    Args:
        labels: Of the bucket.
        selector: The whole histogram.

    Raises:
        NoDataError: Its label `le` is missing, or no number.
    """
    try:
        edge = float(labels[_LE])  # "1" and "1.0" are one edge
    except (KeyError, ValueError):
        found = labels.get(_LE)
        raise NoDataError(f"{selector.metric}_bucket has a bucket with le={found!r}") from None
    if selector.scale == 1:
        return edge
    return float(Decimal(repr(edge)) * Decimal(repr(selector.scale)))  # 7 ms are exactly 0.007 s

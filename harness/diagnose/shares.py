"""Shares of a sum with their intervals, by resampling requests.

The percentile bootstrap (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", 13.3) over
requests, not over spans: the spans of a request depend on each other.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

_REPEATS: Final = 400
_LEVEL: Final = 0.95


def shares(parts: npt.NDArray[np.float64]) -> list[tuple[float, float, float]]:
    """The share of each column in the sum of all positive columns, with its 95% interval.

    Args:
        parts: A row for each request, a column for each part; seconds that may be below zero.

    Returns:
        Share, lower and upper bound for each column; all 0 when the sum is not above zero.
    """
    rows = len(parts)
    if not rows or not parts.size:
        return [(0.0, 0.0, 0.0)] * parts.shape[1]
    rng = np.random.default_rng(1)  # the same recording gives the same diagnosis
    weights = rng.multinomial(rows, np.full(rows, 1 / rows), size=_REPEATS)
    found = _of_sums(parts.sum(axis=0)[None, :])[0]
    repeated = _of_sums(weights @ parts)
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(repeated, [tail, 1 - tail], axis=0)
    return [
        (float(share), float(a), float(b)) for share, a, b in zip(found, low, high, strict=True)
    ]


def _of_sums(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each row's positive parts as shares of their sum."""
    positive = np.clip(sums, 0.0, None)
    total = positive.sum(axis=1, keepdims=True)
    found: npt.NDArray[np.float64] = positive / np.where(total > 0, total, 1.0)
    return found

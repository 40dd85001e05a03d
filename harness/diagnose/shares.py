"""Shares of a sum with their intervals, by resampling requests.

The percentile bootstrap (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", 13.3) over
requests, not over spans: the spans of a request depend on each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_REPEATS: Final = 400
_LEVEL: Final = 0.95


def shares(
    rows: Sequence[Sequence[float]],
) -> list[tuple[float, float, float]]:
    """The share of each column in the sum of all positive columns, with its 95% interval.

    Args:
        rows: At least one: of each request, the seconds or the number of each part, which may be
            below zero.

    Returns:
        Share, lower and upper bound for each column; all 0 when the sum is not above zero.
    """
    import numpy as np  # 0.1 s, which commands without a diagnosis save

    parts = np.array(rows, dtype=float)
    count = len(parts)
    rng = np.random.default_rng(1)  # the same recording gives the same diagnosis
    weights = rng.multinomial(count, np.full(count, 1 / count), size=_REPEATS)
    found = _of_sums(parts.sum(axis=0)[None, :])[0]
    repeated = _of_sums(weights @ parts)
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(repeated, [tail, 1 - tail], axis=0)
    return [
        (float(share), float(a), float(b)) for share, a, b in zip(found, low, high, strict=True)
    ]


def _of_sums(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each row's positive parts as shares of their sum."""
    import numpy as np

    positive = np.clip(sums, 0.0, None)
    total = positive.sum(axis=1, keepdims=True)
    found: npt.NDArray[np.float64] = positive / np.where(total > 0, total, 1.0)
    return found

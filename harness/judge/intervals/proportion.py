"""Confidence bounds of the share of requests over a limit, from batches of one run.

Requests of one run are not independent: what makes one slow makes its neighbours slow, too. So
their number is divided by a design effect, the ratio of the variance that the batches show to that
of independent requests (Kish 1965, "Survey Sampling", 8.2), before the exact bounds of Clopper and
Pearson (1934, Biometrika 26) are taken. The simulations are in
tests/unit/judge/stopping/test_abort.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.judge.intervals.mean import variance_of_sum

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def share_bounds(
    over: Sequence[float], totals: Sequence[float], alpha_low: float, alpha_high: float
) -> tuple[float, float]:
    """Confidence bounds of the share of requests over a limit.

    Args:
        over: Requests over the limit, for each batch in the order of time.
        totals: All requests of each batch. Batches without any are left out.
        alpha_low: Probability that the share is below the lower bound, under 0.5, e.g. 0.025.
        alpha_high: Probability that it is above the upper bound, under 0.5.

    Returns:
        The lower and the upper bound, 0 to 1; both say nothing (0, 1) with fewer than two batches.
    """
    import numpy as np  # 0.1 s

    sizes = np.array(totals, dtype=np.float64)
    filled = sizes != 0
    parts, sizes = np.array(over, dtype=np.float64)[filled], sizes[filled]
    if len(sizes) < 2:
        return 0.0, 1.0
    from scipy.special import ndtri, stdtrit

    n = sum(sizes.tolist())
    share = sum(parts.tolist()) / n
    effect = _design_effect(parts, sizes, share, n)
    bounds = []
    for alpha in (alpha_low, alpha_high):
        effective = n / effect
        if effect > 1:  # the effect is an estimate, as a standard deviation in a t test is one
            effective *= (ndtri(1 - alpha) / stdtrit(len(sizes) - 1, 1 - alpha)) ** 2
        bounds.append(effective)
    return _lower(share, bounds[0], alpha_low), _upper(share, bounds[1], alpha_high)


def certain_share(count: float, total: float, alpha: float) -> float:
    """The share that `count` of `total` independent requests show to be exceeded.

    The lower bound of Clopper and Pearson; 0 without requests.

    Args:
        count: Requests of a kind.
        total: All requests.
        alpha: Probability that the share is below the result, under 0.5.
    """
    return _lower(count / total, total, alpha) if total else 0.0


def _design_effect(parts: Floats, sizes: Floats, share: float, n: float) -> float:
    """Variance of the share as the batches show it, over that of independent requests; at least 1.

    The share is a ratio of sums, as the means in `mean` are.
    """
    independent = share * (1 - share) / n
    if independent == 0:
        return 1.0
    shown = variance_of_sum((parts - share * sizes).tolist()) / n**2
    return max(1.0, shown / independent)


def _lower(share: float, n: float, alpha: float) -> float:
    from scipy.special import betaincinv

    return 0.0 if share == 0 else float(betaincinv(share * n, n - share * n + 1, alpha))


def _upper(share: float, n: float, alpha: float) -> float:
    from scipy.special import betaincinv

    return 1.0 if share == 1 else float(betaincinv(share * n + 1, n - share * n, 1 - alpha))

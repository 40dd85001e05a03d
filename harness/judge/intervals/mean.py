"""Confidence bounds of a mean or a rate, from batches of one run.

Observations of one run are not independent, but the sums of batches of seconds nearly are. So the
mean of all is taken as a ratio of sums, its variance comes from the residuals of the batches
(Cochran 1977, "Sampling Techniques", 6.4), and Student's t allows for their small number (the
method of batch means: Law and Kelton 2000, "Simulation Modeling and Analysis", 9.5.3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_MOST_CORRELATION = 0.5  # of neighbouring batches; more means that the batches are too short


def mean_bounds(
    sums: Sequence[float], weights: Sequence[float], alpha_low: float, alpha_high: float
) -> tuple[float, float]:
    """Confidence bounds of a mean.

    Args:
        sums: Of what was observed, for each batch in the order of time.
        weights: How many observations each batch has, or for a rate how many seconds. A batch
            with neither counts for nothing; one with a sum alone is part of the mean, such as the
            CPU time of seconds without a request.
        alpha_low: Probability that the mean is below the lower bound, under 0.5, e.g. 0.025.
        alpha_high: Probability that it is above the upper bound, under 0.5.

    Returns:
        The lower and the upper bound; both are infinite with fewer than two batches, and without
        any weight.
    """
    batches = [(y, n) for y, n in zip(sums, weights, strict=True) if y or n]
    total = math.fsum(n for _, n in batches)
    if len(batches) < 2 or total <= 0:
        return -math.inf, math.inf
    from scipy.special import stdtrit

    mean = math.fsum(y for y, _ in batches) / total
    deviation = math.sqrt(variance_of_sum([y - mean * n for y, n in batches])) / total
    low, high = (float(stdtrit(len(batches) - 1, 1 - alpha)) for alpha in (alpha_low, alpha_high))
    return mean - low * deviation, mean + high * deviation


def variance_of_sum(residuals: Sequence[float]) -> float:
    """Variance of the sum of what batches have beyond their share, by these residuals.

    The correlation of neighbouring batches widens it; at least two batches.
    """
    import numpy as np  # 0.1 s

    each, m = np.array(residuals, dtype=np.float64), len(residuals)
    with np.errstate(over="ignore", invalid="ignore"):
        products, neighbouring = each * each, each[1:] * each[:-1]
    squares = math.fsum(products.tolist())
    if squares == 0:
        return 0.0
    neighbours = math.fsum(neighbouring.tolist()) / squares
    wider = 1 + 2 * min(max(neighbours, 0.0), _MOST_CORRELATION)
    return m / (m - 1) * squares * wider

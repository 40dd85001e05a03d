"""How far a time may lie from what one run shows, because starts of one service differ.

Memory layout, the order of imports and where the scheduler puts a process make some starts of the
same service slower than others, for as long as they live. No single run can show that. So a time
that is to pass must pass as that of a start which was luckily fast, and one that is to fail must
fail as that of a start which was unluckily slow.
"""

from __future__ import annotations

import math

# Standard deviation of the logarithm of a time from start to start, where nothing is known of it.
NOISE = 0.05
FAILS, PASSES = 2.3263, 1.6449  # normal quantiles of 99% and 95%


def deflate(noise: float, quantile: float) -> float:
    """The factor by which a time may be smaller, after an unluckily slow start."""
    return math.exp(-quantile * noise)


def inflate(noise: float, quantile: float) -> float:
    """The factor by which a time may be larger, after a luckily fast start."""
    return math.exp(quantile * noise)

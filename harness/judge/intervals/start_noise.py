"""How far a time may lie from what one run shows, because starts of one service differ.

Memory layout, the order of imports and where the scheduler puts a process make some starts of the
same service slower than others, for as long as they live. No single run can show that. So a time
that is to pass must pass as that of a start which was luckily fast, and one that is to fail must
fail as that of a start which was unluckily slow.
"""

from __future__ import annotations

import math
from typing import Literal

# Standard deviation of the logarithm of a time from start to start, where nothing is known of it.
NOISE = 0.05
_ONE_LOOK = 1.15
FAILS = 2.3263  # normal quantile of 99%


def inflate(noise: float, quantile: float) -> float:
    """The factor by which a time may be larger, after a luckily fast start."""
    return math.exp(quantile * noise)


def widened(
    end: float, value: float, side: Literal[-1, 1], noise: float, alphas: tuple[float, float]
) -> float:
    """An end of the interval of a time, moved out by what starts differ.

    Chance within the run and the luck of the start are independent, so their squares add up, on the
    scale of the logarithm (MOVER: Zou and Donner 2008, "Construction of confidence limits about
    effect measures", Statistics in Medicine 27). A run has one start, however often it is looked
    at: so its plain sum with the luck at the level of all looks holds as well, and is smaller in
    long runs. The narrower one keeps the levels (tests/unit/judge/intervals/test_levels.py). In a
    run with one look the root is made wider by 15%, because noise may last longer than a batch;
    where a run is looked at several times, its one start leaves room for that.

    Args:
        end: By the scatter within the run.
        value: The estimate within the interval.
        side: -1 for the lower end, 1 for the upper one.
        noise: Standard deviation of the logarithm of the value from start to start.
        alphas: Probability that the true value is beyond the end, at this look and at any of them;
            each under 0.5.
    """
    if value <= 0 or end <= 0:
        return end  # no logarithm; no time is below 0
    from scipy.special import ndtri

    within = max(0.0, side * math.log(end / value))
    look, run = (-float(ndtri(alpha)) * noise for alpha in alphas)
    root = math.hypot(within, look) * (_ONE_LOOK if alphas[0] == alphas[1] else 1.0)
    return value * math.exp(side * min(root, within + run))

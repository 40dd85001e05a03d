"""When the iterations of an open workload are meant to start: a pure function of the workload.

The arrivals of a schedule with rate r(t) are the images of unit-rate arrivals under the inverse of
the cumulative intensity, the integral of r (Cinlar 1975, "Introduction to Stochastic Processes",
4.7; time change theorem). So each stage has exactly its own rate and no gap spans two rates.
A ramp's cumulative intensity is a quadratic, which is inverted in closed form.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import count

from harness.budgets.model import OpenWorkload, Stage
from harness.budgets.rates import expected, first_rate, rate_within


def arrivals(workload: OpenWorkload) -> Iterator[float]:
    """Intended starts in ascending seconds from the start of the workload, all within its length.

    A seed always yields the same times. `poisson` draws exponential gaps, `even` puts the n-th
    arrival where the expected count reaches n. Several generators share them out by number (see
    `slices`), so that together they emit exactly this schedule.
    """
    units = _poisson(workload.seed) if workload.arrivals == "poisson" else map(float, count())
    unit = next(units)
    begin, before = 0.0, 0.0  # of the stage: its time, and the arrivals expected until then
    for stage in workload.stages:
        after = before + expected((stage,), stage.seconds)
        while unit < after:
            yield begin + _moment(stage, unit - before)
            unit = next(units)
        begin, before = begin + stage.seconds, after


def _moment(stage: Stage, number: float) -> float:
    """Seconds after the stage's begin at which this number of arrivals is expected of it.

    The root of `a t + (b - a) / (2 d) t^2 = n` in the form that neither divides by a slope near 0
    nor subtracts nearly equal numbers (Press et al. 2007, "Numerical Recipes", 5.6).
    """
    start = first_rate(stage)
    slope = (stage.rate - start) / stage.seconds
    below = start + math.sqrt(max(0.0, start * start + 2 * slope * number))
    if below == 0:
        return 0.0
    # The clamp keeps a rounding error from moving an arrival out of its stage.
    return min(2 * number / below, stage.seconds)


def expected_count(workload: OpenWorkload, until: float | None = None) -> float:
    """Arrivals expected in the first `until` seconds of the workload, or in all of it."""
    return expected(workload.stages, workload.seconds if until is None else until)


def rate_at(workload: OpenWorkload, t: float) -> float:
    """Arrivals per second that the schedule wants `t` seconds after its start; 0 outside of it."""
    begin = 0.0
    for stage in workload.stages:
        if begin <= t < begin + stage.seconds:
            return rate_within(stage, t - begin)
        begin += stage.seconds
    return 0.0


def _poisson(seed: int) -> Iterator[float]:
    gaps = random.Random(seed)  # noqa: S311 - a repeatable schedule, not a secret
    unit = 0.0
    while True:
        unit += gaps.expovariate(1.0)
        yield unit

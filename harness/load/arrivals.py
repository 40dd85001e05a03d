"""The intended start times of an open workload's iterations: a pure function of the workload.

The arrivals of a schedule with rate r(t) are the images of unit-rate arrivals under the inverse of
the cumulative intensity, the integral of r (Cinlar 1975, "Introduction to Stochastic Processes",
4.7; time change theorem). So each stage has exactly its own rate and no gap spans two rates.
The cumulative intensity of a ramp is a quadratic, which is inverted in closed form.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import count
from typing import assert_never

from harness.budgets.rates import expected, first_rate, rate_within
from harness.budgets.workload import OpenWorkload, Stage


def arrivals(workload: OpenWorkload) -> Iterator[float]:
    """Intended starts in ascending seconds from the start of the workload, all within its length.

    A seed always yields the same times. `poisson` draws exponential gaps, `even` puts the n-th
    arrival where the expected count reaches n. Several generators divide the arrivals by number
    (see `sharding`), so that together they emit exactly this schedule.
    """
    units = _units(workload)
    unit = next(units)
    begin, before = 0.0, 0.0  # of the stage: its start, and the arrivals expected until then
    for stage in workload.stages:
        after = before + expected((stage,), stage.seconds)
        while unit < after:
            yield begin + _moment(stage, unit - before)
            unit = next(units)
        begin, before = begin + stage.seconds, after


def _moment(stage: Stage, number: float) -> float:
    """Seconds from the start of the stage until its expected count of arrivals reaches `number`.

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


def rate_at(workload: OpenWorkload, t: float) -> float:
    """Scheduled arrivals per second `t` seconds after the start; 0 outside of the schedule."""
    begin = 0.0
    for stage in workload.stages:
        if begin <= t < begin + stage.seconds:
            return rate_within(stage, t - begin)
        begin += stage.seconds
    return 0.0


def _units(workload: OpenWorkload) -> Iterator[float]:
    """Arrivals of a process with the constant rate 1."""
    match workload.arrivals:
        case "poisson":
            return _poisson(workload.seed)
        case "even":
            return map(float, count())
        case _:
            assert_never(workload.arrivals)


def _poisson(seed: int) -> Iterator[float]:
    gaps = random.Random(seed)  # noqa: S311 - a repeatable schedule, not a secret
    unit = 0.0
    while True:
        unit += gaps.expovariate(1.0)
        yield unit

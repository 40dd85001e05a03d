"""When the iterations of an open workload are meant to start: a pure function of the workload.

The arrivals of a schedule with rate r(t) are the images of unit-rate arrivals under the inverse of
the cumulative intensity, the integral of r (Cinlar 1975, "Introduction to Stochastic Processes",
4.7; time change theorem). So each stage has exactly its own rate and no gap spans two rates.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count

from harness.budgets.model import OpenWorkload


def arrivals(workload: OpenWorkload) -> Iterator[float]:
    """Intended starts in ascending seconds from the start of the load, all below its length.

    A seed always yields the same times. `poisson` draws exponential gaps, `even` puts the n-th
    arrival where the expected count reaches n.
    """
    units = _poisson(workload.seed) if workload.arrivals == "poisson" else map(float, count())
    unit = next(units)
    begin, before = 0.0, 0.0  # of the stage: its time, and the arrivals expected until then
    for stage in workload.stages:
        after = before + stage.rate * stage.seconds
        while unit < after:
            # The clamp keeps a rounding error from moving an arrival out of its stage.
            yield begin + min((unit - before) / stage.rate, stage.seconds)
            unit = next(units)
        begin, before = begin + stage.seconds, after


def expected_count(workload: OpenWorkload, until: float | None = None) -> float:
    """Arrivals expected in the first `until` seconds of the load, or in all of it."""
    left = workload.seconds if until is None else until
    total = 0.0
    for stage in workload.stages:
        total += stage.rate * max(0.0, min(stage.seconds, left))
        left -= stage.seconds
    return total


def rate_at(workload: OpenWorkload, t: float) -> float:
    """Arrivals per second that the schedule wants `t` seconds after its start; 0 outside of it."""
    if t < 0:
        return 0.0
    end = 0.0
    for stage in workload.stages:
        end += stage.seconds
        if t < end:
            return stage.rate
    return 0.0


def _poisson(seed: int) -> Iterator[float]:
    gaps = random.Random(seed)  # noqa: S311 - a repeatable schedule, not a secret
    unit = 0.0
    while True:
        unit += gaps.expovariate(1.0)
        yield unit

"""Where the latency of a constant load has settled: the end of the warm-up, found afterwards.

Caches fill, code is compiled and connections are made while the first requests are served, for
an unknown time. The latency of most seconds of the second half of the load is taken as the
settled state; the warm-up ends where three consecutive seconds look like that. Against a
transient of a factor of three this errs less than fixed times and than MSER (White 1997, "An
effective truncation heuristic for bias reduction in simulation output", Simulation 69), which cuts
too much of autocorrelated latencies; tests/unit/judge/stopping/test_warm_up.py has the simulations.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from harness.runs.model import Distribution

_USUAL = 0.9  # share of the seconds of the second half that are not above the settled state
_IN_A_ROW = 3
_FLOAT_NOISE = 1e-9


class Settling(NamedTuple):
    """What was found.

    Attributes:
        cut: Seconds after which the latency had settled; None when it had not by the middle.
        limit: The latency, in seconds, up to which a second looks settled; None without requests.
    """

    cut: int | None
    limit: float | None


def settling(seconds: Sequence[Distribution]) -> Settling:
    """Find where the latency has settled.

    Args:
        seconds: The latencies of the successful requests that were due in each second of the load.
    """
    means = [_mean_logarithm(times) for times in seconds]
    half = len(means) // 2
    known = [mean for mean in means[half:] if mean is not None]
    if not known:
        return Settling(None, None)
    import numpy as np

    limit = float(np.quantile(known, _USUAL))
    settled = [mean is not None and mean <= limit + _FLOAT_NOISE for mean in means]
    cut = next((i for i in range(half + 1) if all(_following(settled, i))), None)
    return Settling(cut, math.exp(limit))


def _following(settled: Sequence[bool], second: int) -> Iterable[bool]:
    found = settled[second : second + _IN_A_ROW]
    return [*found, len(found) == _IN_A_ROW]


def _mean_logarithm(times: Distribution) -> float | None:
    """Of the latencies of a second: one slow request among many does not make it unsettled."""
    if not times.count:
        return None
    pairs = zip(times.values, times.counts, strict=True)
    return math.fsum(n * math.log(max(value, 1e-9)) for value, n in pairs) / times.count

"""A sequential test on pairs of runs: pass, fail, or measure one more pair.

The data are log ratios, candidate over baseline, one a pair, positive when the candidate is worse.
After each pair from the fourth on there is an interval for their median: Student's t for 4 to 6
pairs, and from 7 on Wilcoxon's signed ranks, which outliers cannot break (Hodges and Lehmann 1963,
"Estimates of location based on rank tests"). The comparison fails when all of the interval is above
zero, and passes when it is below the tolerance; else one more pair is measured, until the most.

Looking after each pair multiplies the chances of an error, so each look gets a smaller level. The
levels are such that over all looks P(fail | no change) <= alpha and
P(pass | worse by the tolerance) <= beta; they come from a simulation of independent normal pairs,
`benchmarks/campaign/levels.py`, in which 40% of the error is spent on the t looks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations_with_replacement
from math import exp, inf, log1p, sqrt
from statistics import fmean, median, stdev
from typing import Literal

FIRST_LOOK = 4
FIRST_RANK_LOOK = 7
MOST_PAIRS = (12, 16, 24, 32, 48, 64)
_OVERHEAD = 2.7  # pairs that it costs not to know the noise
_ROOM = 1.9  # pairs to be allowed over those of a test of a fixed size

SequentialDecision = Literal["pass", "fail", "continue", "inconclusive"]


@dataclass(frozen=True, slots=True)
class LookLevels:
    """One-sided nominal levels of a single look: by t, and by signed ranks."""

    t: float
    rank: float


@dataclass(frozen=True, slots=True)
class Design:
    """How a comparison decides.

    Attributes:
        tolerance: Relative worsening that must be found, e.g. 0.1.
        most: Pairs after which it ends without a decision; one of `MOST_PAIRS`.
        fail: Levels of the lower end of the interval.
        passing: Levels of the upper end.
    """

    tolerance: float
    most: int
    fail: LookLevels
    passing: LookLevels


@dataclass(frozen=True, slots=True)
class State:
    """Where a comparison stands.

    Attributes:
        estimate: Hodges-Lehmann estimate of the log ratio; None before there is a pair.
        lower: Of the interval of this look, log ratio; -inf where so few pairs have none.
        detectable: The smallest relative worsening that as many pairs of this noise would find with
            95%; None before `FIRST_LOOK`.
    """

    decision: SequentialDecision
    pairs: int
    estimate: float | None
    lower: float
    upper: float
    detectable: float | None


def design(tolerance: float, most: int, *, alpha: float, beta: float = 0.05) -> Design:
    """The test that errs at most with `alpha` (false fail) and `beta` (false pass).

    Args:
        tolerance: As in `Design`.
        most: As in `Design`.
        alpha: For m budgets in one comparison that is to err with 1%: 0.01 / m (Bonferroni).
        beta: See above.

    Raises:
        ValueError: `most` is not one of `MOST_PAIRS`, or no level is small enough.
    """
    return Design(tolerance, most, _levels(most, alpha), _levels(most, beta))


def look(ratios: Sequence[float], plan: Design) -> State:
    """What the log ratios of all pairs so far say."""
    count = len(ratios)
    lower, upper = interval(ratios, plan)
    decision: SequentialDecision = "continue" if count < plan.most else "inconclusive"
    if upper < log1p(plan.tolerance):
        decision = "pass"
    elif lower > 0:
        decision = "fail"
    estimate = hodges_lehmann(ratios) if ratios else None
    return State(decision, count, estimate, lower, upper, detectable(ratios))


def interval(ratios: Sequence[float], plan: Design) -> tuple[float, float]:
    """Both ends of the interval for the median log ratio, each at its own level."""
    return (
        _lower(ratios, plan.fail),
        -_lower([-ratio for ratio in ratios], plan.passing),
    )


def hodges_lehmann(values: Sequence[float]) -> float:
    """The median of all averages of two values, each value with itself included."""
    return median((a + b) / 2 for a, b in combinations_with_replacement(values, 2))


def detectable(ratios: Sequence[float]) -> float | None:
    """The smallest relative worsening that as many pairs of this noise find with 95%.

    The constants fit the simulations of the fixed-size paired t test at 1% within one pair.
    """
    if len(ratios) < FIRST_LOOK:
        return None
    return exp(3.97 * stdev(ratios) / sqrt(len(ratios) - 2.7)) - 1


def pairs_needed(deviation: float, tolerance: float, *, alpha: float = 0.01) -> int:
    """The least of `MOST_PAIRS` that leaves room for an unlucky sequence.

    Args:
        deviation: Standard deviation of the log ratio of a pair without a change.
        tolerance: Relative worsening to be found.
        alpha: As in `design`; smaller levels need more pairs.
    """
    fixed = _spread(alpha) ** 2 * (deviation / log1p(tolerance)) ** 2 + _OVERHEAD
    return next((most for most in MOST_PAIRS if most >= _ROOM * fixed), MOST_PAIRS[-1])


def min_detectable(deviation: float, most: int, *, alpha: float = 0.01) -> float:
    """The smallest tolerance for which `most` pairs are enough: `pairs_needed` solved for it.

    It is larger than what `detectable` says of as many pairs, because a test that looks after each
    pair, and has to bear an unlucky sequence, needs more of them than one of a fixed size.

    Args:
        deviation: As in `pairs_needed`.
        most: One of `MOST_PAIRS`.
        alpha: As in `design`.
    """
    return exp(_spread(alpha) * deviation / sqrt(most / _ROOM - _OVERHEAD)) - 1


def _spread(alpha: float) -> float:
    """Standard errors between no change and one that is found with 95%: 3.97 for 1%."""
    from scipy.special import ndtri

    return float(ndtri(1 - alpha) + ndtri(0.95))


def _lower(values: Sequence[float], levels: LookLevels) -> float:
    count = len(values)
    if count < FIRST_LOOK:
        return -inf
    if count < FIRST_RANK_LOOK:
        from scipy.special import stdtrit

        quantile = float(stdtrit(count - 1, 1 - levels.t))
        return fmean(values) - quantile * stdev(values) / sqrt(count)
    critical = _critical(count, levels.rank)
    averages = sorted((a + b) / 2 for a, b in combinations_with_replacement(values, 2))
    # The test rejects a median of m when at least `critical` of the averages are above m.
    return averages[-critical] if critical <= len(averages) else -inf


@cache
def _critical(count: int, level: float) -> int:
    """The smallest rank sum that the signed ranks of `count` values reach with P <= level."""
    ways = [1]
    for rank in range(1, count + 1):
        longer = ways + [0] * rank
        for place, number in enumerate(ways):
            longer[place + rank] += number
        ways = longer
    allowed, seen, place = level * 2**count, 0, len(ways)
    while place and seen + ways[place - 1] <= allowed:
        place -= 1
        seen += ways[place]
    return place if seen else len(ways)


@cache
def _table() -> dict[int, list[tuple[float, LookLevels]]]:
    text = (files(__package__) / "sequential.json").read_text(encoding="utf-8")
    return {
        int(most): [(float(error), LookLevels(*pair)) for error, pair in levels.items()]
        for most, levels in json.loads(text)["levels"].items()
    }


def _levels(most: int, error: float) -> LookLevels:
    if most not in MOST_PAIRS:
        raise ValueError(f"the most pairs are one of {MOST_PAIRS}, not {most}")
    fitting = [row for row in _table()[most] if row[0] <= error * (1 + 1e-9)]
    if not fitting:
        raise ValueError(f"no level for an error of {error:g}; there are too many budgets")
    return max(fitting, key=lambda row: row[0])[1]

"""What identical pairs and identical runs say about the noise of each budget on a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt
from random import Random
from statistics import median, stdev

from harness.budgets.model import Budget
from harness.judge.compare.compare import compared, exclusion_reason, tripped
from harness.judge.compare.log_ratio import compared_value, log_ratio
from harness.judge.compare.model import Pair, Rules, SideMeasurements
from harness.judge.compare.sequential import (
    MOST_PAIRS,
    Design,
    design,
    look,
    min_detectable,
    pairs_needed,
)

FEWEST = 4  # pairs or runs, for a deviation that anything may rest on
CONFIDENCE = 0.95
_SEQUENCES = 51  # simulated comparisons, for the median length


@dataclass(frozen=True, slots=True)
class Spread:
    """How much a budget's values scatter, as logarithms.

    Attributes:
        values: Log ratios of pairs, or logarithms of the values of runs.
        deviation: Their standard deviation; None with fewer than `FEWEST`.
        upper: With 95% confidence it is no larger than this; few values leave it wide open.
        left_out: Why each of the others does not count.
    """

    values: tuple[float, ...]
    deviation: float | None
    upper: float | None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Noise:
    """What calibration says of a budget.

    Attributes:
        tolerance: Its `max_regression`, if it has one.
        pairs: Of the log ratios of identical pairs.
        starts: Of the logarithms of its values in identical runs, each a fresh start.
        smallest: The smallest regression that a comparison with the most pairs there can be finds
            at its error rates, as a ratio; None when the pairs say nothing.
        most: Pairs that a comparison should allow for the tolerance; None when no number will do.
        typical: Pairs after which half of the comparisons without a change end.
    """

    name: str
    tolerance: float | None
    pairs: Spread
    starts: Spread
    smallest: float | None
    most: int | None
    typical: int | None


def noises(
    budgets: Sequence[Budget], pairs: Sequence[Pair], runs: Sequence[SideMeasurements], rules: Rules
) -> tuple[Noise, ...]:
    """The noise of each budget.

    Args:
        budgets: Of the scenario, with or without `max_regression`.
        pairs: Of a version with itself.
        runs: Of the same version, each what one run showed.
        rules: Those of the comparisons to come; `most` does not matter.
    """
    alpha = rules.alpha / max(1, len(compared(budgets)))
    return tuple(_noise(budget, pairs, runs, alpha, rules.beta) for budget in budgets)


def spread(values: Sequence[float], left_out: Sequence[str] = ()) -> Spread:
    """Standard deviation with its upper bound, by the chi-squared distribution of the variance.

    The bound is that of normal values: sqrt((n - 1) / q) deviations, with q the 5% quantile for
    n - 1 degrees of freedom.
    """
    known, count = tuple(values), len(values)
    if count < FEWEST:
        return Spread(known, None, None, tuple(left_out))
    from scipy.special import chdtri

    found = stdev(known)
    quantile = float(chdtri(count - 1, CONFIDENCE))  # of which CONFIDENCE lies above
    return Spread(known, found, found * sqrt((count - 1) / quantile), tuple(left_out))


def undetectable(
    budgets: Sequence[Budget], deviations: Mapping[str, float], most: int, *, alpha: float = 0.01
) -> Iterator[tuple[Budget, float]]:
    """The budgets whose `max_regression` is below the minimum detectable one, with the latter.

    Args:
        budgets: Of the scenario.
        deviations: Of the log ratio of a pair, by the budget's name.
        most: Pairs that a comparison may take.
        alpha: As in `Rules`.
    """
    chosen = compared(budgets)
    for budget in chosen:
        if budget.name in deviations:
            smallest = min_detectable(deviations[budget.name], most, alpha=alpha / len(chosen))
            if smallest > (budget.max_regression or 0.0):
                yield budget, smallest


def typical_pairs(
    deviation: float, tolerance: float, most: int, *, alpha: float, beta: float
) -> int:
    """The median length of simulated comparisons without a change, by the test itself.

    Args:
        deviation: Of the log ratio of a pair.
        tolerance: As in `design`.
        most: As in `design`.
        alpha: As in `design`.
        beta: As in `design`.
    """
    plan, draw = design(tolerance, most, alpha=alpha, beta=beta), Random(1)  # noqa: S311
    return int(median(_length(deviation, plan, draw) for _ in range(_SEQUENCES)))


def _length(deviation: float, plan: Design, draw: Random) -> int:
    ratios: list[float] = []
    while look(ratios, plan).decision == "continue":
        ratios.append(draw.gauss(0.0, deviation))
    return len(ratios)


def _noise(
    budget: Budget,
    pairs: Sequence[Pair],
    runs: Sequence[SideMeasurements],
    alpha: float,
    beta: float,
) -> Noise:
    of_pairs, tolerance = _of_pairs(budget, pairs), budget.max_regression
    deviation, smallest, most, typical = of_pairs.deviation, None, None, None
    if deviation is not None:
        smallest = min_detectable(deviation, MOST_PAIRS[-1], alpha=alpha)
    if deviation is not None and tolerance and smallest is not None and smallest <= tolerance:
        most = pairs_needed(deviation, tolerance, alpha=alpha)
        typical = typical_pairs(deviation, tolerance, most, alpha=alpha, beta=beta)
    starts = _of_runs(budget, runs)
    return Noise(budget.name, tolerance, of_pairs, starts, smallest, most, typical)


def _of_pairs(budget: Budget, pairs: Sequence[Pair]) -> Spread:
    known, left_out = [], []
    for pair in pairs:
        why = exclusion_reason(budget, pair)
        before, after = (s.measurements[budget.name] for s in (pair.baseline, pair.candidate))
        ratio = None if why else log_ratio(budget, before, after)
        if ratio is None:
            left_out.append(why)
        else:
            known.append(ratio)
    return spread(known, left_out)


def _of_runs(budget: Budget, runs: Sequence[SideMeasurements]) -> Spread:
    known, left_out = [], []
    for run in runs:
        found, guard = run.measurements[budget.name], tripped(budget, run)
        value = compared_value(budget, found)
        if guard is not None:
            left_out.append(f"{guard.name} tripped: {guard.reason.rstrip('.')}")
        elif value is None:
            left_out.append(f"no data: {found.reason or found.undecided}")
        elif value <= 0:
            left_out.append("the value is zero or below, so it has no logarithm")
        else:
            known.append(log(value))
    return spread(known, left_out)

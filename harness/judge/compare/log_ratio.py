"""How much worse the candidate is than the baseline in one pair, as a log ratio.

Levels (times, throughput, gauges, work per request) are compared as they are. Shares (failed
requests, cache hits) are compared by their bad events, misses for hits, because twice the failures
is twice as bad whatever the share was; +1/2 and +1 keep the logarithm finite and its bias small
(Haldane 1956, Annals of Human Genetics 20; Anscombe 1956, Biometrika 43). The quantile of a
histogram is known to its bucket only, so the share of the observations over the bound is compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from statistics import fmean
from typing import NamedTuple

from harness.budgets.model import Budget, ErrorRatio, Quantile, Ratio
from harness.judge.model import Measurement
from harness.units import Unit, format_quantity

# A level that comes from nothing or goes to nothing has no ratio. It counts as a change by this
# factor, as does every larger one: tests by ranks need to know only that it is large.
LARGEST = 1000.0
_FAR = 100.0  # a factor from which on the end of an interval is not told
# With fewer bad events than these in a part, most pairs are alike whatever has changed: of the
# shares that are 10% worse, tolerated 10%, 5% pass with 5 events, 11% with 1 and 70% with 0.3
# (simulated Poisson counts).
FEWEST_EVENTS = 5


def log_ratio(budget: Budget, baseline: Measurement, candidate: Measurement) -> float | None:
    """The worsening from baseline to candidate, positive when the candidate is worse.

    Args:
        budget: Its direction says what worse is; its bound does not matter.
        baseline: Its indicator in the baseline's part of the pair.
        candidate: The same in the candidate's.

    Returns:
        ln(candidate / baseline) for a budget with a `max`, ln(baseline / candidate) for one with a
        `min`; of the bad events for a share. It is within +-ln(LARGEST), and 0 when both are zero;
        None when `why_no_ratio` says why there is nothing to compare.
    """
    before, after = compared_value(budget, baseline), compared_value(budget, candidate)
    if why_no_ratio(budget, baseline, candidate) or before is None or after is None:
        return None
    return _worsening(budget, (before, baseline.samples), (after, candidate.samples))


def _worsening(budget: Budget, baseline: tuple[float, int], candidate: tuple[float, int]) -> float:
    """As `log_ratio`, of a value and its samples on both sides."""
    (before, made), (after, now) = baseline, candidate
    if is_share(budget):
        before, after = bad_share(budget, before) * made, bad_share(budget, after) * now
        if before or after:
            before, after = (before + 0.5) / (made + 1), (after + 0.5) / (now + 1)
        return log_of(after, before)
    return log_of(after, before) if budget.direction == "max" else log_of(before, after)


class PairRatio(NamedTuple):
    """The log ratio of a pair.

    Attributes:
        value: As measured.
        best: The lowest that the missing evidence of both sides allows.
        worst: The highest.
    """

    value: float
    best: float
    worst: float


def pair_ratio(budget: Budget, baseline: Measurement, candidate: Measurement) -> PairRatio | None:
    """As `log_ratio`, with both ends where a value is only known within bounds."""
    value = log_ratio(budget, baseline, candidate)
    if value is None:
        return None
    known = [
        _worsening(budget, (before, baseline.samples), (after, candidate.samples))
        for before, after in product(_ends(budget, baseline), _ends(budget, candidate))
    ]
    return PairRatio(value, min(value, *known), max(value, *known))


def pair_difference(
    budget: Budget, baseline: Measurement, candidate: Measurement
) -> PairRatio | None:
    """By how much the bad share rose from baseline to candidate; None for what is no share."""
    before, after = compared_value(budget, baseline), compared_value(budget, candidate)
    if not is_share(budget) or before is None or after is None:
        return None
    value = bad_share(budget, after) - bad_share(budget, before)
    known = [
        bad_share(budget, late) - bad_share(budget, early)
        for early, late in product(_ends(budget, baseline), _ends(budget, candidate))
    ]
    return PairRatio(value, min(value, *known), max(value, *known))


def _ends(budget: Budget, found: Measurement) -> tuple[float, ...]:
    value = compared_value(budget, found) or 0.0
    return tuple(max(0.0, end) for end in found.between or (value,))


def why_no_ratio(budget: Budget, baseline: Measurement, candidate: Measurement) -> str:
    """Why the two cannot be compared; empty when they can.

    `min_samples` is for the verdict on one run: the scatter of the pairs shows how much
    so few samples scatter.
    """
    for side, found in (("baseline", baseline), ("candidate", candidate)):
        if isinstance(budget.indicator, Quantile):
            if why := _why_no_share(budget, budget.indicator, found):
                return f"no data of the {side}: {why}"
            continue
        if found.value is None:
            return f"no data of the {side}: {found.reason}"
        if found.undecided and found.between is None:
            return f"{side}: {found.undecided}"
        if found.value < 0:
            return f"the {side}'s value is below zero, so there is no relative change"
    return ""


def _why_no_share(budget: Budget, indicator: Quantile, found: Measurement) -> str:
    """Why the share of the observations over the bound is not known; empty when it is."""
    if found.share_over is not None:
        return ""
    if not found.samples:
        return found.reason
    bound = format_quantity(budget.bound, budget.unit)
    return (
        f"{indicator.histogram.metric} has no bucket edge at {bound}, so the share over it is not"
        f" known; add a bucket at {bound}, or move the bound to an edge"
    )


def compared_value(budget: Budget, found: Measurement) -> float | None:
    """What is compared: the value; of a histogram's quantile, the share over the bound."""
    return found.share_over if isinstance(budget.indicator, Quantile) else found.value


def is_share(budget: Budget) -> bool:
    """Whether what is compared counts good or bad events among all."""
    of_counters = isinstance(budget.indicator, Ratio) and budget.unit is Unit.RATIO
    return of_counters or isinstance(budget.indicator, ErrorRatio | Quantile)


def bad_share(budget: Budget, share: float) -> float:
    """The share of bad events: those that the share counts, or the others with a `min`."""
    return share if budget.direction == "max" else max(0.0, 1 - share)


def bad_events(budget: Budget, measurement: Measurement) -> float:
    """How many bad events a share stands for."""
    return bad_share(budget, compared_value(budget, measurement) or 0.0) * measurement.samples


def too_few_events(
    budget: Budget, found: Sequence[tuple[Measurement, Measurement]]
) -> float | None:
    """How many bad events the baseline has in a pair, if that is too few to prove that all is well.

    Args:
        budget: Whose indicator it is.
        found: Baseline and candidate in each pair.

    Returns:
        The mean; None when there are enough, when the candidate has none at all, and for what is no
        share. It does not look at how many the candidate has: more of them prove nothing.
    """
    if not is_share(budget) or not any(bad_events(budget, candidate) for _, candidate in found):
        return None
    mean = fmean(bad_events(budget, baseline) for baseline, _ in found)
    return mean if mean < FEWEST_EVENTS else None


def end_of(ratio: float) -> float | None:
    """The relative change at an end of an interval, e.g. 0.1 for 10% worse.

    None where the end is open, which by `LARGEST` is a large factor as well.
    """
    return math.expm1(ratio) if abs(ratio) < math.log(_FAR) else None


def log_of(worse: float, better: float) -> float:
    """ln(worse / better), however small, large or zero the two are."""
    if worse == better:
        return 0.0
    if not worse or not better:
        return math.copysign(math.log(LARGEST), worse - better)
    ratio = math.log(worse) - math.log(better)
    return max(-math.log(LARGEST), min(math.log(LARGEST), ratio))

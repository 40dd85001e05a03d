"""How much worse the candidate is than the baseline in one pair, as a log ratio.

Levels (times, throughput, gauges, work per request) are compared as they are. Shares (failed
requests, cache hits) are compared by their bad events, misses for hits, because twice the failures
is twice as bad whatever the share was; +1/2 and +1 keep the logarithm finite and its bias small
(Haldane 1956, Annals of Human Genetics 20; Anscombe 1956, Biometrika 43).
"""

from __future__ import annotations

import math

from harness.budgets.model import Budget, ErrorRatio, Quantile, Ratio
from harness.judge.model import Measurement
from harness.units import Unit

# A level that comes from nothing or goes to nothing has no ratio. It counts as a change by this
# factor, as does every larger one: tests by ranks need to know only that it is large.
LARGEST = 1000.0


def log_ratio(budget: Budget, baseline: Measurement, candidate: Measurement) -> float | None:
    """The worsening from baseline to candidate, positive when the candidate is worse.

    Args:
        budget: Its direction says what worse is; its bound does not matter.
        baseline: Its indicator in the baseline's part of the pair.
        candidate: The same in the candidate's.

    Returns:
        ln(candidate / baseline) for a budget with a `max`, ln(baseline / candidate) for one with a
        `min`; of the bad events for a share. It is within +-ln(LARGEST), and 0 when both are zero;
        None when `lack` says why there is nothing to compare.
    """
    before, after = baseline.value, candidate.value
    if lack(budget, baseline, candidate) or before is None or after is None:
        return None
    if is_share(budget):
        before, after = (_bad(budget, m.value or 0.0) for m in (baseline, candidate))
        if before or after:
            before = (before * baseline.samples + 0.5) / (baseline.samples + 1)
            after = (after * candidate.samples + 0.5) / (candidate.samples + 1)
        return _log(after, before)
    return _log(after, before) if budget.direction == "max" else _log(before, after)


def lack(budget: Budget, baseline: Measurement, candidate: Measurement) -> str:
    """Why the two cannot be compared; empty when they can.

    `min_samples` is for the verdict on one run: how much so few samples scatter is seen in the
    scatter of the pairs.
    """
    if isinstance(budget.indicator, Quantile):
        return (
            "the quantile of a histogram is known only to its bucket, and most changes stay within"
            " one; give max_regression to a latency or a mean"
        )
    for side, found in (("baseline", baseline), ("candidate", candidate)):
        if found.value is None:
            return f"no data of the {side}: {found.reason}"
        if found.undecided:
            return f"of the {side}, {found.undecided}"
        if found.value < 0:
            return f"the {side}'s value is below zero, so there is no relative change"
    return ""


def is_share(budget: Budget) -> bool:
    """Whether the indicator counts good or bad events among all."""
    of_counters = isinstance(budget.indicator, Ratio) and budget.unit is Unit.RATIO
    return of_counters or isinstance(budget.indicator, ErrorRatio)


def _bad(budget: Budget, share: float) -> float:
    return share if budget.direction == "max" else max(0.0, 1 - share)


def _log(worse: float, better: float) -> float:
    """ln(worse / better), however small, large or zero the two are."""
    if worse == better:
        return 0.0
    if not worse or not better:
        return math.copysign(math.log(LARGEST), worse - better)
    ratio = math.log(worse) - math.log(better)
    return max(-math.log(LARGEST), min(math.log(LARGEST), ratio))

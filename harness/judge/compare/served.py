"""How much of its load each version served, and what the rest may hide.

What fails or never begins is no work, so a version that loses requests seems to need less time, CPU
time or memory. A few of them might have cost as much as the others did. Where one version lost more
than the tolerated regression, its own end is open: the lost requests may be those that cost most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median

from harness.budgets.model import Budget, ErrorRatio, Latency, Throughput
from harness.judge.compare.log_ratio import LARGEST, PairRatio, log_of
from harness.judge.compare.model import Pair
from harness.judge.guards.delivery import deliveries
from harness.judge.measure.requests import request_counts, total_of
from harness.names import OK, TARGET_LOG
from harness.runs.model import Evidence
from harness.units import Unit, counted, format_quantity

_OPEN = math.log(LARGEST)
_ALIKE = 0.01  # shares that differ by less are no reason why a budget is undecided


def served_share(evidence: Evidence) -> float:
    """The share of the scheduled load of the window that was answered without a failure."""
    count = total_of(request_counts(evidence).values())
    loads = deliveries(evidence)
    scheduled = math.fsum(one.scheduled for one in loads)
    begun = math.fsum(one.sent for one in loads) / scheduled if scheduled else 1.0
    return begun * count.ok / count.made if count.made else 0.0


def with_lost(ratio: PairRatio, budget: Budget, pair: Pair) -> PairRatio:
    """The log ratio of a pair with the ends that requests allow which one version did not serve.

    Budgets that count these requests themselves are as they are.
    """
    indicator = budget.indicator
    if isinstance(indicator, ErrorRatio | Throughput):
        return ratio
    if isinstance(indicator, Latency) and indicator.outcome != OK:
        return ratio
    before, after = pair.baseline.served, pair.candidate.served
    if not before and not after:
        return PairRatio(ratio.value, -_OPEN, _OPEN)
    lost = log_of(before, after)  # above 0 when the candidate served less
    if abs(lost) > math.log1p(budget.max_regression or 0.0):
        lost = math.copysign(_OPEN, lost)
    return PairRatio(
        ratio.value,
        max(-_OPEN, ratio.best + min(0.0, lost)),
        min(_OPEN, ratio.worst + max(0.0, lost)),
    )


def never_passes(budget: Budget, pairs: Iterable[Pair], counting: Sequence[Pair]) -> bool:
    """Whether no further pair can let a budget pass, because of what the candidate lost.

    Args:
        budget: With a `max_regression`.
        pairs: All of them.
        counting: Those that are not left out for the budget.
    """
    same = PairRatio(0.0, 0.0, 0.0)
    still_open = sum(with_lost(same, budget, pair).worst >= _OPEN for pair in counting)
    return 2 * still_open > len(counting) or any(map(_has_ended, pairs))


def _has_ended(pair: Pair) -> bool:
    """Whether the candidate ended under the load, which leaves the pair out."""
    return any(g.name == "target-alive" and g.outcome == "tripped" for g in pair.candidate.guards)


def why_lost(pairs: Sequence[Pair], counting: Iterable[Pair]) -> str:
    """Which version lost requests, or ended, and what to do; empty when both served as much."""
    if ended := sum(map(_has_ended, pairs)):
        return (
            f"the candidate ended under the load in {ended} of {counted(len(pairs), 'pair')}; see"
            f" its {TARGET_LOG}"
        )
    shares = [(pair.baseline.served, pair.candidate.served) for pair in counting]
    if not shares:
        return ""
    before, after = (median(side) for side in zip(*shares, strict=True))
    if not before and not after:
        return "neither version answered a request without a failure; repair that first"
    if abs(before - after) < _ALIKE:
        return ""
    sides = [(before, "baseline"), (after, "candidate")]
    (less, one), (more, other) = sorted(sides)
    return (
        f"the {one} answered {_text(less)} of its load without a failure, and the {other}"
        f" {_text(more)}: what failed or never began may have cost more; repair that first"
    )


def _text(share: float) -> str:
    return format_quantity(share, Unit.RATIO)

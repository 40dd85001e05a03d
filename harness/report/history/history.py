"""The history of each scenario: its runs in order, and the trend of each budget.

A trend is for information: runs on different machines and days vary. `harness compare` decides
whether a version is worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import TYPE_CHECKING

from harness.budgets.model import Direction
from harness.judge.model import Outcome
from harness.runs.results import PastRun, StoredBudget
from harness.units import Unit

if TYPE_CHECKING:
    from harness.report.history.changes import Change


@dataclass(frozen=True, slots=True)
class Trend:
    """A budget over the runs of its scenario, the oldest first.

    Attributes:
        bound: The bound in the latest run with the budget; None if it was not finite.
        unit: Of the values; a ratio for the quantile of a histogram, of which the values are the
            shares of the observations over its bound.
        values: The value in each run, in `unit`; None without data, if a guard made the budget
            inconclusive, and if the budget did not exist or had another unit or direction.
        outcomes: The outcome in each run; None if the budget did not exist.
        changes: Where the level of the values changed, if that was searched for.
        over: Of shares: the quantity over which an observation counts, with its unit.
    """

    name: str
    unit: Unit
    direction: Direction
    bound: float | None
    values: tuple[float | None, ...]
    outcomes: tuple[Outcome | None, ...]
    changes: tuple[Change, ...] = ()
    over: tuple[float, Unit] | None = None

    @property
    def latest(self) -> float | None:
        """The value in the latest run."""
        return self.values[-1]

    @property
    def earlier_median(self) -> float | None:
        """The median of the values before the latest; None without any."""
        known = [value for value in self.values[:-1] if value is not None]
        return median(known) if known else None

    @property
    def regression(self) -> float | None:
        """The relative regression of the latest value from the median of the earlier values."""
        return relative_regression(self.earlier_median, self.latest, self.direction)

    @property
    def breaches(self) -> int:
        """The number of runs in which it failed."""
        return self.outcomes.count("fail")


def relative_regression(
    before: float | None, after: float | None, direction: Direction
) -> float | None:
    """The relative regression between two values: 0.1 is 10% worse, -0.1 is 10% better.

    Defined as in a comparison, for a `max` and a `min`; of two values below zero, such as growths,
    as a share of the size of the first. Infinite from or to zero; None if a value is unknown or the
    signs differ.
    """
    if before is None or after is None:
        return None
    if direction == "min":
        before, after = after, before
    if before == after:
        return 0.0
    if before * after < 0:
        return None
    if not before:
        return inf if after > 0 else -inf
    return after / before - 1 if before > 0 else 1 - after / before


@dataclass(frozen=True, slots=True)
class History:
    """The runs of one scenario, the oldest first.

    Attributes:
        trends: One for each budget of the latest run in its order, then for each earlier budget.
    """

    service: str
    scenario: str
    runs: tuple[PastRun, ...]
    trends: tuple[Trend, ...]


def histories(runs: Iterable[PastRun]) -> list[History]:
    """Group runs by service and scenario, in the order of first appearance.

    Args:
        runs: The oldest first.
    """
    grouped: dict[tuple[str, str], list[PastRun]] = {}
    for run in runs:
        key = run.results.run.service, run.results.scenario
        grouped.setdefault(key, []).append(run)
    return [History(*key, tuple(group), _trends(group)) for key, group in grouped.items()]


def _trends(runs: Sequence[PastRun]) -> tuple[Trend, ...]:
    latest: dict[str, StoredBudget] = {}
    for run in reversed(runs):
        for budget in run.results.budgets:
            latest.setdefault(budget.name, budget)
    return tuple(_trend(budget, runs) for budget in latest.values())


def _trend(budget: StoredBudget, runs: Sequence[PastRun]) -> Trend:
    stored = [next((b for b in run.results.budgets if b.name == budget.name), None) for run in runs]
    values = [
        run.results.trusted(one) if one and _kind(one) == _kind(budget) else None
        for run, one in zip(runs, stored, strict=True)
    ]
    outcomes = tuple(one.outcome if one else None for one in stored)
    unit, bound, over = budget.unit, budget.bound, None
    if budget.share_allowed is not None:
        over = None if bound is None else (bound, unit)
        unit, bound = Unit.RATIO, budget.share_allowed
    return Trend(budget.name, unit, budget.direction, bound, tuple(values), outcomes, over=over)


def _kind(budget: StoredBudget) -> tuple[object, ...]:
    """What two values of a budget must have in common to be compared."""
    as_share = None if budget.share_allowed is None else budget.bound
    return budget.unit, budget.direction, as_share

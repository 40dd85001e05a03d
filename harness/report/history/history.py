"""The runs of a folder as histories: one for each scenario, with the trend of each budget.

A trend is for people: runs of several machines and days scatter, and none of it gates. Whether a
version is worse is what `harness compare` finds out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

from harness.budgets.model import Direction
from harness.judge.model import Outcome
from harness.runs.results import PastRun, StoredBudget
from harness.units import Unit


@dataclass(frozen=True, slots=True)
class Trend:
    """A budget over the runs of its scenario, the oldest first.

    Attributes:
        bound: In the latest run that had the budget; None when it was not finite.
        values: Of each run, in `unit`; None where there is none, where a guard took the verdict
            away, and where the budget did not exist or was about something else.
        outcomes: Of each run; None where the budget did not exist.
    """

    name: str
    unit: Unit
    direction: Direction
    bound: float | None
    values: tuple[float | None, ...]
    outcomes: tuple[Outcome | None, ...]

    @property
    def latest(self) -> float | None:
        """The value in the latest run."""
        return self.values[-1]

    @property
    def usual(self) -> float | None:
        """The median of the values before the latest; None when there are none."""
        known = [value for value in self.values[:-1] if value is not None]
        return median(known) if known else None

    @property
    def worse(self) -> float | None:
        """By how much the latest is worse than usual: 0.1 is 10% worse, -0.1 is 10% better.

        As `worsening` has it.
        """
        return worsening(self.usual, self.latest, self.direction)

    @property
    def breaches(self) -> int:
        """In how many runs it failed."""
        return self.outcomes.count("fail")


def worsening(before: float | None, after: float | None, direction: Direction) -> float | None:
    """By how much a value is worse than before: 0.1 is 10% worse, -0.1 is 10% better.

    As in a comparison, whichever way the budget looks. Infinite when one of both is zero and None
    when one of both is unknown or they have different signs.
    """
    if before is None or after is None:
        return None
    if direction == "min":
        before, after = after, before
    if before == after:
        return 0.0
    if before * after < 0:
        return None
    return after / before - 1 if before else inf


@dataclass(frozen=True, slots=True)
class History:
    """The runs of one scenario, the oldest first.

    Attributes:
        trends: Of every budget of the latest run in its order, then of those that it lacks.
    """

    service: str
    scenario: str
    runs: tuple[PastRun, ...]
    trends: tuple[Trend, ...]


def histories(runs: Iterable[PastRun]) -> list[History]:
    """Runs by service and scenario, in the order in which each came up.

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
    found = [next((b for b in run.results.budgets if b.name == budget.name), None) for run in runs]
    values = [
        run.results.trusted(one)
        if one and (one.unit, one.direction) == (budget.unit, budget.direction)
        else None
        for run, one in zip(runs, found, strict=True)
    ]
    outcomes = tuple(one.outcome if one else None for one in found)
    return Trend(budget.name, budget.unit, budget.direction, budget.bound, tuple(values), outcomes)

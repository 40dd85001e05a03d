"""How many samples or seconds a budget gets, and how many its verdict needs to pass."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.budgets.model import Budget, ErrorRatio, Latency, Rate, Scenario
from harness.budgets.rates import expected
from harness.budgets.workload import OpenWorkload
from harness.judge.intervals.levels import AGAIN, ONCE, PLANNED_END, ErrorLevels, gone_on
from harness.judge.intervals.rare import counts_events, weight_without_events
from harness.units import Unit, counted, format_quantity

OUTLIERS = 0.2  # of the allowed share of bad answers: 1% for a p95
_MOST = 10**8  # samples


@dataclass(frozen=True, slots=True)
class SampleCount:
    """The samples of a budget in a scenario, by its schedule.

    Attributes:
        planned: By the planned end of the run; the most that one of several requests can have.
        most: By its longest duration.
        needed: For a pass at the planned end, with as many outliers as `outliers`.
        needed_late: For a pass at the longest duration.
        outliers: Share of the answers that are over the bound, or failed.
    """

    budget: Budget
    scenario: Scenario
    planned: float
    most: float
    needed: int
    needed_late: int
    outliers: float

    @property
    def hardly(self) -> bool:
        """Whether even the longest run gives too few."""
        return self.most < self.needed_late

    def text(self) -> str:
        """The samples that there are, and how many are needed, in a sentence."""
        indicator, scenario = self.budget.indicator, self.scenario
        named = isinstance(indicator, Latency | ErrorRatio) and indicator.request
        duration = format_quantity(scenario.expected, Unit.SECONDS)
        longest = format_quantity(scenario.duration, Unit.SECONDS)
        on = f", and {self.most:.0f} in the longest run of {longest}" if self.hardly else ""
        bad = format_quantity(self.outliers, Unit.RATIO)
        what = "over the bound" if isinstance(indicator, Latency) else "failed"
        return (
            f"{'at most' if named else 'about'} {counted(round(self.planned), 'sample')} in"
            f" {duration} of scenario {scenario.name}{on}; with {bad} of the answers {what},"
            f" a pass needs {self.needed}"
        )

    def advice(self) -> str:
        """What to raise where there are too few, in a sentence."""
        factor = self.needed / self.planned
        duration = format_quantity(math.ceil(self.scenario.expected * factor), Unit.SECONDS)
        return (
            f"{self.text()}: raise the duration to {duration}, or the rate {factor:.1f} times,"
            " or use a lower quantile or a higher bound"
        )


@dataclass(frozen=True, slots=True)
class WindowLength:
    """The seconds of the window of a scenario, for a budget on the rate of rare events.

    Attributes:
        needed: For a pass at the planned end, without any event.
        needed_late: For a pass at the longest duration.
    """

    budget: Budget
    scenario: Scenario
    needed: float
    needed_late: float

    @property
    def planned(self) -> float:
        """By the planned end of the run."""
        return self.scenario.expected

    @property
    def hardly(self) -> bool:
        """Whether even the longest run is too short."""
        return self.scenario.duration < self.needed_late

    def text(self) -> str:
        """How long the window is, and how long it must be, in a sentence."""
        planned, longest, enough = (
            format_quantity(seconds, Unit.SECONDS)
            for seconds in (self.planned, self.scenario.duration, math.ceil(self.needed))
        )
        on = f", at most {longest}" if self.hardly and longest != planned else ""
        return (
            f"the window of scenario {self.scenario.name} is {planned}{on}; without any event, a"
            f" pass needs {enough}"
        )

    def advice(self) -> str:
        """What to change where it is too short, in a sentence."""
        enough = format_quantity(math.ceil(self.needed), Unit.SECONDS)
        return (
            f"{self.text()}: raise the duration to {enough}, use a higher bound, or write `max: 0`"
            " if not even one event may happen"
        )


def need_of(budget: Budget, scenario: Scenario) -> SampleCount | WindowLength | None:
    """What the verdict on a budget needs in a scenario, and what it gets; None if that is open."""
    return sample_count(budget, scenario) or window_length(budget, scenario)


def window_length(budget: Budget, scenario: Scenario) -> WindowLength | None:
    """The window of a budget on the rate of rare events; None for all other budgets.

    Args:
        budget: Of the scenario.
        scenario: Planned for the longest run, see `budgets.override`.
    """
    if not isinstance(budget.indicator, Rate) or not counts_events(budget):
        return None
    if budget.decide == "value" or budget.direction == "min" or budget.bound <= 0:
        return None
    first, later = (
        weight_without_events(budget.bound, levels.passes) for levels in _levels(scenario)
    )
    return WindowLength(budget, scenario, first, later)


def sample_count(budget: Budget, scenario: Scenario) -> SampleCount | None:
    """The samples of a budget in a scenario.

    Args:
        budget: Of the scenario.
        scenario: Planned for the longest run, see `budgets.override`.

    Returns:
        None where the verdict needs no number of samples, where the value alone decides, and in the
        closed model, in which their number is not known before.
    """
    allowed = _allowed(budget)
    planned, most = (_arrivals(scenario, s) for s in (scenario.expected, scenario.duration))
    if allowed is None or planned is None or most is None or planned <= 0:
        return None
    first, later = _levels(scenario)
    soon, late = needed(allowed, first.passes), needed(allowed, later.passes)
    return SampleCount(budget, scenario, planned, most, soon, late, allowed * OUTLIERS)


def _levels(scenario: Scenario) -> tuple[ErrorLevels, ErrorLevels]:
    """Of the look at the planned end, and of the last one."""
    if scenario.planned is None:
        return ONCE, ONCE
    if scenario.early:
        return AGAIN, AGAIN
    return PLANNED_END, gone_on(scenario.planned, scenario.duration)


def needed(allowed: float, alpha: float, outliers: float = OUTLIERS) -> int:
    """The smallest number of independent answers that shows that few enough are bad.

    Clopper and Pearson's upper bound of the share of bad answers is then at most `allowed`,
    although the share `outliers` of `allowed` is bad.

    Args:
        allowed: Share of the answers that may be bad, between 0 and 1.
        alpha: Probability of a pass at exactly the allowed share.
        outliers: Share of `allowed`, under 1.
    """
    bad = 0
    while True:
        low, high = bad, _MOST
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _at_most(bad, middle, allowed) <= alpha else (middle, high)
        if bad >= outliers * allowed * high or high == _MOST:
            return high
        bad += 1


def _at_most(bad: int, answers: int, share: float) -> float:
    """Probability that at most `bad` of more independent answers are bad: a binomial distribution.

    `bad` is small, so the terms are added. `scipy.special.bdtr` is the same, but its import takes
    longer than all else that `harness lint` does.
    """
    odds = math.log(share) - math.log1p(-share)
    logarithm = answers * math.log1p(-share)
    found = math.exp(logarithm)
    for i in range(bad):
        logarithm += math.log((answers - i) / (i + 1)) + odds
        found += math.exp(logarithm)
    return found


def _allowed(budget: Budget) -> float | None:
    """Share of the answers that may be bad."""
    indicator = budget.indicator
    if budget.decide == "value" or budget.direction == "min":
        return None
    if isinstance(indicator, Latency) and indicator.quantile is not None:
        return 1 - indicator.quantile if indicator.quantile < 1 else None
    return budget.bound if isinstance(indicator, ErrorRatio) and 0 < budget.bound < 1 else None


def _arrivals(scenario: Scenario, seconds: float) -> float | None:
    """Arrivals that are due in so many seconds of the window; None in the closed model."""
    total = 0.0
    for load in scenario.loads:
        if not isinstance(load.workload, OpenWorkload):
            return None
        stages, begin = load.workload.stages, scenario.warm_up - load.start
        total += expected(stages, begin + seconds) - expected(stages, begin)
    return total

"""From a budget and the observation of its indicator to the indicator's value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from harness.budgets.model import Budget
from harness.budgets.presets import in_run
from harness.judge.bounds import holds_by_value
from harness.judge.measure.answers import measure_answer
from harness.judge.measure.client import measure_failures, measure_times
from harness.judge.measure.gauges import over
from harness.judge.measure.observation import (
    NothingObserved,
    Observation,
    ObservedAnswer,
    ObservedExact,
    ObservedFailures,
    ObservedHistogram,
    ObservedRate,
    ObservedRatio,
    ObservedThroughput,
    ObservedTimes,
    ObservedUtilization,
)
from harness.judge.measure.observe import observe
from harness.judge.measure.quantile import measure_quantile
from harness.judge.measure.series import LOAD_GENERATOR
from harness.judge.model import Measurement
from harness.names import ROLES
from harness.runs.model import Evidence


@dataclass(frozen=True, slots=True)
class Measured:
    """A budget with what was observed of its indicator, and the value."""

    budget: Budget
    observation: Observation
    measurement: Measurement

    @property
    def name(self) -> str:
        """The budget's name."""
        return self.budget.name

    @property
    def holds(self) -> bool | None:
        """Whether the bound holds by what was measured; None when nothing was."""
        return holds_by_value(self.budget, self.measurement)


MeasuredBudgets = Sequence[Measured]


def measure_budgets(budgets: Sequence[Budget], evidence: Evidence) -> tuple[Measured, ...]:
    """Observe and measure the indicator of each budget, in the given order.

    Presets read the metrics that play their roles in the service of the run.
    """
    found = in_run(budgets, evidence.manifest.target.get(ROLES))
    return tuple(_measured(budget, observe(budget, evidence)) for budget in found)


def _measured(budget: Budget, observation: Observation) -> Measured:
    return Measured(budget, observation, measure(budget, observation))


def measure(budget: Budget, observation: Observation) -> Measurement:
    """The value of a budget's indicator over the window of a run.

    Args:
        budget: Its bound only decides `meets`, `undecided` and `share_over`.
        observation: Of its indicator.

    Returns:
        The value in the budget's unit, or None with the reason why there is none.
    """
    found = _measure(budget, observation)
    if found.value is not None and not math.isfinite(found.value):
        return replace(found, value=None, meets=None, reason=f"the value is {found.value}")
    return found


def _measure(  # noqa: C901, PLR0911 - a line for each kind
    budget: Budget, observation: Observation
) -> Measurement:
    match observation:
        case NothingObserved(source=source, reason=reason):
            return Measurement(None, 0, source, reason=reason)
        case ObservedTimes():
            return measure_times(budget, observation)
        case ObservedFailures():
            return measure_failures(observation)
        case ObservedThroughput(count=count, seconds=seconds):
            return Measurement(count.ok / seconds, count.total or count.made, LOAD_GENERATOR)
        case ObservedHistogram():
            return measure_quantile(budget, observation)
        case ObservedRatio(of=of, to=to, source=source):
            return Measurement(of / to, max(1, round(to)), source)
        case ObservedRate(per_second=value, divisor=divisor, scrapes=scrapes, source=source):
            return Measurement(value / divisor, scrapes, source)
        case ObservedExact(value=value, samples=samples, source=source):
            return Measurement(value, samples, source)
        case ObservedUtilization():
            return _utilization(budget, observation)
        case ObservedAnswer():
            return measure_answer(budget, observation, measure(budget, observation.own).value)
        case _:
            assert_never(observation)


def _utilization(budget: Budget, observed: ObservedUtilization) -> Measurement:
    indicator, worst = observed.indicator, max if budget.direction == "max" else min
    by_instance = {name: over(shares, indicator.over) for name, shares in observed.shares.items()}
    name = worst(by_instance, key=lambda i: by_instance[i])
    reason = f"{name} is the worst of {len(by_instance)} instances" if len(by_instance) > 1 else ""
    samples = sum(map(len, observed.shares.values()))
    return Measurement(by_instance[name], samples, observed.source, reason=reason)

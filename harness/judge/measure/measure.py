"""From a budget and the observation of its indicator to the indicator's value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from harness.budgets.dialects.model import MetricRole
from harness.budgets.dialects.recognise import meaning_of
from harness.budgets.model import Budget, Rate
from harness.budgets.presets import in_run
from harness.judge.bounds import holds, holds_by_value
from harness.judge.measure.client import measure_failures, measure_times
from harness.judge.measure.deltas import BORN
from harness.judge.measure.gauges import over
from harness.judge.measure.observation import (
    NothingObserved,
    Observation,
    ObservedAnswer,
    ObservedExact,
    ObservedFailures,
    ObservedHistogram,
    ObservedPerRequest,
    ObservedRate,
    ObservedRatio,
    ObservedThroughput,
    ObservedTimes,
    ObservedUtilization,
)
from harness.judge.measure.observe import observe
from harness.judge.measure.prometheus import measure_answer
from harness.judge.measure.quantile import measure_quantile
from harness.judge.measure.series import LOAD_GENERATOR, listed
from harness.judge.model import Measurement
from harness.names import CPU_COUNT
from harness.runs.model import Evidence
from harness.units import Unit, format_quantity


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
    found = in_run(budgets, evidence.manifest.roles)
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
    if found.value is not None and observation.coverage.unborn and not found.note:
        found = replace(
            found, note=f"no {listed(observation.coverage.unborn)} yet, which counts as 0"
        )
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
        case ObservedRatio():
            return _ratio(budget, observation)
        case ObservedPerRequest():
            return _per_request(budget, observation)
        case ObservedRate(per_second=value, born=born, divisor=divisor):
            between = ((value - born) / divisor, value / divisor) if born else None
            return Measurement(
                value / divisor,
                observation.scrapes,
                observation.source,
                undecided=_born(budget, value / divisor, between),
                between=between,
                whole=_cores(budget, divisor),
            )
        case ObservedExact(value=value, samples=samples, source=source):
            return Measurement(value, samples, source)
        case ObservedUtilization():
            return _utilization(budget, observation)
        case ObservedAnswer():
            own = measure(budget, observation.own)
            answered = measure_answer(budget, observation, own.value)
            return replace(answered, whole=own.whole or _cores(budget, None))
        case _:
            assert_never(observation)


def _cores(budget: Budget, divisor: float | None) -> str:
    """What the use of the CPUs is a share of; empty for other rates, and if it is not known."""
    indicator = budget.indicator
    if not isinstance(indicator, Rate) or budget.unit is not Unit.RATIO:
        return ""
    if indicator.to is None:
        meaning = meaning_of(indicator.counter.metric)
        return "1 core" if meaning and meaning.role is MetricRole.CPU else ""
    if indicator.to.metric != CPU_COUNT or divisor is None:
        return ""
    return "1 core" if divisor == 1 else f"{format_quantity(divisor, Unit.COUNT)} cores"


def _per_request(budget: Budget, observed: ObservedPerRequest) -> Measurement:
    """By the requests with an outcome; an unanswered one may have reached the counted part."""
    count = observed.count
    value, least = observed.of / count.total, observed.of / count.made
    between = None
    if observed.born or count.unanswered:
        between = (observed.of - observed.born) / count.made, value
    undecided = _born(budget, value, between) if observed.born else ""
    sides = {holds(one, budget.bound, budget.direction) for one in (value, least)}
    if len(sides) == 2:
        undecided = (
            f"{count.unanswered} of {count.made} requests are unanswered, and with them it is"
            f" {format_quantity(least, budget.unit)}"
        )
    return Measurement(value, count.total, observed.source, undecided=undecided, between=between)


def _ratio(budget: Budget, observed: ObservedRatio) -> Measurement:
    """The ratio of two increases.

    A denominator that is too high makes the ratio too low.
    """
    value, between = observed.of / observed.to, None
    if observed.of_born or observed.to_born:
        rest = observed.to - observed.to_born
        highest = observed.of / rest if rest > 0 else math.inf
        between = (observed.of - observed.of_born) / observed.to, highest
    return Measurement(
        value,
        max(1, round(observed.to)),
        observed.source,
        undecided=_born(budget, value, between),
        between=between,
    )


def _born(budget: Budget, value: float, between: tuple[float, float] | None) -> str:
    """Why a budget that holds does not hold for certain: it does not at the worse end."""
    if between is None or not holds(value, budget.bound, budget.direction):
        return ""
    end = between[1] if budget.direction == "max" else between[0]
    return "" if holds(end, budget.bound, budget.direction) else BORN


def _utilization(budget: Budget, observed: ObservedUtilization) -> Measurement:
    indicator, worst = observed.indicator, max if budget.direction == "max" else min
    by_instance = {name: over(shares, indicator.over) for name, shares in observed.shares.items()}
    name = worst(by_instance, key=lambda i: by_instance[i])
    reason = f"{name} is the worst of {len(by_instance)} instances" if len(by_instance) > 1 else ""
    samples = sum(map(len, observed.shares.values()))
    return Measurement(by_instance[name], samples, observed.source, reason=reason)

"""From a judged run at one rate to a step of the search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, assert_never

from harness.budgets.limits import MOST_USERS
from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Indicator,
    Latency,
    Promql,
    Scenario,
    Throughput,
)
from harness.budgets.presets import PRESETS
from harness.budgets.workload import OpenWorkload, Stage
from harness.judge.capacity.model import CapacityStep
from harness.judge.capacity.search import StepResult
from harness.judge.capacity.usage import usage_of
from harness.judge.measure.measure import measure_budgets
from harness.judge.model import Judgement, Verdict
from harness.runs.model import Evidence, Manifest
from harness.units import Unit, format_quantity

# Guards that say that the generator could not make the load, or measure it in time.
_GENERATOR: Final = frozenset(
    {
        *("generator-cpu", "generator-loop-lag", "generator-canary", "scheduler-lag"),
        *("load-delivered", "cgroup-throttled"),
    }
)
_ABORT_AFTER: Final = 5.0  # s of the window, as in budgets.yaml
# Users and seconds of draining over those that answers at the bounds of the latency budgets need.
# What waits for longer counts with its wait, which is over each bound.
_ROOM: Final = 2.0
_DRAIN: Final = 5.0  # s, at least


def judged_in_search(budgets: Iterable[Budget]) -> tuple[tuple[Budget, ...], tuple[str, ...]]:
    """The budgets that a search can judge, and why it leaves out the others.

    Budgets on a share that can be certain early may end a step early.
    """
    kept, left_out = [], []
    for budget in budgets:
        if isinstance(budget.indicator, Throughput) and budget.direction == "min":
            left_out.append(f"{budget.name}: a low rate has a low throughput")
        elif isinstance(budget.indicator, Promql):
            left_out.append(f"{budget.name}: only `harness run --prometheus` can measure it")
        else:
            kept.append(budget)
    return tuple(kept), tuple(left_out)


def with_abort(budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    """The budgets of severity error whose certain breach ends a step early."""
    return tuple(
        replace(budget, abort=True, abort_after=budget.abort_after or _ABORT_AFTER)
        for budget in budgets
        if budget.severity == "error" and budget.direction == "max" and _is_share(budget)
    )


def _is_share(budget: Budget) -> bool:
    indicator = budget.indicator
    if isinstance(indicator, Latency):
        return indicator.quantile is not None and indicator.quantile < 1
    return isinstance(indicator, ErrorRatio)


def scenario_at(
    scenario: Scenario, rate: float, number: int, budgets: Iterable[Budget], longest: float
) -> Scenario:
    """The scenario of a step.

    Args:
        scenario: With one load at a constant rate.
        rate: Of the step, per second.
        number: Of the step, from 1. Each step has arrivals of its own, so that a step at a rate
            that was tried before is new evidence.
        budgets: Their latency bounds say how many users the rate needs at most (Little's law: the
            requests in flight are the rate times the latency).
        longest: Most seconds of the window.
    """
    (load,) = scenario.loads
    workload = load.workload
    assert isinstance(workload, OpenWorkload)
    bounds = [b.bound for b in budgets if isinstance(b.indicator, Latency)]
    needed = min(MOST_USERS, round(_ROOM * rate * max(bounds, default=0.0)))
    duration = max(scenario.expected, min(scenario.duration, longest))
    drain = min(scenario.drain, max(_DRAIN, _ROOM * max(bounds, default=0.0)))
    changed = replace(
        workload,
        stages=(Stage(rate, scenario.warm_up + duration),),
        seed=workload.seed + number - 1,
        max_users=max(workload.max_users, needed),
    )
    loads = (replace(load, workload=changed),)
    return replace(scenario, loads=loads, duration=duration, drain=drain)


def step_of(judgement: Judgement, evidence: Evidence, rate: float, folder: str) -> CapacityStep:
    """A step of the search.

    Args:
        judgement: Of the run.
        evidence: Of the run.
        rate: Of the step.
        folder: Name of the run folder.
    """
    result, reason, taken_by = _result(judgement, evidence.manifest)
    clock = evidence.manifest.clock
    seconds = (clock.window_end or 0.0) - (clock.window_start or clock.window_end or 0.0)
    return CapacityStep(
        rate=rate,
        result=result,
        reason=reason,
        seconds=seconds,
        folder=folder,
        verdicts=judgement.verdicts,
        answered=_value(evidence, "throughput"),
        p95=_value(evidence, "api_latency"),
        error_ratio=_value(evidence, "error_ratio"),
        usage=usage_of(evidence),
        guard=taken_by,
    )


def _result(judgement: Judgement, manifest: Manifest) -> tuple[StepResult, str, str]:
    """What a run says of its rate, why, and the guard that took its verdict away, if one did.

    A service that ended under the load did not take it, which is enough here; a run alone would be
    inconclusive.
    """
    match judgement.outcome:
        case "pass" | "warn":
            return "holds", "every budget holds", ""
        case "fail":
            return "breaks", _reasons(_failed(judgement)), ""
        case "inconclusive":
            pass
        case _:
            assert_never(judgement.outcome)
    if manifest.target.get("exit_code") is not None and manifest.status == "failed":
        return "breaks", manifest.reason.partition("\n")[0], ""
    return _undecided(
        [v for v in judgement.verdicts if v.outcome == "inconclusive" and v.severity == "error"]
    )


def _undecided(doubted: Sequence[Verdict]) -> tuple[StepResult, str, str]:
    """As `_result`, by the inconclusive verdicts of a run that was judged inconclusive."""
    others = [one for one in doubted if one.guard not in _GENERATOR]
    if doubted and not others:
        return "generator", doubted[0].reason, doubted[0].guard
    if not others:
        return "disturbed", "no budget could be judged", ""
    disturbed = [one for one in others if not one.waits]
    if disturbed:
        return "disturbed", disturbed[0].reason, disturbed[0].guard
    return "undecided", others[0].reason, others[0].guard


def _failed(judgement: Judgement) -> Sequence[Verdict]:
    return [one for one in judgement.verdicts if one.outcome == "fail"]


def _reasons(failed: Sequence[Verdict]) -> str:
    return "; ".join(figure(verdict) for verdict in failed[:3]) + (
        f" and {len(failed) - 3} more" if len(failed) > 3 else ""
    )


def figure(verdict: Verdict) -> str:
    """A verdict in a few words, such as "api-latency-p95 412 ms (max 200 ms)"."""
    bound = f"{verdict.direction} {format_quantity(verdict.bound, verdict.unit)}"
    if verdict.value is None:
        return f"{verdict.name} ({bound})"
    least = "at least " if verdict.at_least else ""
    return f"{verdict.name} {least}{format_quantity(verdict.value, verdict.unit)} ({bound})"


def _value(evidence: Evidence, preset: str) -> float | None:
    """The value of a preset of the load generator's own numbers."""
    indicator: Indicator = PRESETS[preset].indicator
    budget = Budget(preset, indicator, Unit.COUNT, 0.0, "max")
    return measure_budgets([budget], evidence)[0].measurement.value

"""Controls of a comparison: measurements that cannot change between the versions.

A control is an endpoint that budgets.yaml names, or else the pairs of the calibration, in which one
version was compared with itself. Its log ratios have the intervals of the sequential test, with
half of the error rate at each end. So all controls together move by chance in at most `alpha` of
the comparisons. A control only takes verdicts away; with too little data it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import expm1, inf, isfinite
from typing import assert_never

from harness.budgets.model import Budget, Latency
from harness.judge.compare.describe import change_text
from harness.judge.compare.model import BudgetChange, Control, ControlOutcome, ControlSource, Rules
from harness.judge.compare.sequential import (
    FIRST_LOOK,
    MOST_PAIRS,
    Design,
    design,
    hodges_lehmann,
    interval,
)
from harness.units import Unit

_HARMLESS = 3600.0  # s: no guard finds a latency near this bound
_ANY = 0.1  # the tolerance of the design, which does not matter for an interval


def control_budget(request: str) -> Budget:
    """What is measured of a control: the median latency, which has the least noise.

    Args:
        request: As `compare.control` in budgets.yaml names it.

    Returns:
        A budget whose name no budget of the file can have.
    """
    return Budget(
        f"control {request}", Latency(0.5, request), Unit.SECONDS, _HARMLESS, direction="max"
    )


def endpoint_control(request: str, ratios: Sequence[float | None], rules: Rules) -> Control:
    """Whether the endpoint that cannot change has changed.

    Args:
        request: The endpoint.
        ratios: The log ratio of each pair; None where it does not count.
        rules: Of the comparison.
    """
    return _control(request, "endpoint", ratios, _plan(rules.most, rules.alpha))


def calibration_controls(
    identical: Mapping[str, Sequence[float]], names: Sequence[str], rules: Rules
) -> tuple[Control, ...]:
    """Whether pairs of a version with itself show a change, for each budget.

    Args:
        identical: Log ratios of the calibration, by the name of the budget.
        names: The compared budgets.
        rules: Of the comparison; `most` does not matter.
    """
    plan = _plan(MOST_PAIRS[-1], rules.alpha / max(1, len(names)))
    return tuple(
        _control(name, "calibration", identical[name], plan)
        for name in names
        if identical.get(name)
    )


def _plan(most: int, alpha: float) -> Design:
    return design(_ANY, most, alpha=alpha / 2, beta=alpha / 2)


def _control(
    name: str, source: ControlSource, ratios: Sequence[float | None], plan: Design
) -> Control:
    known = [ratio for ratio in ratios if ratio is not None][: plan.most]
    lower, upper = -inf, inf
    for count in range(FIRST_LOOK, len(known) + 1):
        low, high = interval(known[:count], plan)
        lower, upper = max(lower, low), min(upper, high)
    outcome: ControlOutcome = "steady"
    if not isfinite(lower) and not isfinite(upper):
        outcome = "unknown"
    elif lower > 0 or upper < 0:
        outcome = "moved"
    estimate = hodges_lehmann(known) if known else None
    if estimate is not None:
        lower, upper = min(lower, estimate), max(upper, estimate)
    return Control(
        name=name,
        source=source,
        outcome=outcome,
        estimate=None if estimate is None else expm1(estimate),
        lower=expm1(lower) if isfinite(lower) else None,
        upper=expm1(upper) if isfinite(upper) else None,
        pairs=len(known),
    )


def without_verdict(change: BudgetChange, controls: Sequence[Control]) -> BudgetChange:
    """The change of a budget, inconclusive when a control of it moved."""
    moved = next(
        (
            one
            for one in controls
            if one.outcome == "moved" and (one.source == "endpoint" or one.name == change.name)
        ),
        None,
    )
    if moved is None or change.decision == "inconclusive":
        return change
    decided = f"; without the control: {change.decision}, {change.reason}"
    return replace(
        change,
        outcome="inconclusive",
        decision="inconclusive",
        reason=_reason(moved) + (decided if change.decision in {"pass", "fail"} else ""),
        advice="",
    )


def _reason(control: Control) -> str:
    how = change_text(control.estimate or 0.0, control.lower, control.upper)
    match control.source:
        case "endpoint":
            return (
                f"the control moved: the p50 latency of {control.name}, which cannot change"
                f" between the versions, is {how}; something besides the change affects one"
                " version: find it, or name another control, and compare again"
            )
        case "calibration":
            return (
                f"the control moved: in the calibration, one version differs from itself: it is"
                f" {how} in {control.pairs} identical pairs; find what affects one side, and run"
                " `harness calibrate` again"
            )
        case _:
            assert_never(control.source)

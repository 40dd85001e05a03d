"""What a calibration changes for a comparison, and what `lint` says because of it."""

from __future__ import annotations

from pathlib import Path

from harness.budgets.lint.plan import Advice
from harness.budgets.model import Budget, OpenWorkload, Plan, Scenario
from harness.judge.compare.compare import most_pairs
from harness.judge.compare.model import Rules
from harness.judge.compare.noise import undetectable
from harness.judge.compare.sequential import MOST_PAIRS
from harness.observe.host import host_facts
from harness.runs.calibration import Calibration, PairLoad
from harness.units import Unit, format_quantity


def pair_load(scenario: Scenario, slices: int, *, simultaneous: bool) -> PairLoad:
    """What a pair of a scenario asks; see `harness.experiments.compare.sliceable`."""
    workload = scenario.loads[0].workload
    assert isinstance(workload, OpenWorkload)
    return PairLoad(
        rate=workload.stages[0].rate,
        warm_up=scenario.warm_up,
        slices=slices,
        simultaneous=simultaneous,
    )


def rules_for(
    plan: Plan, scenario: Scenario, calibration: Calibration, asked: int | None
) -> tuple[Rules, list[str]]:
    """How long a comparison may take, and what is known in advance of its end.

    Args:
        plan: The whole of budgets.yaml.
        scenario: What is compared.
        calibration: Of this machine, under the load of this comparison.
        asked: The most pairs by the command line; they stand whatever was calibrated.

    Returns:
        The rules, and sentences for a person.
    """
    budgets, known = plan.budgets_of(scenario.name), calibration.scenarios.get(scenario.name)
    notices = [calibration.notices[scenario.name]] if scenario.name in calibration.notices else []
    deviations = known.deviations if known else {}
    most = asked or most_pairs(budgets, deviations) or Rules().most
    for budget, seen in undetectable(budgets, deviations, most):
        notices.append(
            f"{budget.name}: max_regression {_percent(budget.max_regression or 0)} is below what"
            f" {most} pairs can see on this machine, {_percent(seen)}; it may well end inconclusive"
        )
    return Rules(most=most), notices


def lint_advice(plan: Plan, path: Path) -> tuple[list[Advice], list[str]]:
    """What is below what can be seen here, and which calibrations do not count.

    Args:
        plan: The whole of budgets.yaml.
        path: Of that file.

    Raises:
        UsageError: The calibration is damaged.
    """
    calibration = Calibration.load(path, host_facts())
    advice = [
        Advice(("budgets", budget.name, "max_regression"), _told(budget, seen, name, known.load))
        for name, known in calibration.scenarios.items()
        if name in plan.scenarios
        for budget, seen in undetectable(plan.budgets_of(name), known.deviations, MOST_PAIRS[-1])
    ]
    return advice, list(calibration.notices.values())


def _told(budget: Budget, seen: float, scenario: str, load: PairLoad) -> str:
    wanted = _percent(budget.max_regression or 0)
    return (
        f"max_regression below what can be seen here: {wanted}, and the smallest that"
        f" {MOST_PAIRS[-1]} pairs of {load.slices} slices find in scenario {scenario} is"
        f" {_percent(seen)}; raise it, budget work instead of time, or use more --slices"
    )


def _percent(value: float) -> str:
    return format_quantity(float(f"{value:.3g}"), Unit.RATIO)

"""Effects of a calibration on comparisons, and its advice for `harness lint`."""

from __future__ import annotations

from pathlib import Path

from harness.budgets.lint.plan import Advice
from harness.budgets.model import Budget, Plan, Scenario
from harness.budgets.workload import OpenWorkload
from harness.judge.compare.compare import most_pairs
from harness.judge.compare.model import Rules
from harness.judge.compare.noise import undetectable
from harness.judge.compare.sequential import MOST_PAIRS
from harness.observe.host import host_facts
from harness.runs.calibration import Calibration, PairLoad
from harness.units import Unit, format_quantity


def pair_load(scenario: Scenario, slices: int, *, simultaneous: bool) -> PairLoad:
    """The load of a pair, as a calibration stores it.

    Args:
        scenario: One that passes `harness.experiments.compare.check_sliceable`.
        slices: Slices of load for each version.
        simultaneous: Whether both versions are loaded at once.
    """
    workload = scenario.loads[0].workload
    assert isinstance(workload, OpenWorkload)
    return PairLoad(
        rate=workload.stages[0].rate,
        warm_up=scenario.warm_up,
        slices=slices,
        simultaneous=simultaneous,
    )


def rules_for(
    plan: Plan, scenario: Scenario, calibration: Calibration, max_pairs: int | None
) -> tuple[Rules, list[str]]:
    """The rules of a comparison, and notices about regressions that it cannot detect.

    Args:
        plan: The whole of budgets.yaml.
        scenario: The scenario that is compared.
        calibration: Of this machine, under the load of this comparison.
        max_pairs: The most pairs, from the command line; None takes them from the calibration.

    Returns:
        The rules, and sentences for a person.
    """
    budgets, known = plan.budgets_of(scenario.name), calibration.scenarios.get(scenario.name)
    notices = [calibration.notices[scenario.name]] if scenario.name in calibration.notices else []
    deviations = known.deviations if known else {}
    most = max_pairs or most_pairs(budgets, deviations) or Rules().most
    for budget, min_detectable in undetectable(budgets, deviations, most):
        notices.append(
            f"{budget.name}: max_regression {_percent(budget.max_regression or 0)} is below the"
            f" minimum detectable regression of {most} pairs on this machine,"
            f" {_percent(min_detectable)}; it will probably end inconclusive"
        )
    return Rules(most=most), notices


def lint_advice(plan: Plan, path: Path) -> tuple[list[Advice], list[str]]:
    """Advice about regressions that cannot be detected here, and calibrations that do not count.

    Args:
        plan: The whole of budgets.yaml.
        path: Of that file.

    Raises:
        UsageError: The calibration is damaged.
    """
    calibration = Calibration.load(path, host_facts())
    advice = [
        Advice(
            ("budgets", budget.name, "max_regression"),
            _advice(budget, min_detectable, name, known.load),
        )
        for name, known in calibration.scenarios.items()
        if name in plan.scenarios
        for budget, min_detectable in undetectable(
            plan.budgets_of(name), known.deviations, MOST_PAIRS[-1]
        )
    ]
    return advice, list(calibration.notices.values())


def _advice(budget: Budget, min_detectable: float, scenario: str, load: PairLoad) -> str:
    return (
        f"max_regression {_percent(budget.max_regression or 0)} is below the minimum detectable"
        f" regression of {MOST_PAIRS[-1]} pairs of {load.slices} slices in scenario {scenario},"
        f" {_percent(min_detectable)}; raise it, budget work instead of time, or use more --slices"
    )


def _percent(value: float) -> str:
    return format_quantity(float(f"{value:.3g}"), Unit.RATIO)

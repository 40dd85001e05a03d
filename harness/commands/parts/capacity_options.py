"""From the options of `harness capacity` and budgets.yaml to what is searched."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from harness.budgets.limits import DURATION, RATE, WITHIN
from harness.budgets.model import Plan, Scenario
from harness.budgets.workload import CapacityOptions, OpenWorkload
from harness.commands.parts.inputs import choose_scenario
from harness.commands.parts.option_types import quantity
from harness.errors import UsageError
from harness.judge.capacity.model import CapacitySearch, CapacitySetting, PastCapacity
from harness.judge.capacity.search import SearchRange
from harness.judge.capacity.step import judged_in_search
from harness.observe.host import git_facts, host_facts
from harness.runner.mask import Mask
from harness.runs.capacity import read_capacity
from harness.units import Unit, format_quantity

if TYPE_CHECKING:
    from harness.experiments.capacity import CapacityDesign

HIGHEST: Final = 1_000_000.0  # per second: the highest rate to try without `to`
_FIRST: Final = 10.0  # per second, where the scenario has no rate
_WARM_UP: Final = 5.0  # s, in place of auto: the step that settles has another rate
SECONDS: Final = 600.0  # of a search without `for`
_LOWEST: Final = 64.0  # times less than the first rate is the lowest to try


def search_options(group: argparse._ArgumentGroup, *, within: float | None) -> None:
    """Add the options of a search.

    Args:
        group: Of the command.
        within: The default of --within; None follows from --max-regression.
    """
    rate, seconds = quantity(RATE), quantity(DURATION)
    group.add_argument(
        "--from",
        dest="start",
        type=rate,
        metavar="RATE",
        help="first rate to try (default: capacity.from of the scenario, otherwise its rate)",
    )
    group.add_argument(
        "--to",
        dest="most",
        type=rate,
        metavar="RATE",
        help="highest rate to try (default: capacity.to of the scenario, otherwise none)",
    )
    usual = "a quarter of --max-regression, at most 5%%" if within is None else f"{within:.0%}%"
    group.add_argument(
        "--within",
        type=quantity(WITHIN),
        default=within,
        metavar="SHARE",
        help=f"largest width of the interval (default: {usual})",
    )
    group.add_argument(
        "--for",
        dest="seconds",
        type=seconds,
        metavar="TIME",
        help="longest duration of a search (default: capacity.for of the scenario, otherwise 10m)",
    )
    group.add_argument(
        "--duration",
        type=seconds,
        metavar="TIME",
        help="duration of a step (default: that of the scenario)",
    )


def capacity_scenario(plan: Plan, options: argparse.Namespace) -> tuple[Scenario, CapacityOptions]:
    """The scenario with a constant rate, and how it is searched: options before the file.

    Raises:
        UsageError: The scenario has several loads, or its load has no rate to vary.
    """
    name = options.scenario or next(iter(plan.scenarios))
    of_file = plan.scenarios.get(name)
    if of_file is None:
        choose_scenario(plan, options)  # raises
    assert of_file is not None
    if len(of_file.loads) > 1:
        raise UsageError(
            f"scenario {name!r} has several loads, and a capacity is the rate of one",
            "search with a scenario that has one load",
        )
    section = of_file.capacity or CapacityOptions()
    wanted = CapacityOptions(
        least=options.least or section.least,
        start=options.start or section.start or _rate_of(of_file) or _FIRST,
        most=options.most or section.most,
        seconds=options.seconds or section.seconds,
    )
    options.rate = min(wanted.start or _FIRST, wanted.most or HIGHEST)
    if options.warm_up is None and of_file.auto_warm_up:
        options.warm_up = _WARM_UP
    scenario = choose_scenario(plan, options, goes_on=True)
    # Above the capacity a queue grows, and early seconds look better than later ones: no step ends
    # early because the budgets hold so far.
    return replace(scenario, early=False), wanted


def _rate_of(scenario: Scenario) -> float | None:
    """The highest rate of the schedule; None without one."""
    workload = scenario.loads[0].workload
    if not isinstance(workload, OpenWorkload):
        return None
    return max((stage.rate for stage in workload.stages), default=0.0) or None


def search_range(
    scenario: Scenario, wanted: CapacityOptions, options: argparse.Namespace
) -> SearchRange:
    """Where the search looks.

    Raises:
        UsageError: The options contradict each other.
    """
    assert wanted.start is not None
    most = wanted.most or HIGHEST
    for name, value in (("from", options.start), ("min", wanted.least)):
        if value is not None and value > most:
            raise UsageError(
                f"--{name} {_rate(value)} is above --to {_rate(most)}",
                "--to is the highest rate to try: raise it",
            )
    start = min(wanted.start, most)
    return SearchRange(
        start=start,
        most=most,
        least=min(start, wanted.least or start) / _LOWEST,
        within=options.within,
        bound=wanted.least,
    )


def left_out_of_search(plan: Plan, scenario: str) -> tuple[str, ...]:
    """Why budgets of a scenario are left out of a search.

    Raises:
        UsageError: No budget is left that can decide a step.
    """
    budgets, left_out = judged_in_search(plan.budgets_of(scenario))
    if not any(budget.severity == "error" for budget in budgets):
        raise UsageError(
            f"scenario {scenario!r} has no budget that a rate can break",
            "add a budget of severity error on a latency or on failures",
        )
    return left_out


def search_facts(design: CapacityDesign) -> dict[str, str]:
    """Facts of a search: label and text."""
    limits, scenario = design.range, design.scenario
    most = "no limit" if limits.most >= HIGHEST else _rate(limits.most)
    return {
        "First rate": _rate(limits.start),
        "Highest rate to try": most,
        "Wanted width": format_quantity(limits.within, Unit.RATIO),
        "Step": f"{format_quantity(scenario.warm_up, Unit.SECONDS)} of warm-up, "
        f"{format_quantity(scenario.expected, Unit.SECONDS)} measured",
        "Longest duration": format_quantity(design.seconds, Unit.SECONDS),
    }


def search_setting(
    plan: Plan,
    scenario: Scenario,
    started: float,
    left_out: tuple[str, ...],
    facts: Mapping[str, str],
) -> CapacitySetting:
    """What was searched, of a search that has just ended.

    Args:
        plan: The whole of budgets.yaml.
        scenario: What was loaded.
        started: When, seconds since the epoch.
        left_out: As `left_out_of_search` has it.
        facts: Further facts: label and text.
    """
    return CapacitySetting(
        service=plan.service,
        scenario=scenario.name,
        started=started,
        seconds=time.time() - started,
        harness_version=version("harness"),
        commit=str(git_facts(plan.source.parent).get("commit") or ""),
        left_out=left_out,
        host=host_facts(),
        facts=facts,
    )


def past_capacity(
    plan: Plan, scenario: Scenario, options: argparse.Namespace
) -> PastCapacity | None:
    """The capacity of --baseline.

    Raises:
        UsageError: It cannot be read, or one of its two options is missing.
    """
    section = scenario.capacity or CapacityOptions()
    tolerance = options.max_regression or section.max_regression
    if options.baseline is None and options.max_regression is None:
        return None
    if options.baseline is None or tolerance is None:
        raise UsageError(
            "--baseline and --max-regression belong together",
            "give both, e.g. --baseline runs/main --max-regression 10%",
        )
    found = read_capacity(options.baseline)
    stored, here = found.capacity, host_facts()
    reason = ""
    if (stored.service, stored.scenario) != (plan.service, scenario.name):
        reason = f"it is of {stored.service}, scenario {stored.scenario}"
    elif stored.host != here:
        reason = "it is of another machine; search both versions on one machine"
    return PastCapacity(str(found.path), stored.lower, stored.upper, tolerance, reason)


def _rate(value: float) -> str:
    return format_quantity(value, Unit.PER_SECOND)


def masked_searches(searches: Iterable[CapacitySearch], mask: Mask) -> tuple[CapacitySearch, ...]:
    """The searches, with values of variables hidden in the errors that ended them."""
    return tuple(replace(one, reason=mask(one.reason)) for one in searches)

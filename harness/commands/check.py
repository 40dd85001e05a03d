"""`harness check`: judge a stored run again."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.budgets.model import Budget, Plan
from harness.commands.parts.inputs import open_stored_run, past_run, read_plan, read_stored_plan
from harness.commands.parts.options import (
    baseline_option,
    prometheus_options,
    report_options,
    run_dir_argument,
)
from harness.commands.parts.outputs import print_line
from harness.commands.parts.servers import Servers, prometheus_of
from harness.commands.parts.verdict import judge_and_report
from harness.errors import HarnessError, UsageError
from harness.runs.folder import RunFolder


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness check`."""
    run_dir_argument(parser)
    parser.add_argument(
        "--budgets",
        type=Path,
        metavar="FILE",
        help="budgets file (default: the copy in the run folder)",
    )
    parser.add_argument(
        "--scenario",
        metavar="NAME",
        help="with --budgets: the scenario of FILE whose budgets apply (default: that of the run)",
    )
    prometheus_options(parser)
    baseline_option(parser)
    report_options(parser)


def check(options: argparse.Namespace) -> int:
    """Judge a stored run again, without load.

    Raises:
        RunFolderError: There is no run in the folder, or it is damaged.
        UsageError: The budgets cannot be read or do not have the scenario of the run, or a report
            cannot be written.
    """
    folder, manifest = open_stored_run(options.run_dir)
    plan, scenario = _plan(folder, manifest.scenario_name, options)
    budgets = plan.budgets_of(scenario)
    past, servers = past_run(options), Servers(prometheus_of(options))
    return judge_and_report(
        *(budgets, plan.source, folder, options),
        past=past,
        servers=servers,
        off=plan.off_in(scenario),
    )


def _plan(folder: RunFolder, ran: str, options: argparse.Namespace) -> tuple[Plan, str]:
    """The plan that judges a run of the scenario `ran`, and the scenario whose budgets apply."""
    if options.budgets is None:
        if options.scenario is not None:
            raise UsageError("--scenario needs --budgets", "name the budgets file, or leave it out")
        return read_stored_plan(folder, ran), ran
    plan = read_plan(options.budgets)
    scenario = options.scenario or ran
    if scenario not in plan.scenarios:
        known = ", ".join(plan.scenarios)
        raise UsageError(
            f"{plan.source} has no scenario {scenario!r}; its scenarios: {known}",
            f"the run is of {ran!r}: if that was renamed, name the new one with --scenario",
        )
    if dropped := _dropped(folder, ran, plan.budgets_of(scenario)):
        print_line(
            f"note: {plan.source} does not judge {', '.join(dropped)} in scenario {scenario!r}; "
            "the run did"
        )
    return plan, scenario


def _dropped(folder: RunFolder, ran: str, budgets: tuple[Budget, ...]) -> list[str]:
    """The budgets of the run that are not in `budgets`; none if they cannot be read."""
    judged = {budget.name for budget in budgets}
    try:
        stored = read_stored_plan(folder, ran).budgets_of(ran)
    except HarnessError:
        return []
    return [budget.name for budget in stored if budget.name not in judged]

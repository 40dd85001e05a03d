"""`harness capacity`: find the highest rate at which every budget holds."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import NamedTuple

from harness import names
from harness.budgets.limits import FALL, RATE, TIME
from harness.budgets.model import Plan, Scenario
from harness.commands.parts import outputs
from harness.commands.parts.capacity_options import (
    SECONDS,
    capacity_scenario,
    left_out_of_search,
    masked_searches,
    past_capacity,
    search_facts,
    search_options,
    search_range,
    search_setting,
)
from harness.commands.parts.inputs import read_plan, with_metrics
from harness.commands.parts.option_types import count, quantity
from harness.commands.parts.options import (
    budgets_option,
    metrics_option,
    out_option,
    report_options,
    scenario_argument,
    url_option,
    workers_option,
)
from harness.commands.parts.outputs import (
    append_step_summary,
    create_out_folder,
    print_error,
    stdout_format,
    write_report,
)
from harness.commands.parts.progress import LiveView
from harness.commands.parts.report_files import (
    ReportFile,
    require_writable_copies,
    write_reports,
)
from harness.errors import (
    EXIT_BREACH,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    UnjudgedError,
)
from harness.experiments.capacity import CapacityDesign, CapacitySteps, search_capacity
from harness.judge.capacity.judge import judge_capacity
from harness.judge.capacity.model import Capacity, CapacitySetting, CapacityStep
from harness.report.capacity.console import capacity_report
from harness.report.capacity.junit import capacity_junit
from harness.report.capacity.markdown import capacity_markdown
from harness.report.capacity.results import capacity_json
from harness.report.capacity.words import step_line
from harness.report.html.capacity_page import capacity_page
from harness.runner.mask import mask_of
from harness.runs.model import Progress
from harness.units import Unit, format_quantity


class SearchResult(NamedTuple):
    """A capacity with its exit code: the input of each of its reports."""

    capacity: Capacity
    setting: CapacitySetting
    exit_code: int


REPORTS: tuple[ReportFile[SearchResult], ...] = (
    ReportFile(names.CAPACITY_FILE, lambda r: capacity_json(*r[:2], exit_code=r.exit_code), "json"),
    ReportFile(names.SUMMARY_FILE, lambda r: capacity_markdown(*r[:2]), "markdown"),
    ReportFile(
        names.JUNIT_FILE, lambda r: capacity_junit(*r[:2], exit_code=r.exit_code), "junit_xml"
    ),
    ReportFile(names.REPORT_FILE, lambda r: capacity_page(*r[:2], exit_code=r.exit_code), "html"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness capacity`."""
    scenario_argument(parser)
    budgets_option(parser)
    out_option(parser, "folder of the search (default: runs/<utc>-capacity-<scenario>)")
    url_option(parser, "search with a service that already runs instead of starting the target")
    metrics_option(parser)
    _search_options(parser)
    group = parser.add_argument_group("an earlier capacity")
    group.add_argument(
        "--baseline",
        type=Path,
        metavar="DIR",
        help="folder of an earlier search to compare with, or its capacity.json",
    )
    group.add_argument(
        "--max-regression",
        type=quantity(FALL),
        metavar="SHARE",
        help="how far below the baseline the capacity may be, e.g. 10%%"
        " (default: capacity.max_regression of the scenario)",
    )
    report_options(parser, "capacity.json")


def _search_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("search")
    search_options(group, within=0.05)
    group.add_argument(
        "--min",
        dest="least",
        type=quantity(RATE),
        metavar="RATE",
        help="fail if the capacity is below RATE (default: capacity.min of the scenario)",
    )
    group.add_argument(
        "--repeat",
        type=lambda text: count(text, 20),
        default=1,
        metavar="N",
        help="number of searches, which show how the capacity varies (default: 1)",
    )
    group.add_argument(
        "--warm-up",
        type=quantity(TIME),
        metavar="TIME",
        help="duration of the warm-up before each step (default: that of the scenario)",
    )
    workers_option(group)


def capacity(options: argparse.Namespace) -> int:
    """Find the highest rate at which every budget holds.

    Raises:
        UsageError: The scenario, its budgets or the options do not allow a search.
        UnjudgedError: The service cannot be started or loaded. The steps until then are reported.
    """
    plan = with_metrics(read_plan(options.budgets), options)
    scenario, wanted = capacity_scenario(plan, options)
    limits = search_range(scenario, wanted, options)
    left_out = left_out_of_search(plan, scenario.name)
    past = past_capacity(plan, scenario, options)
    require_writable_copies(options)
    folder = create_out_folder(options.out, f"capacity-{scenario.name}")
    design = CapacityDesign(
        *(scenario, limits, wanted.seconds or SECONDS, options.repeat, options.url)
    )
    started = time.time()
    with LiveView(outputs.stderr(), quiet=options.quiet, title=_title(plan, scenario)) as live:
        live.print_line(_announcement(design))
        for reason in left_out:
            live.print_line(f"note: left out: {reason}")
        steps = CapacitySteps(plan, design, folder, SearchFollower(live, plan))
        searches, error = search_capacity(steps, design)
    if not any(search.steps for search in searches) and error is not None:
        raise _masked(plan, error)
    searches = masked_searches(searches, mask_of(plan.text, os.environ))
    setting = search_setting(plan, scenario, started, left_out, search_facts(design))
    found = judge_capacity(searches, limits, wanted.least, past)
    code = _report(SearchResult(found, setting, _exit_code(found, options)), folder, options)
    if error is not None:
        raise _masked(plan, error)
    return code


class SearchFollower:
    """Shows the steps of a search as they end, each line after a prefix."""

    def __init__(self, live: LiveView, plan: Plan, prefix: str = "") -> None:
        self._live = live
        self._prefix = prefix
        self._mask = mask_of(plan.text, os.environ)

    def show(self, progress: Progress) -> None:
        """Show the progress of a step."""
        self._live.show(progress._replace(budgets=()))  # each step has decisions of its own

    def stepped(self, number: int, step: CapacityStep) -> None:
        """Print a line for a finished step."""
        self.tell(self._mask(step_line(number, step)))

    def tell(self, line: str) -> None:
        """Print a line."""
        self._live.print_line(f"{self._prefix}{line}")


def _title(plan: Plan, scenario: Scenario) -> str:
    return f"{plan.service}, scenario {scenario.name}: capacity"


def _announcement(design: CapacityDesign) -> str:
    limits, seconds = design.range, format_quantity(design.seconds, Unit.SECONDS)
    step = format_quantity(design.scenario.warm_up + design.scenario.expected, Unit.SECONDS)
    times = "" if design.repeat == 1 else f", {design.repeat} times"
    return f"from {_rate(limits.start)}, steps of {step}, for at most {seconds}{times}"


def _rate(value: float) -> str:
    return format_quantity(value, Unit.PER_SECOND)


def _exit_code(found: Capacity, options: argparse.Namespace) -> int:
    if found.end == "interrupted":
        return EXIT_INTERRUPTED
    if found.end == "error":
        return EXIT_INCONCLUSIVE  # as the error, which is raised after the reports
    code = found.exit_code
    return EXIT_PASS if options.warn_only and code in {EXIT_BREACH, EXIT_INCONCLUSIVE} else code


def _masked(plan: Plan, error: UnjudgedError) -> UnjudgedError:
    mask = mask_of(plan.text, os.environ)
    return type(error)(mask(error.message), mask(error.hint))


def _report(result: SearchResult, folder: Path, options: argparse.Namespace) -> int:
    """Write and print the reports; return the exit code."""
    found, setting, code = result
    errors = write_reports(REPORTS, result, folder, options)
    append_step_summary(capacity_markdown(found, setting))
    text = f"{found.outcome} (exit {code}) {found.headline}; {folder}\n"
    if not options.quiet:
        text = capacity_report(
            found, setting, **stdout_format(), exit_code=code, folder=str(folder)
        )
    write_report(text)
    for error in errors:
        print_error(error)
    return code

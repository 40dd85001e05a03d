"""`harness compare --capacity`: find the change of the capacity between two versions."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from harness import names
from harness.budgets.limits import FALL
from harness.budgets.model import Target
from harness.budgets.workload import CapacityOptions
from harness.commands.capacity import REPORTS as SIDE_REPORTS
from harness.commands.capacity import SearchFollower, SearchResult
from harness.commands.parts import outputs
from harness.commands.parts.capacity_options import (
    SECONDS,
    capacity_scenario,
    left_out_of_search,
    masked_searches,
    search_facts,
    search_options,
    search_range,
    search_setting,
)
from harness.commands.parts.inputs import read_plan
from harness.commands.parts.option_types import count, quantity
from harness.commands.parts.options import DIAGNOSIS_SECONDS, MOST_TRACES
from harness.commands.parts.outputs import (
    annotate,
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
    HarnessError,
    UsageError,
)
from harness.experiments.capacity import CapacityDesign
from harness.experiments.capacity_pair import SearchedVersions, not_searched, search_versions
from harness.experiments.version import Version, Versions, check_versions
from harness.judge.capacity.compare import (
    FEWEST_PAIRS,
    CapacityComparison,
    SearchPair,
    compare_capacities,
    width_for,
)
from harness.judge.capacity.model import CapacitySetting
from harness.report.capacity.compare_console import capacity_compare_report
from harness.report.capacity.compare_junit import capacity_compare_junit
from harness.report.capacity.compare_markdown import (
    capacity_compare_comment,
    capacity_compare_markdown,
)
from harness.report.capacity.compare_results import capacity_compare_json
from harness.report.capacity.compare_words import BASELINE, CANDIDATE
from harness.report.html.capacity_compare_page import capacity_compare_page
from harness.report.run.annotations import workflow_commands
from harness.runner.mask import Mask, mask_of
from harness.runner.signals import run_loop

_MOST_PAIRS: Final = 20
# Options by their names in the namespace. Those of pairs of versions have other defaults than None.
_OF_SEARCHES: Final = {
    "start": "--from",
    "most": "--to",
    "within": "--within",
    "seconds": "--for",
    "duration": "--duration",
    "searches": "--searches",
    "max_regression": "--max-regression",
}
_OF_PAIRS: Final[dict[str, tuple[str, Sequence[object]]]] = {
    "rate": ("--rate", (None,)),
    "slices": ("--slices", (5,)),
    "simultaneous": ("--simultaneous", (False,)),
    "seed": ("--seed", (None,)),
    "max_pairs": ("--max-pairs", (None,)),
    "diagnose": ("--diagnose", ("breach", "never")),
    "diagnose_for": ("--diagnose-for", (DIAGNOSIS_SECONDS,)),
    "traces_size": ("--traces-size", (MOST_TRACES,)),
    "otlp": ("--otlp", (None,)),
}


class _Result(NamedTuple):
    """Compared capacities with the exit code: the input of each report."""

    comparison: CapacityComparison
    setting: CapacitySetting
    exit_code: int


REPORTS: tuple[ReportFile[_Result], ...] = (
    ReportFile(
        names.CAPACITY_COMPARE_FILE,
        lambda r: capacity_compare_json(*r[:2], exit_code=r.exit_code),
        "json",
    ),
    ReportFile(names.COMPARE_SUMMARY, lambda r: capacity_compare_markdown(*r[:2]), "markdown"),
    ReportFile(names.COMMENT_FILE, lambda r: capacity_compare_comment(*r[:2])),
    ReportFile(
        names.JUNIT_FILE,
        lambda r: capacity_compare_junit(*r[:2], exit_code=r.exit_code),
        "junit_xml",
    ),
    ReportFile(
        names.REPORT_FILE, lambda r: capacity_compare_page(*r[:2], exit_code=r.exit_code), "html"
    ),
)


def add_capacity_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness compare --capacity`."""
    group = parser.add_argument_group("capacity")
    group.add_argument(
        "--capacity",
        action="store_true",
        help="compare the highest rates at which every budget holds, by searches in turn",
    )
    search_options(group, within=None)
    group.add_argument(
        "--max-regression",
        type=quantity(FALL),
        metavar="SHARE",
        help="how far the candidate's capacity may be below the baseline's, e.g. 10%%"
        " (default: capacity.max_regression of the scenario)",
    )
    group.add_argument(
        "--searches",
        type=_searches,
        metavar="N",
        help=f"searches with each version, at least {FEWEST_PAIRS} (default: {FEWEST_PAIRS})",
    )


def _searches(text: str) -> int:
    number = count(text, _MOST_PAIRS)
    if number < FEWEST_PAIRS:
        raise argparse.ArgumentTypeError(f"must be at least {FEWEST_PAIRS}")
    return number


def check_options(options: argparse.Namespace) -> None:
    """Refuse options of searches without --capacity, and options of pairs of versions with it.

    Raises:
        UsageError: An option does not apply.
    """
    if not options.capacity:
        for key, option in _OF_SEARCHES.items():
            if getattr(options, key) is not None:
                raise UsageError(
                    f"{option} belongs to --capacity", "add --capacity, or leave it out"
                )
        return
    for key, (option, allowed) in _OF_PAIRS.items():
        if getattr(options, key) not in allowed:
            raise UsageError(
                f"{option} does not apply to --capacity, which searches at many rates",
                "leave it out; --from is the first rate to try",
            )


def compare_capacity(options: argparse.Namespace, versions: tuple[Version, Version]) -> int:
    """Search for the capacities of two versions in turn, and judge the change.

    Raises:
        UsageError: The scenario, its budgets or the options do not allow a comparison.
        HarnessError: A version cannot be prepared, started or loaded. The reports say so, and have
            the pairs until then.
    """
    plan = read_plan(options.budgets)
    options.least = None
    scenario, wanted = capacity_scenario(plan, options)
    tolerance = _tolerance(scenario.capacity, options)
    options.within = options.within or width_for(tolerance)
    limits = search_range(scenario, replace(wanted, least=None), options)
    left_out = left_out_of_search(plan, scenario.name)
    check_versions(plan.target or Target(url=""), *versions)  # before there is a folder
    require_writable_copies(options)
    pairs = options.searches or FEWEST_PAIRS
    design = CapacityDesign(scenario, limits, wanted.seconds or SECONDS, pairs)
    folder = create_out_folder(options.out, f"compare-capacity-{scenario.name}")
    started, mask = time.time(), mask_of(plan.text, os.environ)
    title = f"{plan.service}, scenario {scenario.name}: capacities"
    with LiveView(outputs.stderr(), quiet=options.quiet, title=title) as live:
        for reason in left_out:
            live.print_line(f"note: left out: {reason}")
        observers = (
            SearchFollower(live, plan, "baseline, "),
            SearchFollower(live, plan, "candidate, "),
        )
        try:
            searched = run_loop(
                search_versions(
                    *(plan, versions, design, folder, observers),
                    tell=lambda line: live.print_line(mask(line)),
                )
            )
        except HarnessError as problem:
            hidden = type(problem)(mask(problem.message), mask(problem.hint))
            searched = not_searched(plan, versions, hidden)
    setting = search_setting(plan, scenario, started, left_out, _facts(searched, design, mask))
    made = [
        SearchPair(*masked_searches((one.baseline, one.candidate), mask)) for one in searched.pairs
    ]
    found = compare_capacities(made, limits, tolerance, pairs)
    code = _exit_code(found, searched, warn_only=options.warn_only)
    _report(_Result(found, setting, code), searched.versions, folder, options)
    if (error := searched.error) is not None:
        raise type(error)(mask(error.message), mask(error.hint)) from error
    return code


def _tolerance(section: CapacityOptions | None, options: argparse.Namespace) -> float:
    """How far the capacity may fall, as a share."""
    found: float | None = options.max_regression or (section.max_regression if section else None)
    if found is None:
        raise UsageError(
            "there is no bound on the change of the capacity",
            "add `capacity: {max_regression: 10%}` to the scenario, or --max-regression 10%",
        )
    return found


def _facts(searched: SearchedVersions, design: CapacityDesign, mask: Mask) -> dict[str, str]:
    both = searched.versions
    notes = {"Notes": "; ".join(both.notices)} if both.notices else {}
    sides = {BASELINE: both.baseline.label, CANDIDATE: both.candidate.label}
    return {label: mask(text) for label, text in {**sides, **search_facts(design), **notes}.items()}


def _exit_code(found: CapacityComparison, searched: SearchedVersions, *, warn_only: bool) -> int:
    if searched.interrupted:
        return EXIT_INTERRUPTED
    if searched.error is not None:
        return searched.error.exit_code
    code = found.exit_code
    return EXIT_PASS if warn_only and code in {EXIT_BREACH, EXIT_INCONCLUSIVE} else code


def _report(result: _Result, versions: Versions, folder: Path, options: argparse.Namespace) -> None:
    """Write and print the reports: those of the comparison, and those of each version."""
    found, setting, code = result
    errors = write_reports(REPORTS, result, folder, options)
    no_copies = argparse.Namespace(json=None, markdown=None, junit_xml=None, html=None)
    for side, capacity in (
        (versions.baseline, found.baseline),
        (versions.candidate, found.candidate),
    ):
        of_side = replace(setting, commit=side.commit or setting.commit)
        searched = SearchResult(capacity, of_side, capacity.exit_code)
        errors += write_reports(SIDE_REPORTS, searched, folder / side.name, no_copies)
    append_step_summary(capacity_compare_markdown(found, setting))
    place = str(options.budgets.resolve())
    annotate(workflow_commands([found.check], place, headline=found.headline, exit_code=code))
    text = f"{found.outcome} (exit {code}) {found.headline}; {folder}\n"
    if not options.quiet:
        text = capacity_compare_report(
            found, setting, **stdout_format(), exit_code=code, folder=str(folder)
        )
    write_report(text)
    for error in errors:
        print_error(error)

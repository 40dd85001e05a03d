"""`harness compare`: load two versions of the service alternately and find regressions."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from harness import names
from harness.budgets.model import Target
from harness.commands.compare_capacity import (
    add_capacity_options,
    check_options,
    compare_capacity,
)
from harness.commands.parts import outputs
from harness.commands.parts.inputs import (
    choose_scenario,
    pair_design,
    read_plan,
    read_stored_plan,
)
from harness.commands.parts.option_types import service_url, url, variable
from harness.commands.parts.options import (
    budgets_option,
    diagnosis_of_options,
    diagnosis_options,
    out_option,
    pair_options,
    report_options,
    scenario_argument,
)
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
from harness.experiments.advice import pair_load, rules_for
from harness.experiments.compare import Compared, check_comparable, compare_versions
from harness.experiments.regressions import (
    ExplainedComparison,
    explained_comparison,
    regressed,
)
from harness.experiments.version import Version, check_versions
from harness.judge.compare.model import Comparison, Setting
from harness.judge.compare.sequential import MOST_PAIRS
from harness.observe.host import host_facts
from harness.report.compare.causes import regression_notes
from harness.report.compare.console import compare_report
from harness.report.compare.diagnosis import comparison_diagnosis_json
from harness.report.compare.junit import compare_junit
from harness.report.compare.markdown import compare_comment, compare_markdown
from harness.report.compare.results import compare_json
from harness.report.compare.words import headline
from harness.report.html.compare_page import compare_page
from harness.report.html.differences import differences_section
from harness.report.run.annotations import workflow_commands
from harness.runner.mask import Mask, mask_of
from harness.runner.signals import run_loop
from harness.runs.calibration import Calibration


class _Result(NamedTuple):
    """A comparison with its exit code: the input of each of its reports."""

    comparison: Comparison
    setting: Setting
    exit_code: int
    explained: ExplainedComparison | None = None

    def notes(self, *, few: bool = False) -> Mapping[str, list[str]]:
        """The causes of each regression; `few` is for a comment."""
        return regression_notes(self.explained.diagnosis if self.explained else None, few=few)


def _page(result: _Result) -> str:
    found = result.explained
    return compare_page(
        *result[:2],
        exit_code=result.exit_code,
        why=differences_section(found.diagnosis, found.pair) if found else None,
    )


def _diagnosis(result: _Result) -> str:
    assert result.explained is not None
    setting = result.setting
    names_of_both = (setting.baseline, setting.candidate)
    return comparison_diagnosis_json(
        result.explained.diagnosis, setting.service, setting.scenario, names_of_both
    )


REPORTS: tuple[ReportFile[_Result], ...] = (
    ReportFile(names.COMPARE_FILE, lambda r: compare_json(*r[:2], exit_code=r.exit_code), "json"),
    ReportFile(names.COMPARE_SUMMARY, lambda r: compare_markdown(*r[:2], r.notes()), "markdown"),
    ReportFile(
        names.JUNIT_FILE,
        lambda r: compare_junit(*r[:2], exit_code=r.exit_code, notes=r.notes()),
        "junit_xml",
    ),
    ReportFile(names.COMMENT_FILE, lambda r: compare_comment(*r[:2], r.notes(few=True))),
    ReportFile(names.REPORT_FILE, _page, "html"),
)

# Only of a comparison after which both versions were recorded.
DIAGNOSIS: ReportFile[_Result] = ReportFile(names.DIAGNOSIS_FILE, _diagnosis)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness compare`."""
    scenario_argument(parser)
    _add_versions(parser)
    group = parser.add_argument_group("load")
    pair_options(group)
    group.add_argument(
        "--max-pairs",
        type=int,
        choices=MOST_PAIRS,
        help="maximum number of pairs (default: from the calibration, otherwise 32)",
    )
    diagnosis_options(
        parser,
        when="both versions are loaded once more, not judged, with all traces and a profile",
        length="each of them is loaded",
    )
    add_capacity_options(parser)
    budgets_option(parser)
    out_option(parser, "folder of the comparison (default: runs/<utc>-compare-<scenario>)")
    report_options(parser, "compare.json")


def _add_versions(parser: argparse.ArgumentParser) -> None:
    for side, title in (
        ("baseline", "baseline (the version to compare with)"),
        ("candidate", "candidate (the version to judge)"),
    ):
        group = parser.add_argument_group(title)
        group.add_argument(
            f"--{side}", metavar="REF", help="git ref of the version (default: the working tree)"
        )
        group.add_argument(
            f"--{side}-command", metavar="TEXT", help="start command (default: the target's)"
        )
        group.add_argument(
            f"--{side}-url",
            type=service_url,
            metavar="URL",
            help="URL of a version that already runs",
        )
        group.add_argument(
            f"--{side}-metrics",
            type=url,
            action="append",
            metavar="URL",
            help=f"metrics of the service at --{side}-url (default: the target's); repeatable",
        )
        group.add_argument(
            f"--{side}-environment",
            type=variable,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="environment variable to add to the target's; repeatable",
        )


def compare(options: argparse.Namespace) -> int:
    """Load two versions of the service alternately and find regressions beyond max_regression.

    Raises:
        UsageError: The scenario, its budgets or the options do not allow a comparison.
        HarnessError: A version cannot be prepared, started or loaded. The reports say so, and have
            the pairs until then.
    """
    check_options(options)
    if options.capacity:
        return compare_capacity(options, _versions(options))
    plan = read_plan(options.budgets)
    scenario = choose_scenario(plan, options)
    check_comparable(scenario, plan.budgets_of(scenario.name))
    versions = _versions(options)
    check_versions(plan.target or Target(url=""), *versions)  # before there is a folder
    design = pair_design(scenario, options)
    if options.otlp and options.otlp[1] == 2**16 - 1:
        raise UsageError(
            f"--otlp {options.otlp[1]} leaves no port for the traces of the candidate",
            "they are received at the next port; give a smaller one",
        )
    require_writable_copies(options)
    load = pair_load(scenario, options.slices, simultaneous=options.simultaneous)
    calibration = Calibration.load(options.budgets, host_facts()).under(scenario.name, load)
    rules, notices = rules_for(plan, scenario, calibration, options.max_pairs)
    folder = create_out_folder(options.out, f"compare-{scenario.name}")
    mask = mask_of(plan.text, os.environ)
    with LiveView(outputs.stderr(), quiet=options.quiet) as live:
        for notice in notices:
            live.print_line(f"note: {notice}")
        comparing = compare_versions(
            *(plan, versions, design, rules, folder),
            identical=calibration.identical_pairs(scenario.name),
            tell=lambda line: live.print_line(mask(line)),
            show=live.show_pair,
            diagnosis=diagnosis_of_options(options),
        )
        compared = _masked(run_loop(comparing), mask)
    code = _report(compared, folder, options)
    if compared.error is not None:
        raise compared.error
    return code


def _versions(options: argparse.Namespace) -> tuple[Version, Version]:
    """Baseline and candidate as the command line describes them."""
    baseline, candidate = (
        Version(
            ref=getattr(options, side),
            command=getattr(options, f"{side}_command"),
            url=getattr(options, f"{side}_url"),
            environment=dict(getattr(options, f"{side}_environment")),
            metrics=tuple(getattr(options, f"{side}_metrics") or ()),
        )
        for side in ("baseline", "candidate")
    )
    if baseline == candidate == Version():
        raise UsageError(
            "there is nothing to compare the working tree with",
            "name a git ref with --baseline, or give one side another command, environment or url",
        )
    return baseline, candidate


def _masked(compared: Compared, mask: Mask) -> Compared:
    """Without values of variables, and with the error that ended it in the comparison."""
    known = compared.setting
    setting = replace(
        known,
        baseline=mask(known.baseline),
        candidate=mask(known.candidate),
        facts={label: mask(text) for label, text in known.facts.items()},
    )
    if (error := compared.error) is None:
        return replace(compared, setting=setting)
    shown = type(error)(mask(error.message), mask(error.hint))
    comparison = compared.comparison.ended_by(shown.text)
    return replace(compared, comparison=comparison, setting=setting, error=shown)


def _exit_code(compared: Compared, *, warn_only: bool) -> int:
    if compared.interrupted:
        return EXIT_INTERRUPTED
    if compared.error is not None:
        return compared.error.exit_code
    code = compared.comparison.exit_code
    return EXIT_PASS if warn_only and code in {EXIT_BREACH, EXIT_INCONCLUSIVE} else code


def _report(compared: Compared, folder: Path, options: argparse.Namespace) -> int:
    """Write and print the reports; return the exit code."""
    comparison, setting = compared.comparison, compared.setting
    code = _exit_code(compared, warn_only=options.warn_only)
    errors: list[HarnessError] = []
    try:
        explained = explained_comparison(folder, regressed(comparison), read_stored_plan)
    except HarnessError as error:  # a damaged recording costs no verdict
        explained, errors = None, [error]
    result = _Result(comparison, setting, code, explained)
    reports = (*REPORTS, DIAGNOSIS) if explained else REPORTS
    errors += write_reports(reports, result, folder, options)
    append_step_summary(compare_markdown(comparison, setting, result.notes()))
    title, place = headline(comparison), str(options.budgets.resolve())
    if not comparison.never_began:  # the error is annotated where it is printed
        annotate(
            workflow_commands(
                comparison.changes, place, headline=title, exit_code=code, notes=result.notes()
            )
        )
    for note in explained.diagnosis.notes if explained else ():
        outputs.print_line(f"note: {note}")
    text = f"{comparison.outcome} (exit {code}) {folder}\n"
    if not options.quiet:
        text = compare_report(
            *(comparison, setting),
            **stdout_format(),
            exit_code=code,
            folder=str(folder),
            notes=result.notes(),
        )
    write_report(text)
    for problem in errors:
        print_error(problem)
    return code

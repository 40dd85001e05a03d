"""`harness compare`: what is asked, the comparison, its reports."""

from __future__ import annotations

import argparse
import asyncio
import secrets
from datetime import UTC, datetime
from pathlib import Path

from harness import names
from harness.commands.parts import outputs
from harness.commands.parts.inputs import choose_scenario, read_plan
from harness.commands.parts.option_types import url, variable
from harness.commands.parts.options import (
    budgets_option,
    out_option,
    pair_options,
    report_options,
    scenario_argument,
)
from harness.commands.parts.outputs import (
    annotate,
    append_step_summary,
    stdout_format,
    write,
    write_copy,
)
from harness.commands.parts.progress import LiveView
from harness.errors import (
    EXIT_BREACH,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    UsageError,
)
from harness.experiments.advice import pair_load, rules_for
from harness.experiments.compare import Compared, check_comparable, compare_versions
from harness.experiments.pair import PairDesign
from harness.experiments.version import Version
from harness.judge.compare.sequential import MOST_PAIRS
from harness.observe.host import host_facts
from harness.report.compare.console import compare_report
from harness.report.compare.junit import compare_junit
from harness.report.compare.markdown import compare_comment, compare_markdown
from harness.report.compare.results import compare_json
from harness.report.compare.words import headline
from harness.report.html.compare_page import compare_page
from harness.report.run.annotations import workflow_commands
from harness.runs.calibration import Calibration
from harness.runs.folder import create_files, default_path, replace_text

FILES = (
    *(names.COMPARE_FILE, names.COMPARE_SUMMARY, names.JUNIT_FILE),
    *(names.COMMENT_FILE, names.REPORT_FILE),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness compare`."""
    scenario_argument(parser)
    for side, what in (("baseline", "compared with"), ("candidate", "judged")):
        group = parser.add_argument_group(f"the {side}, which is {what}")
        group.add_argument(f"--{side}", metavar="REF", help="of git; default: the working tree")
        group.add_argument(f"--{side}-command", metavar="TEXT", help="instead of the target's")
        group.add_argument(f"--{side}-url", type=url, metavar="URL", help="it already runs there")
        group.add_argument(
            f"--{side}-environment",
            type=variable,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="added to the target's environment; may be repeated",
        )
    group = parser.add_argument_group("the load")
    pair_options(group)
    group.add_argument(
        "--max-pairs", type=int, choices=MOST_PAIRS, help="default: as calibrated, else 32"
    )
    budgets_option(parser)
    out_option(parser, "default: runs/<utc>-compare-<scenario>")
    report_options(parser, "compare.json")


def compare(options: argparse.Namespace) -> int:
    """Load two versions of the service in turn: did any budget get worse by its max_regression?

    Raises:
        UsageError: Nothing can be compared like that.
        UnjudgedError: A version cannot be set up or loaded. What there is is reported before.
    """
    plan = read_plan(options.budgets)
    scenario = choose_scenario(plan, options)
    check_comparable(scenario, plan.budgets_of(scenario.name))
    sides = _versions(options)
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    design = PairDesign(scenario, options.slices, seed, simultaneous=options.simultaneous)
    calibration = Calibration.load(options.budgets, host_facts())
    asked = pair_load(scenario, options.slices, simultaneous=options.simultaneous)
    calibration = calibration.under(scenario.name, asked)
    rules, notices = rules_for(plan, scenario, calibration, options.max_pairs)
    folder = options.out or default_path(f"compare-{scenario.name}", datetime.now(UTC))
    create_files(folder, FILES)
    # Else it would be an untracked part of the working tree, which may be the candidate.
    replace_text(folder / ".gitignore", "*\n")
    with LiveView(outputs.stderr(), quiet=options.quiet) as live:
        for notice in notices:
            live.tell(f"note: {notice}")
        comparing = compare_versions(
            *(plan, sides, design, rules, folder), tell=live.tell, show=live.show_pair
        )
        found = asyncio.run(comparing)
    code = _exit_code(found, warn_only=options.warn_only)
    _report(found, folder, options, code)
    if found.error is not None:
        raise found.error
    return code


def _versions(options: argparse.Namespace) -> tuple[Version, Version]:
    """Baseline and candidate as the command line describes them."""
    baseline, candidate = (
        Version(
            ref=getattr(options, side),
            command=getattr(options, f"{side}_command"),
            url=getattr(options, f"{side}_url"),
            environment=dict(getattr(options, f"{side}_environment")),
        )
        for side in ("baseline", "candidate")
    )
    if baseline == candidate == Version():
        raise UsageError(
            "there is nothing to compare the working tree with",
            "name a git ref with --baseline, or give one side another command, environment or url",
        )
    return baseline, candidate


def _exit_code(found: Compared, *, warn_only: bool) -> int:
    if found.interrupted:
        return EXIT_INTERRUPTED
    if found.error is not None:
        return found.error.exit_code
    code = found.comparison.exit_code
    return EXIT_PASS if warn_only and code in {EXIT_BREACH, EXIT_INCONCLUSIVE} else code


def _report(found: Compared, folder: Path, options: argparse.Namespace, code: int) -> None:
    comparison, setting = found.comparison, found.setting
    texts = (
        compare_json(comparison, setting, exit_code=code),
        compare_markdown(comparison, setting),
        compare_junit(comparison, setting, exit_code=code),
        compare_comment(comparison, setting),
        compare_page(comparison, setting, exit_code=code),
    )
    copies = (options.json, options.markdown, options.junit_xml, None, options.html)
    for name, copy, text in zip(FILES, copies, texts, strict=True):
        try:
            replace_text(folder / name, text)
        except OSError as error:
            raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error
        write_copy(copy, text)
    append_step_summary(texts[1])
    says, place = headline(comparison), str(options.budgets.resolve())
    annotate(workflow_commands(comparison.changes, place, headline=says, exit_code=code))
    if options.quiet:
        write(f"{comparison.outcome} (exit {code}) {folder}\n")
        return
    text = compare_report(
        comparison,
        setting,
        **stdout_format(),
        exit_code=code,
        folder=str(folder),
    )
    write(text)

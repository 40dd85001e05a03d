"""The body of `harness compare`: what is asked, the comparison, its reports."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

from harness import names
from harness.asked import choose_scenario, read_plan
from harness.calibration import Calibration
from harness.calibration_use import pair_load, rules_for
from harness.compare import Compared, comparable, compare_versions
from harness.errors import (
    EXIT_BREACH,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    UsageError,
)
from harness.live import LiveView
from harness.pair import Load
from harness.report.annotations import workflow_commands
from harness.report.compare_console import compare_report
from harness.report.compare_junit import compare_junit
from harness.report.compare_markdown import compare_comment, compare_markdown
from harness.report.compare_results import compare_json
from harness.report.compare_wording import headline
from harness.report.html.compare_page import compare_page
from harness.runs.folder import create_files, default_path, replace_text
from harness.sides import Version
from harness.told import annotate, append_step_summary, color_of, width_of, write_copy

FILES = (
    *(names.COMPARE_FILE, names.COMPARE_SUMMARY, names.JUNIT_FILE),
    *(names.COMMENT_FILE, names.REPORT_FILE),
)


def compare(options: argparse.Namespace) -> int:
    """Compare, report, and return the exit code.

    Raises:
        UsageError: Nothing can be compared like that.
        UnjudgedError: A version cannot be set up or loaded. What there is is reported before.
    """
    plan = read_plan(options.budgets)
    scenario = choose_scenario(plan, options)
    comparable(scenario, plan.budgets_of(scenario.name))
    sides = _versions(options)
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    load = Load(scenario, options.slices, seed, simultaneous=options.simultaneous)
    calibration = Calibration.load(options.budgets)
    asked = pair_load(scenario, options.slices, simultaneous=options.simultaneous)
    calibration = calibration.under(scenario.name, asked)
    rules, notices = rules_for(plan, scenario, calibration, options.max_pairs)
    folder = options.out or default_path(f"compare-{scenario.name}", datetime.now(UTC))
    create_files(folder, FILES)
    # Else it would be an untracked part of the working tree, which may be the candidate.
    replace_text(folder / ".gitignore", "*\n")
    with LiveView(sys.stderr, quiet=options.quiet) as live:
        for notice in notices:
            live.tell(f"note: {notice}")
        comparing = compare_versions(
            *(plan, sides, load, rules, folder), tell=live.tell, show=live.show_pair
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
        sys.stdout.write(f"{comparison.outcome} (exit {code}) {folder}\n")
        return
    text = compare_report(
        comparison,
        setting,
        width=width_of(sys.stdout),
        color=color_of(sys.stdout),
        exit_code=code,
        folder=str(folder),
    )
    sys.stdout.write(text)

"""`harness selftest`: plant mistakes and report whether the budgets detect them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from harness import names
from harness.budgets.model import Plan
from harness.commands.parts import outputs
from harness.commands.parts.inputs import adapted, read_plan
from harness.commands.parts.options import budgets_option, load_options, out_option, quiet_option
from harness.commands.parts.outputs import (
    append_step_summary,
    print_error,
    require_writable,
    stdout_format,
    write,
    write_copy,
    write_report,
)
from harness.commands.parts.progress import LiveView
from harness.errors import UsageError
from harness.experiments.selftest import Trial, TrialResult, attempt, trials
from harness.judge.selftest import exit_code
from harness.report.run.cause_hits import hit_line, hits_markdown, totals
from harness.report.run.selftest import selftest_line, selftest_markdown, selftest_table
from harness.runner.options import DiagnosisOptions

_RECORDED: Final = 10.0  # seconds for which the load goes on


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness selftest`."""
    parser.add_argument(
        "case", nargs="*", metavar="NAME", help="cases of `selftest:` (default: all)"
    )
    budgets_option(parser)
    out_option(parser, "folder of the runs (default: runs/<utc>-selftest)")
    load_options(parser)
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the table to FILE"
    )
    parser.add_argument(
        "--diagnose",
        action="store_true",
        help="also check that the cause of each case is found, and that no cause is found where "
        "nothing is planted (10 s more for each run)",
    )
    quiet_option(parser)


def selftest(options: argparse.Namespace) -> int:
    """Run the service unchanged, then with each planted mistake, and check that budgets breach.

    Raises:
        UsageError: There is nothing to plant, or the scenario cannot be run.
    """
    plan = read_plan(options.budgets)
    planned = trials(
        plan, options.case, lambda name: adapted(plan, name, options, fixed_length=True)
    )
    require_writable(options.markdown)
    out = options.out or Path(names.RUNS_FOLDER) / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-selftest"
    results: list[TrialResult] = []
    try:
        for result in _attempts(plan, planned, out, options):
            results.append(result)
            if not options.quiet:
                write(f"{selftest_line(result.detection)}\n")
                if result.hit:
                    write(f"    {hit_line(result.hit)}\n")
    finally:
        if results:
            _report(results, out, options)
    return exit_code(result.detection for result in results)


def _attempts(
    plan: Plan, planned: Iterable[Trial], out: Path, options: argparse.Namespace
) -> Iterator[TrialResult]:
    """Run one trial after the other, until the unchanged service does not pass."""
    for trial in planned:
        title = f"{plan.service}: {trial.case.name}"
        with LiveView(outputs.stderr(), quiet=options.quiet, title=title) as live:
            diagnosis = DiagnosisOptions(_when(trial, options), _RECORDED)
            result = attempt(plan, trial, out / trial.folder, live.show, diagnosis)
        yield result
        if not trial.case.environment and result.detection.reason:
            return  # a planted mistake proves nothing if the service breaches without it


def _when(trial: Trial, options: argparse.Namespace) -> Literal["breach", "always", "never"]:
    """When the load of a trial goes on: after the breach of a planted mistake that has a cause.

    Without a mistake there is no breach, and it is looked for that there is no cause.
    """
    if not options.diagnose:
        return "never"
    if not trial.case.environment:
        return "always"
    return "breach" if trial.case.cause else "never"


def _report(results: Sequence[TrialResult], out: Path, options: argparse.Namespace) -> None:
    detections = [result.detection for result in results]
    hits = [result.hit for result in results if result.hit]
    unfounded = [result.unfounded for result in results if result.unfounded]
    text = selftest_markdown(detections, results[0].manifest) + hits_markdown(hits, unfounded)
    try:
        write_copy(options.markdown, text)
    except UsageError as error:  # the result stands
        print_error(error)
    append_step_summary(text)
    if not options.quiet:
        table = selftest_table(detections, **stdout_format())
        write_report(f"{table}\n")
    expected = sum(not detection.reason for detection in detections)
    for line in totals(hits, unfounded):
        write(f"{line}\n")
    write(f"{expected} of {len(detections)} runs ended as expected; stored in {out}\n")

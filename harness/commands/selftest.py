"""`harness selftest`: plant mistakes and report whether the budgets detect them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

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
from harness.experiments.selftest import Trial, attempt, trials
from harness.judge.selftest import Detection, exit_code
from harness.report.run.selftest import selftest_line, selftest_markdown, selftest_table
from harness.runs.model import Manifest


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
    results: list[tuple[Detection, Manifest]] = []
    try:
        for result in _attempts(plan, planned, out, options):
            results.append(result)
            if not options.quiet:
                write(f"{selftest_line(result[0])}\n")
    finally:
        if results:
            _report(results, out, options)
    return exit_code(detection for detection, _ in results)


def _attempts(
    plan: Plan, planned: Iterable[Trial], out: Path, options: argparse.Namespace
) -> Iterator[tuple[Detection, Manifest]]:
    """Run one trial after the other, until the unchanged service does not pass."""
    for trial in planned:
        title = f"{plan.service}: {trial.case.name}"
        with LiveView(outputs.stderr(), quiet=options.quiet, title=title) as live:
            detection, manifest = attempt(plan, trial, out / trial.folder, live.show)
        yield detection, manifest
        if not trial.case.environment and detection.reason:
            return  # a planted mistake proves nothing if the service breaches without it


def _report(
    results: Sequence[tuple[Detection, Manifest]], out: Path, options: argparse.Namespace
) -> None:
    detections = [detection for detection, _ in results]
    text = selftest_markdown(detections, results[0][1])
    try:
        write_copy(options.markdown, text)
    except UsageError as error:  # the result stands
        print_error(error)
    append_step_summary(text)
    if not options.quiet:
        table = selftest_table(detections, **stdout_format())
        write_report(f"{table}\n")
    expected = sum(not detection.reason for detection in detections)
    write(f"{expected} of {len(detections)} runs ended as expected; stored in {out}\n")

"""`harness selftest`: the trials one after the other, and what is told of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.commands.parts import outputs
from harness.commands.parts.inputs import adapted, read_plan
from harness.commands.parts.options import budgets_option, load_options, out_option, quiet_option
from harness.commands.parts.outputs import append_step_summary, stdout_format, write, write_copy
from harness.commands.parts.progress import LiveView
from harness.experiments.selftest import attempt, trials
from harness.judge.selftest import Detection, exit_code
from harness.report.run.selftest import selftest_line, selftest_markdown, selftest_table
from harness.runs.model import Manifest


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness selftest`."""
    parser.add_argument(
        "case", nargs="*", metavar="NAME", help="cases of `selftest:` (default: all of them)"
    )
    budgets_option(parser)
    out_option(parser, "the run folders (default: runs/<utc>-selftest)")
    load_options(parser)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here")
    quiet_option(parser)


def selftest(options: argparse.Namespace) -> int:
    """Run the service as it is, then plant each mistake: the budgets it promises must break.

    Raises:
        UsageError: There is nothing to plant, or the scenario cannot be run.
    """
    plan = read_plan(options.budgets)
    planned = trials(
        plan, options.case, lambda name: adapted(plan, name, options, fixed_length=True)
    )
    out = options.out or Path("runs") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-selftest"
    results: list[tuple[Detection, Manifest]] = []
    try:
        for trial in planned:
            title = f"{plan.service}: {trial.case.name}"
            with LiveView(outputs.stderr(), quiet=options.quiet, title=title) as live:
                results.append(attempt(plan, trial, out / trial.folder, live.show))
            _print_line(results[-1][0], quiet=options.quiet)
            if not trial.case.environment and results[-1][0].reason:
                break  # a mistake proves nothing on a service that breaches without it
    finally:
        if results:
            _tell_selftest(results, out, options)
    return exit_code(detection for detection, _ in results)


def _print_line(detection: Detection, *, quiet: bool) -> None:
    if not quiet:
        write(f"{selftest_line(detection)}\n")


def _tell_selftest(
    results: Sequence[tuple[Detection, Manifest]], out: Path, options: argparse.Namespace
) -> None:
    detections = [detection for detection, _ in results]
    text = selftest_markdown(detections, results[0][1])
    write_copy(options.markdown, text)
    append_step_summary(text)
    if not options.quiet:
        table = selftest_table(detections, **stdout_format())
        write(f"{table}\n")
    as_promised = sum(not detection.reason for detection in detections)
    write(f"{as_promised} of {len(detections)} runs ended as promised; stored in {out}\n")

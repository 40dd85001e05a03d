"""The body of `harness selftest`: the trials one after the other, and what is told of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.asked import adapted, read_plan
from harness.judge.detect import Detection, exit_code
from harness.live import LiveView
from harness.report.selftest import selftest_line, selftest_markdown, selftest_table
from harness.runs.model import Manifest
from harness.selftest import attempt, trials
from harness.told import append_step_summary, color_of, width_of, write_copy


def selftest(options: argparse.Namespace) -> int:
    """Run the service as it is, then plant each mistake, and return the exit code.

    Raises:
        UsageError: There is nothing to plant, or the scenario cannot be run.
    """
    plan = read_plan(options.budgets)
    planned = trials(plan, options.case, lambda scenario: adapted(scenario, options))
    out = options.out or Path("runs") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-selftest"
    results: list[tuple[Detection, Manifest]] = []
    try:
        for trial in planned:
            title = f"{plan.service}: {trial.case.name}"
            with LiveView(sys.stderr, quiet=options.quiet, title=title) as live:
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
        sys.stdout.write(f"{selftest_line(detection)}\n")
        sys.stdout.flush()


def _tell_selftest(
    results: Sequence[tuple[Detection, Manifest]], out: Path, options: argparse.Namespace
) -> None:
    detections = [detection for detection, _ in results]
    text = selftest_markdown(detections, results[0][1])
    write_copy(options.markdown, text)
    append_step_summary(text)
    if not options.quiet:
        table = selftest_table(detections, width=width_of(sys.stdout), color=color_of(sys.stdout))
        sys.stdout.write(f"{table}\n")
    as_promised = sum(not detection.reason for detection in detections)
    sys.stdout.write(
        f"{as_promised} of {len(detections)} runs ended as promised; stored in {out}\n"
    )

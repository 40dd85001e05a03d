"""`harness check`: judge a stored run again."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness import names
from harness.commands.parts.inputs import past_run, read_plan
from harness.commands.parts.options import (
    baseline_option,
    prometheus_options,
    report_options,
    run_dir_argument,
)
from harness.commands.parts.servers import Servers, prometheus_of
from harness.commands.parts.verdict import judge_and_report
from harness.runs.folder import open_folder, read_manifest
from harness.runs.metrics import finish


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness check`."""
    run_dir_argument(parser)
    parser.add_argument(
        "--budgets",
        type=Path,
        metavar="FILE",
        help="budgets file (default: the copy in the run folder)",
    )
    prometheus_options(parser)
    baseline_option(parser)
    report_options(parser)


def check(options: argparse.Namespace) -> int:
    """Judge a stored run again, without load.

    Raises:
        RunFolderError: There is no run in the folder, or it is damaged.
        UsageError: The budgets cannot be read, or a report cannot be written.
    """
    folder = open_folder(options.run_dir)
    finish(folder.file(names.METRICS_FILE))
    scenario = str(read_manifest(folder).scenario["name"])
    plan = read_plan(options.budgets or folder.file(names.BUDGETS_FILE))
    budgets = plan.budgets_of(scenario)
    past, servers = past_run(options), Servers(prometheus_of(options))
    return judge_and_report(*(budgets, plan.source, folder, options), past=past, servers=servers)

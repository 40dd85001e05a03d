"""`harness history`: the runs of a folder and the trend of each budget."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness import names
from harness.commands.parts.outputs import stdout_format, write_copy, write_report
from harness.errors import EXIT_PASS
from harness.report.history.console import history_report
from harness.report.history.history import histories
from harness.runs.results import read_history


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness history`."""
    parser.add_argument(
        "dir",
        nargs="?",
        type=Path,
        default=Path(names.RUNS_FOLDER),
        metavar="DIR",
        help="folder of the run folders (default: runs)",
    )
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="also write the history to FILE, as HTML"
    )


def history(options: argparse.Namespace) -> int:
    """Show the outcomes of the runs in a folder and the trend of each budget.

    Raises:
        RunFolderError: The folder has no runs.
        UsageError: The HTML file cannot be written.
    """
    runs, left_out = read_history(options.dir)
    scenarios = histories(runs)
    if options.html:
        from harness.report.html.history_page import history_page

        write_copy(options.html, history_page(scenarios, left_out))
    text = history_report(scenarios, left_out, **stdout_format())
    write_report(text)
    return EXIT_PASS

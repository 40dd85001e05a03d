"""`harness history`: what the runs in a folder came to, and how each budget went."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.commands.parts.outputs import stdout_format, write, write_copy
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
        default=Path("runs"),
        metavar="DIR",
        help="the folder of run folders (default: runs)",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page of them here")


def history(options: argparse.Namespace) -> int:
    """Show what the runs in a folder came to, and how each budget went over them.

    Raises:
        RunFolderError: There are none.
        UsageError: The page cannot be written.
    """
    runs, left_out = read_history(options.dir)
    found = histories(runs)
    if options.html:
        from harness.report.html.history_page import history_page

        write_copy(options.html, history_page(found, left_out))
    text = history_report(found, left_out, **stdout_format())
    write(text)
    return EXIT_PASS

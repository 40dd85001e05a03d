"""The body of `harness history`: what the runs in a folder came to, and how each budget went."""

from __future__ import annotations

import argparse
import sys

from harness.errors import EXIT_PASS
from harness.report.history import histories
from harness.report.history_console import history_report
from harness.runs.results import read_history
from harness.told import color_of, width_of, write_copy


def history(options: argparse.Namespace) -> int:
    """Read the runs, print their histories, and write their page if it is wanted.

    Raises:
        RunFolderError: There are none.
        UsageError: The page cannot be written.
    """
    runs, left_out = read_history(options.dir)
    found = histories(runs)
    if options.html:
        from harness.report.html.history_page import history_page

        write_copy(options.html, history_page(found, left_out))
    text = history_report(found, left_out, width=width_of(sys.stdout), color=color_of(sys.stdout))
    sys.stdout.write(text)
    return EXIT_PASS

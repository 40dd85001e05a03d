"""`harness history`: the runs of a folder and the trend of each budget."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness import names
from harness.commands.parts.outputs import print_line, stdout_format, write_copy, write_report
from harness.errors import EXIT_PASS, RunFolderError
from harness.report.capacity.history import capacity_history
from harness.report.history.changes import with_changes
from harness.report.history.console import history_report
from harness.report.history.document import history_json
from harness.report.history.history import histories
from harness.runs.capacity import read_capacities
from harness.runs.results import PastRun, read_history

NOT_SEARCHED = (
    "note: changes are not searched for, because the package ruptures is not installed; "
    'install the harness with its extra "history"'
)


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
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the history to FILE, as JSON"
    )


def history(options: argparse.Namespace) -> int:
    """Show the outcomes of the runs in a folder, the trend of each budget and where it changed.

    Raises:
        RunFolderError: The folder has no runs and no searches.
        UsageError: The HTML file or the JSON file cannot be written.
    """
    searches, unread = read_capacities(options.dir)
    runs, left_out = _runs(options.dir, needed=not searches)
    scenarios = histories(runs)
    try:
        scenarios, searched = [with_changes(one) for one in scenarios], True
    except ImportError:
        searched = False
    if options.html:
        from harness.report.html.history_page import history_page

        page = history_page(scenarios, [*left_out, *unread], options.html.parent, searches)
        write_copy(options.html, page)
    if options.json:
        document = history_json(scenarios, [*left_out, *unread], searches, searched=searched)
        write_copy(options.json, document)
    text = history_report(scenarios, left_out, **stdout_format())
    capacities = capacity_history(searches, unread, **stdout_format())
    if text:
        write_report(text)
    if not searched:
        print_line(NOT_SEARCHED)
    if capacities:
        write_report(f"\n{capacities}" if text else capacities)
    return EXIT_PASS


def _runs(folder: Path, *, needed: bool) -> tuple[list[PastRun], list[str]]:
    """The runs of a folder, as `read_history` reads them; none where none are needed.

    Raises:
        RunFolderError: The folder has no runs, and they are needed.
    """
    try:
        return read_history(folder)
    except RunFolderError:
        if needed:
            raise
        return [], []

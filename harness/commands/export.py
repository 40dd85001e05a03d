"""`harness export`: results of stored runs in the format of another tool."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.commands.parts.outputs import print_line, write_copy, write_data
from harness.errors import EXIT_PASS, UnjudgedError, UsageError
from harness.report.export.formats import FORMATS, ExportFormat, gaps
from harness.report.history.history import History, histories
from harness.runs.digests import changes
from harness.runs.folder import RunFolder, open_folder, read_manifest
from harness.runs.results import PastRun, read_results


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness export`."""
    parser.add_argument(
        "run_dir", nargs="+", type=Path, metavar="RUN_DIR", help="folder of a stored run"
    )
    parser.add_argument(
        "--to",
        required=True,
        choices=FORMATS,
        metavar="FORMAT",
        help=", ".join(FORMATS),
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="file to write (default: standard output)"
    )


def export(options: argparse.Namespace) -> int:
    """Write the results of stored runs in the format of another tool.

    Raises:
        UsageError: The format or the runs do not allow one file.
        RunFolderError: A run was not judged.
        UnjudgedError: There is nothing to write, or the files of a run were changed after it.
    """
    form = _format(options)
    history = _read(options)
    text = form.write(history)
    if not text:
        raise UnjudgedError(
            f"nothing to export: no budget has a value for {options.to}",
            f"`harness check {options.run_dir[-1]}` says why",
        )
    for gap in gaps(history, form):
        print_line(f"note: {gap}")
    if options.out is None:
        write_data(text)
    else:
        write_copy(options.out, text)
    return EXIT_PASS


def _format(options: argparse.Namespace) -> ExportFormat:
    form = FORMATS[options.to]
    if len(options.run_dir) > 1 and not form.several:
        several = ", ".join(name for name, other in FORMATS.items() if other.several)
        raise UsageError(
            f"{options.to} takes one run, not {len(options.run_dir)}",
            f"export one run at a time; formats for several runs: {several}",
        )
    return form


def _read(options: argparse.Namespace) -> History:
    folders = [open_folder(path) for path in options.run_dir]
    for folder in folders:
        _require_unchanged(folder)
    runs = [PastRun(folder.path, read_results(folder)) for folder in folders]
    history, *others = histories(sorted(runs, key=lambda run: run.results.started))
    if others:
        names = ", ".join(f"{one.service} {one.scenario}" for one in (history, *others))
        raise UsageError(
            f"the runs belong to several scenarios: {names}", "export one scenario at a time"
        )
    return history


def _require_unchanged(folder: RunFolder) -> None:
    stored = read_manifest(folder).files
    if stored and (changed := changes(folder.path, stored)):
        raise UnjudgedError(
            f"{folder.path} was changed after the run: {'; '.join(changed.values())}",
            "restore the folder, or run the load again",
        )

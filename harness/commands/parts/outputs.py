"""The outputs of a command: the terminal, files, and the page of a CI job.

No other module prints, except the view of the progress on standard error (`progress.py`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO, TypedDict

from harness.errors import HarnessError, UsageError

STEP_SUMMARY_LIMIT = 2**20  # bytes of a step (GitHub)


class TerminalFormat(TypedDict):
    """The arguments that every report for a terminal takes.

    Attributes:
        width: Columns of a line.
        color: Whether ANSI colours are allowed.
    """

    width: int
    color: bool


def write(text: str) -> None:
    """Write text to standard output, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def print_line(line: str) -> None:
    """Write a line to standard error, at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def stderr() -> TextIO:
    """The stream that shows progress."""
    return sys.stderr


def print_error(error: HarnessError) -> None:
    """Write an error and its hint to standard error, and annotate a GitHub job with it."""
    from harness.report.run.annotations import error_command

    print_line(f"error: {error.message}")
    if error.hint:
        print_line(f"hint: {error.hint}")
    annotate([error_command(error.message, error.hint)])


def print_traceback() -> None:
    """Write the exception that is being handled to standard error, as a bug in the harness."""
    import traceback

    print_line(traceback.format_exc().rstrip())
    print_line("error: this is a bug in the harness; please report it")


def write_copy(path: Path | None, text: str) -> None:
    """Write a report into a file, and create its folder; do nothing for None.

    Raises:
        UsageError: The file cannot be written.
    """
    from harness.runs.folder import replace_text

    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error


def create_out_folder(out: Path | None, name: str, files: Iterable[str]) -> Path:
    """Create the folder of a comparison or calibration with its files, all of them empty.

    Args:
        out: Its path; None is `runs/<utc>-<name>`.
        name: What runs, for the default path.
        files: The names of the files.

    Raises:
        UsageError: The folder cannot be written, or is not empty.
    """
    from harness.runs.folder import create_files, default_path, replace_text

    folder = out or default_path(name, datetime.now(UTC))
    create_files(folder, files)
    # Otherwise it is an untracked part of the working tree, which may be the candidate.
    replace_text(folder / ".gitignore", "*\n")
    return folder


def append_step_summary(text: str) -> None:
    """Append Markdown to the step summary of a GitHub job, if this is one and there is space."""
    if not (step_summary := os.environ.get("GITHUB_STEP_SUMMARY")):
        return
    path = Path(step_summary)
    taken = path.stat().st_size if path.exists() else 0
    if taken + len(text.encode()) > STEP_SUMMARY_LIMIT:
        # GitHub shows nothing of a summary that is too long.
        print_line("note: the step summary is full; this report is not added to it")
        return
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def annotate(commands: Iterable[str]) -> None:
    """Print annotations for the page of a GitHub job, if this is one."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for command in commands:
            print_line(command)


def width_of(stream: TextIO) -> int:
    """Columns of a terminal; 100 if the stream is not a terminal."""
    if stream.isatty() or "COLUMNS" in os.environ:
        import shutil

        return max(40, shutil.get_terminal_size((100, 24)).columns)
    return 100


def color_of(stream: TextIO) -> bool:
    """Whether a report may have colours."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def stdout_format() -> TerminalFormat:
    """The width of a report on standard output, and whether it may have colours."""
    return TerminalFormat(width=width_of(sys.stdout), color=color_of(sys.stdout))

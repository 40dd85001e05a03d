"""The outputs of a command: the terminal, files, and the page of a CI job.

No other module prints, except the view of the progress on standard error (`progress.py`).
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from io import TextIOWrapper
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


def open_streams() -> None:
    """Make sure that the standard streams exist, and that they can encode any text.

    A descriptor that was closed before the start would be given to the next file that is opened,
    which would then get the output.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush() -> None:
    """Write what is buffered; a failure at the exit of Python would replace the exit code."""
    for stream in (sys.stdout, sys.stderr):
        put(stream, "")


def write(text: str) -> None:
    """Write text to standard output, at once, without control characters.

    When the output is full, an error is printed, once. When its reader has ended (`| head`),
    nothing is said. In both cases the command goes on, and its exit code stays that of its verdict.
    """
    _write(text, styled=False)


def write_report(text: str) -> None:
    """Write a report by `report.parts.terminal` to standard output; its colours stay."""
    _write(text, styled=color_of(sys.stdout))


def _write(text: str, *, styled: bool) -> None:
    from harness.report.parts.safe import terminal

    if error := put(sys.stdout, terminal(text, styled=styled)):
        print_line(f"error: cannot write to the standard output: {error}")


def write_data(text: str) -> None:
    """Write the product of a command, a file of some format, to standard output as it is, in UTF-8.

    Raises:
        UsageError: The output is full. A reader that has ended is no error.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        # Whatever the terminal takes: programs read this. What is not Unicode is "?", as in files.
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    if error := put(sys.stdout, text):
        raise UsageError(f"cannot write to the standard output: {error}")


def print_line(line: str) -> None:
    """Write a line, or several, to standard error, at once, without control characters.

    A stream that is full or closed gets nothing more.
    """
    from harness.report.parts.safe import terminal

    put(sys.stderr, f"{terminal(line)}\n")


def stderr() -> TextIO:
    """The stream that shows progress."""
    return sys.stderr


def put(stream: TextIO, text: str) -> str:
    """Write text to a stream, at once.

    Returns:
        Why it cannot be written; what follows goes into nothing then.
    """
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        # What is still buffered goes there, too.
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, stream.fileno())
        os.close(sink)
        return "" if isinstance(error, BrokenPipeError) else str(error.strerror)
    return ""


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


def write_copy(path: Path | None, text: str, *, new_folder: bool = True) -> None:
    """Write a report into a file; do nothing for None.

    Args:
        path: The file.
        text: The report.
        new_folder: Whether the folder of the file is created.

    Raises:
        UsageError: The file cannot be written.
    """
    from harness.runs.folder import replace_text

    if path is None:
        return
    try:
        if new_folder:
            _create_folder(path.parent)
        replace_text(path, text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def require_writable(path: Path | None) -> None:
    """Check before the load that a report can be written into a file; leaves no file behind.

    Raises:
        UsageError: It cannot.
    """
    from harness.runs.folder import probe_file

    if path is None:
        return
    try:
        _create_folder(path.parent)
        probe_file(path)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", "name another file for the report"
        ) from error


def _create_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error


def create_out_folder(out: Path | None, name: str) -> Path:
    """Create the folder of a comparison or calibration.

    Args:
        out: Its path; None is `runs/<utc>-<name>`.
        name: What runs, for the default path.

    Raises:
        UsageError: The folder cannot be written, or is not empty.
    """
    from harness.runs.folder import create_folder, unusable

    folder = create_folder(out, name, datetime.now(UTC))
    try:
        # Otherwise it is an untracked part of the working tree, which may be the candidate.
        folder.write(".gitignore", "*\n")
    except OSError as error:
        raise unusable(folder.path, error) from error
    return folder.path


def append_step_summary(text: str) -> None:
    """Append Markdown to the step summary of a GitHub job, if this is one and there is space.

    An empty line is before it, without which Markdown takes its heading for a part of what the step
    wrote before. If the summary cannot be written, a note says so, and nothing else changes.
    """
    if not (step_summary := os.environ.get("GITHUB_STEP_SUMMARY")):
        return
    path = Path(step_summary)
    try:
        taken = path.stat().st_size if path.exists() else 0
        data = ("\n" * bool(taken) + text).encode("utf-8", "replace")
        if taken + len(data) > STEP_SUMMARY_LIMIT:
            # GitHub shows nothing of a summary that is too long.
            print_line("note: the step summary is full; this report is not added to it")
            return
        with path.open("ab") as file:
            file.write(data)
    except OSError as error:
        print_line(f"note: cannot write the step summary {path}: {error.strerror}")


def annotate(commands: Iterable[str]) -> None:
    """Print annotations for the page of a GitHub job, if this is one."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for command in commands:
            put(sys.stderr, f"{command}\n")


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

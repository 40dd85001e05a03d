"""Where a command's reports go: the terminal, files, the page of a CI job.

Nothing else in the harness prints.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO, TypedDict

from harness.errors import HarnessError, UsageError

STEP_SUMMARY_LIMIT = 2**20  # bytes that a step may have


class Format(TypedDict):
    """The arguments that every report for a terminal takes.

    Attributes:
        width: Cells of a line.
        color: Whether ANSI colours are allowed.
    """

    width: int
    color: bool


def write(text: str) -> None:
    """Write text to standard output, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def tell(line: str) -> None:
    """Write a line for a person to standard error, at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def stderr() -> TextIO:
    """Where progress is shown."""
    return sys.stderr


def tell_error(error: HarnessError) -> None:
    """Write an error and its hint to standard error, and annotate a GitHub job with it."""
    from harness.report.run.annotations import error_command

    tell(f"error: {error.message}")
    if error.hint:
        tell(f"hint: {error.hint}")
    annotate([error_command(error.message, error.hint)])


def tell_traceback() -> None:
    """Write the exception that is being handled to standard error, as a fault of the harness."""
    import traceback

    tell(traceback.format_exc().rstrip())
    tell("error: this is a fault of the harness itself; please report it")


def write_copy(path: Path | None, text: str) -> None:
    """Write a report where an option wants it; None is nowhere.

    Raises:
        UsageError: It cannot be written there.
    """
    from harness.runs.folder import replace_text

    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error


def append_step_summary(text: str) -> None:
    """Show it on the page of a GitHub job, when this is one and the page has room for it."""
    if not (step_summary := os.environ.get("GITHUB_STEP_SUMMARY")):
        return
    path = Path(step_summary)
    taken = path.stat().st_size if path.exists() else 0
    if taken + len(text.encode()) > STEP_SUMMARY_LIMIT:
        # GitHub would show nothing at all of this step.
        tell("note: the summary of this step is full, so this one is left out of it")
        return
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def annotate(commands: Iterable[str]) -> None:
    """Show annotations on the page of a GitHub job, when this is one."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for command in commands:
            tell(command)


def width_of(stream: TextIO) -> int:
    """Cells of a terminal's line; 100 where there is none."""
    if stream.isatty() or "COLUMNS" in os.environ:
        import shutil

        return max(40, shutil.get_terminal_size((100, 24)).columns)
    return 100


def color_of(stream: TextIO) -> bool:
    """Whether a report may have colours."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def stdout_format() -> Format:
    """How wide a report on standard output may be, and whether it may have colours."""
    return Format(width=width_of(sys.stdout), color=color_of(sys.stdout))

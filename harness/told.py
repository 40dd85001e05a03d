"""Where a command's reports go: files, the page of a CI job, the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from harness.errors import UsageError

STEP_SUMMARY_LIMIT = 2**20  # bytes that a step may have


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
        sys.stderr.write("note: the summary of this step is full, so this one is left out of it\n")
        return
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def annotate(commands: Iterable[str]) -> None:
    """Show annotations on the page of a GitHub job, when this is one."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stderr.writelines(f"{command}\n" for command in commands)


def width_of(stream: TextIO) -> int:
    """Cells of a terminal's line; 100 where there is none."""
    if stream.isatty() or "COLUMNS" in os.environ:
        import shutil

        return max(40, shutil.get_terminal_size((100, 24)).columns)
    return 100


def color_of(stream: TextIO) -> bool:
    """Whether a report may have colours."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

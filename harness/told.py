"""Where a command's reports go: files, the page of a CI job, the terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

from harness.errors import UsageError


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
    """Show it on the page of a GitHub job, when this is one."""
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if step_summary:
        with Path(step_summary).open("a", encoding="utf-8") as file:
            file.write(text)


def width_of(stream: TextIO) -> int:
    """Cells of a terminal's line; 100 where there is none."""
    if stream.isatty() or "COLUMNS" in os.environ:
        import shutil

        return max(40, shutil.get_terminal_size((100, 24)).columns)
    return 100


def color_of(stream: TextIO) -> bool:
    """Whether a report may have colours."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

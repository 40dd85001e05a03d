"""Where a command's reports go: files, the page of a CI job, the terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.judge.comparison import Comparison
    from harness.runs.model import Progress


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


class LiveLine:
    """The progress line: rewritten in place on a terminal, now and then a full line elsewhere."""

    SECONDS_BETWEEN_LINES = 5.0

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream
        self._quiet = quiet
        self._terminal = stream.isatty()
        self._last = (-self.SECONDS_BETWEEN_LINES, "")

    def __enter__(self) -> LiveLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal and not self._quiet:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()

    def show(self, progress: Progress) -> None:
        """Show where the run is."""
        from harness.report.live import progress_line

        elapsed, phase = self._last
        due = progress.elapsed - elapsed >= self.SECONDS_BETWEEN_LINES or progress.phase != phase
        if self._terminal or due:
            self._last = (progress.elapsed, progress.phase)
            self._write(progress_line(progress, width_of(self._stream) - 1))

    def show_pair(self, comparison: Comparison) -> None:
        """Show how far a comparison is."""
        from harness.report.compare_live import compare_line

        self._write(compare_line(comparison, width_of(self._stream) - 1))

    def tell(self, line: str) -> None:
        """A line that stays."""
        if not self._quiet:
            self._stream.write(f"\r\x1b[2K{line}\n" if self._terminal else f"{line}\n")
            self._stream.flush()

    def _write(self, line: str) -> None:
        if not self._quiet:
            self._stream.write(f"\r\x1b[2K{line}" if self._terminal else f"{line}\n")
            self._stream.flush()

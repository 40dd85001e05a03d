"""The progress of a command: a view that a terminal redraws, or lines for a log."""

from __future__ import annotations

import os
from collections import deque
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from harness.commands.parts.outputs import color_of, put, width_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from harness.judge.compare.model import Comparison
    from harness.runs.model import Progress

SECONDS = 120  # of progress in the sparklines


def is_redrawn(stream: TextIO) -> bool:
    """Whether a stream can redraw a view: a terminal, but not the log of a CI job."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


class LiveView:
    """Shows progress on a stream; with `quiet` nothing."""

    def __init__(self, stream: TextIO, *, quiet: bool, title: str = "") -> None:
        self._stream = stream
        self._quiet = quiet
        self._title = title
        self._course: deque[Progress] = deque(maxlen=SECONDS)
        self._lined: Progress | None = None  # the last progress that got a line
        self._screen = _screen(stream) if is_redrawn(stream) and not quiet else None

    def __enter__(self) -> LiveView:
        return self

    def __exit__(self, *_: object) -> None:
        if self._screen:
            self._screen.stop()

    def show(self, progress: Progress) -> None:
        """Show the progress of a run."""
        from harness.report.run.live import decisions, is_due, progress_line

        last = self._course[-1] if self._course else None
        self._course.append(progress)
        if self._screen:
            from harness.report.run.live_view import progress_view

            self._draw(progress_view(tuple(self._course), self._title, self._screen.console.width))
            return
        for line in decisions(progress, last):
            self.print_line(line)
        if is_due(progress, self._lined):
            self._lined = progress
            self.print_line(progress_line(progress, width_of(self._stream) - 1))

    def show_pair(self, comparison: Comparison) -> None:
        """Show the progress of a comparison."""
        from harness.report.compare.live import compare_line, compare_view

        if self._screen:
            self._draw(compare_view(comparison, self._screen.console.width))
        else:
            self.print_line(compare_line(comparison, width_of(self._stream) - 1))

    def print_line(self, line: str) -> None:
        """Print a line that stays above the view."""
        from harness.report.parts.safe import terminal

        if self._screen:
            self._screen.console.print(terminal(line), soft_wrap=True)
        elif not self._quiet:
            put(self._stream, f"{terminal(line)}\n")

    def _draw(self, view: RenderableType) -> None:
        assert self._screen is not None
        self._screen.start()
        self._screen.update(view, refresh=True)


def _screen(stream: TextIO) -> Live:
    from rich.console import Console
    from rich.live import Live

    console = Console(
        file=cast("IO[str]", _Terminal(stream)),
        force_terminal=True,
        no_color=not color_of(stream),
        markup=False,
        emoji=False,
        highlight=False,
    )
    # Redrawn only with new progress, and removed before the report.
    return Live(
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


class _Terminal:
    """A stream whose terminal may be closed while the run goes on; then nobody sees the rest."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        put(self._stream, text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

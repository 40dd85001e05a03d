"""Pictures of a terminal, as SVG: the output of a command during its run and at its end.

    uv run python docs/capture.py       docs/images/run.svg and breach.svg, by real runs (a minute)

The command runs on a pseudo-terminal; a terminal emulator renders its output.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from itertools import groupby
from pathlib import Path

import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.text import Text

IMAGES = Path(__file__).parent / "images"
COLUMNS, LINES = 90, 100
# Fonts of the reader's machine: a picture in a README must not load external resources.
SVG = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
_NAMES = {"brown": "yellow", "default": None}  # the emulator's names of colours


def capture(
    command: list[str],
    when: Callable[[str], bool],
    *,
    variables: Mapping[str, str] | None = None,
    exit_code: int = 0,
) -> Text:
    """The last screen whose text matches; the command runs to its end.

    Args:
        command: Runs with the environment of this process, without CI, NO_COLOR and COLUMNS.
        when: Whether the text of a screen matches.
        variables: Additional environment variables.
        exit_code: The expected exit code of the command.

    Raises:
        ValueError: No screen matched.
        CalledProcessError: The command ended with another code.
    """
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (LINES, COLUMNS))
    inherited = {k: v for k, v in os.environ.items() if k not in {"CI", "NO_COLOR", "COLUMNS"}}
    environment = {**inherited, "TERM": "xterm-256color", **(variables or {})}
    seen = None
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment) as it:
        os.close(slave)
        for chunk in _chunks(master):
            stream.feed(chunk)
            if when("\n".join(screen.display)):
                seen = _text(screen)
    os.close(master)
    if it.returncode != exit_code:
        raise subprocess.CalledProcessError(it.returncode, command)
    if seen is None:
        raise ValueError("the screen never was as wanted")
    return seen


def svg(text: Text, title: str) -> str:
    """A picture of a terminal window with the text."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(text)
    return console.export_svg(title=title, code_format=SVG, unique_id="terminal")


def verdict(end: Text) -> Text:
    """The budgets and the reasons, without the tables of requests, to fit a README."""
    lines = end.split("\n", allow_blank=True)
    first = next(n for n, line in enumerate(lines) if line.plain.startswith("endpoint "))
    last = next(n for n, line in enumerate(lines) if line.plain.startswith("Stored in "))
    return Text("\n").join([*lines[:first], *lines[last:]])


def _chunks(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # on Linux, when the last process has closed its side
            return
        if not chunk:
            return
        yield chunk


def _text(screen: pyte.Screen) -> Text:
    lines = []
    for row in range(screen.lines):
        line = Text()
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        for (color, bold), alike in groupby(cells, key=lambda cell: (cell.fg, cell.bold)):
            style = Style(color=_NAMES.get(color, color), bold=bold)
            line.append("".join(cell.data for cell in alike), style)
        line.rstrip()
        lines.append(line)
    while lines and not lines[-1].plain:
        lines.pop()
    return Text("\n").join(lines)


def main() -> None:
    """Rewrite the pictures."""
    command = [sys.executable, "-m", "harness", "run", "smoke"]
    middle = capture(command, lambda text: "measuring  0:2" in text)
    planted = {"SAMPLE_APP_REGRESSIONS": "cold_cache"}
    end = capture(command, lambda text: "exit code" in text, variables=planted, exit_code=3)
    for name, text in (("run", middle), ("breach", verdict(end))):
        picture = svg(text, "harness run smoke")
        (IMAGES / f"{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()

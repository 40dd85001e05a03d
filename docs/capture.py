"""Pictures of a terminal, as SVG: what a command shows a person while it runs.

    uv run python docs/capture.py       docs/images/run.svg, by a real run (about 30 s)

The command runs on a terminal of its own; an emulator draws what it prints.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.text import Text

IMAGES = Path(__file__).parent / "images"
COLUMNS, LINES = 90, 60
# Fonts of the reader's own machine: a picture in a README loads nothing.
SVG = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
_NAMES = {"brown": "yellow", "default": None}  # what the emulator calls colours


def capture(command: list[str], when: Callable[[str], bool]) -> Text:
    """The screen as it was when its text last was as wanted; the command runs to its end.

    Raises:
        ValueError: It never was.
        CalledProcessError: The command failed.
    """
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (LINES, COLUMNS))
    inherited = {k: v for k, v in os.environ.items() if k not in {"CI", "NO_COLOR", "COLUMNS"}}
    environment = {**inherited, "TERM": "xterm-256color"}
    seen = None
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment) as it:
        os.close(slave)
        for chunk in _chunks(master):
            stream.feed(chunk)
            if when("\n".join(screen.display)):
                seen = _text(screen)
    os.close(master)
    if it.returncode:
        raise subprocess.CalledProcessError(it.returncode, command)
    if seen is None:
        raise ValueError("the screen never was as wanted")
    return seen


def svg(text: Text, title: str) -> str:
    """A picture of a window with some text."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(text)
    return console.export_svg(title=title, code_format=SVG, unique_id="terminal")


def _chunks(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux says so when the last process has closed its side
            return
        if not chunk:
            return
        yield chunk


def _text(screen: pyte.Screen) -> Text:
    lines = []
    for row in range(screen.lines):
        line = Text()
        for column in range(screen.columns):
            cell = screen.buffer[row][column]
            color = _NAMES.get(cell.fg, cell.fg)
            line.append(cell.data, Style(color=color, bold=cell.bold))
        line.rstrip()
        lines.append(line)
    while lines and not lines[-1].plain:
        lines.pop()
    return Text("\n").join(lines)


def main() -> None:
    """Rewrite the pictures."""
    command = [sys.executable, "-m", "harness", "run", "smoke"]
    middle = capture(command, lambda text: "measuring  0:2" in text)
    picture = svg(middle, "harness run smoke")
    (IMAGES / "run.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()

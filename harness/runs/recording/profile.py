"""The stacks of a profile: one file for each mode, in the form of `flamegraph.pl`.

A line has the frames of a stack from the outside in, separated by semicolons, and after a space
the number of its samples: https://github.com/brendangregg/FlameGraph#2-fold-stacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import RunFolderError

MOST_STACKS: Final = 200_000  # different ones that are read
_OUTER: Final = ("process ", "thread (")  # no functions: "thread (7): Thread-1 (work)"
_FRAME: Final = re.compile(r"(?P<function>.*?) \((?P<file>.*?)(?::(?P<line>\d+))?\)")


@dataclass(frozen=True, slots=True)
class StackFrame:
    """A function on a stack.

    Attributes:
        function: Its name; the text of a line without a file, such as "process 12 ...".
        file: Its path; empty where there is none. `line` is 0 then.
        line: That was executed.
    """

    function: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack, from the outermost function, and how many samples showed it."""

    frames: tuple[StackFrame, ...]
    count: int


def folded(pid: int, stacks: str) -> str:
    """The folded stacks of one process with the process as their outermost frame."""
    lines = (line for line in stacks.splitlines() if line.strip())
    return "".join(f"process {pid};{line}\n" for line in lines)


def read_stacks(path: Path) -> tuple[Stack, ...]:
    """The stacks of a profile; without the file there are none.

    Raises:
        RunFolderError: A line is damaged.
    """
    if not path.exists():
        return ()
    found: list[Stack] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            text, _, count = line.rstrip("\n").rpartition(" ")
            if not text or not count.isdecimal():
                if not line.endswith("\n"):
                    break  # it was cut off
                raise RunFolderError(
                    f"{path}:{number}: damaged line", "run the load again with --diagnose always"
                )
            found.append(Stack(stack_frames(text), int(count)))
            if len(found) >= MOST_STACKS:
                break
    return tuple(found)


def stack_frames(text: str) -> tuple[StackFrame, ...]:
    """The frames of a stack that is written without the number of its samples."""
    return tuple(map(_frame, text.split(";")))


def _frame(text: str) -> StackFrame:
    match = None if text.startswith(_OUTER) else _FRAME.fullmatch(text)
    if match:
        return StackFrame(match["function"], match["file"], int(match["line"] or 0))
    return StackFrame(text)


def total(stacks: Iterable[Stack]) -> int:
    """How many samples there are."""
    return sum(stack.count for stack in stacks)

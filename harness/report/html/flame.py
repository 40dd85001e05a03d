"""The stacks of a profile as trees of functions, small enough for a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import PurePosixPath
from typing import Final, Literal, NamedTuple

from harness.diagnose.functions import busy, is_own, package_of
from harness.report.parts.safe import clean
from harness.runs.records.profile import Stack, StackFrame, total
from harness.runs.records.recording import Recording

SMALLEST: Final = 0.001  # share of the samples below which functions are one
MOST_CHARACTERS: Final = 150_000  # of a tree; above them more functions are small
MOST_DEPTH: Final = 300
_NODE: Final = 14  # characters of four numbers
NAME, _FILE = 100, 140  # characters of a function and a file

FrameKind = Literal["outer", "own", "package", "small"]


class _Function(NamedTuple):
    """What is one function in a flame graph, whichever of its lines was executed."""

    name: str
    file: str
    kind: FrameKind


_ALL: Final = _Function("all", "", "outer")
_SMALL: Final = _Function("functions with few samples", "", "small")
_THREAD: Final = re.compile(r"thread \(\d+\): (?P<name>.*)")
_NUMBERS: Final = re.compile(r"\d+")
_Row = tuple[int, _Function, int, int]  # depth, function, samples, its most frequent line


@dataclass(slots=True)
class _Node:
    count: int = 0
    lines: dict[int, int] = field(default_factory=dict)
    below: dict[_Function, _Node] = field(default_factory=dict)

    @property
    def line(self) -> int:
        return max(self.lines, key=lambda line: self.lines[line], default=0)


def flame_data(recording: Recording) -> dict[str, object] | None:
    """The trees for the script of the page; None without a profile.

    Returns:
        "frames": name, file and kind of each function. "views": each with its label, and two trees:
        "whole" has all functions, "short" has one for packages that call each other. A tree is a
        list of numbers, four for each function in depth-first order: its depth, its place in
        "frames", its samples, and its most frequent line.
    """
    working = busy(recording.wall)
    views = {
        "Wall time": working,
        "CPU time": recording.cpu,
        "Wall time, waiting threads too": recording.wall,
    }
    if total(working) == total(recording.wall):
        del views["Wall time, waiting threads too"]
    frames: dict[_Function, int] = {}
    found = [
        {
            "label": label,
            "whole": _numbers(_rows(stacks), frames),
            "short": _numbers(_rows(map(_short, stacks)), frames),
        }
        for label, stacks in views.items()
        if stacks
    ]
    return {"frames": [list(one) for one in frames], "views": found} if found else None


def _short(stack: Stack) -> Stack:
    """The stack with one frame for the packages between two frames of the service's own code."""
    frames: list[StackFrame] = []
    for installed, run in groupby(stack.frames, lambda one: _function(one).kind == "package"):
        of_run = list(run)
        frames += [_packages(of_run)] if installed else of_run
    return Stack(tuple(frames), stack.count)


def _packages(run: Sequence[StackFrame]) -> StackFrame:
    """The packages of a run of frames: the first that is called and the last."""
    first, last = (package_of(one) or PurePosixPath(one.file).name for one in (run[0], run[-1]))
    return StackFrame(first if first == last else f"{first} ... {last}", "<installed packages>")


def _rows(stacks: Iterable[Stack]) -> list[_Row]:
    root = _tree(stacks)
    smallest = SMALLEST
    while True:
        rows = _large(root, smallest)
        functions = {function for _, function, _, _ in rows}
        size = _NODE * len(rows) + sum(len(one.name) + len(one.file) for one in functions)
        if size <= MOST_CHARACTERS:
            return rows
        smallest *= 2


def _tree(stacks: Iterable[Stack]) -> _Node:
    root = _Node()
    for stack in stacks:
        node = root
        node.count += stack.count
        for frame in stack.frames[:MOST_DEPTH]:
            function = _function(frame)
            if function not in node.below:
                node.below[function] = _Node()
            node = node.below[function]
            node.count += stack.count
            node.lines[frame.line] = node.lines.get(frame.line, 0) + stack.count
    return root


@lru_cache(maxsize=20_000)
def _function(frame: StackFrame) -> _Function:
    if not frame.file:
        return _Function(clean(_THREAD.sub(_thread_name, frame.function), NAME), "", "outer")
    kind: FrameKind = "own" if is_own(frame) else "package"
    return _Function(clean(frame.function, NAME), clean(frame.file, _FILE), kind)


def _thread_name(found: re.Match[str]) -> str:
    """A name without numbers, so that threads with the same work are one."""
    return f"thread {_NUMBERS.sub('N', found['name'])}"


def _large(root: _Node, smallest: float) -> list[_Row]:
    """The tree in depth-first order, the functions with most samples first, small ones as one."""
    least = root.count * smallest
    found: list[_Row] = []
    waiting = [(0, _ALL, root)]
    while waiting:
        depth, function, node = waiting.pop()
        found.append((depth, function, node.count, node.line))
        large = [pair for pair in node.below.items() if pair[1].count >= least]
        rest = sum(one.count for one in node.below.values()) - sum(one.count for _, one in large)
        if rest >= least:
            large.append((_SMALL, _Node(rest)))
        large.sort(key=lambda pair: (pair[1].count, pair[0]))
        waiting += [(depth + 1, *pair) for pair in large]
    return found


def _numbers(rows: Iterable[_Row], frames: dict[_Function, int]) -> list[int]:
    """The tree as numbers; functions that `frames` lacks are added to it."""
    found: list[int] = []
    for depth, function, count, line in rows:
        found += (depth, frames.setdefault(function, len(frames)), count, line)
    return found

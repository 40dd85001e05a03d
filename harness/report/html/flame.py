"""The stacks of a profile as trees of functions, small enough for a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import PurePosixPath
from typing import Final, Literal, NamedTuple

from harness.diagnose.functions import busy, is_own, package_of
from harness.report.parts.safe import clean
from harness.runs.recording.profile import Stack, StackFrame, total
from harness.runs.recording.recording import Recording

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
# Depth, function, samples, its most frequent line, samples of the other profile.
Row = tuple[int, _Function, int, int, int]


@dataclass(slots=True)
class _Node:
    count: int = 0
    other: int = 0  # samples of the other profile
    lines: dict[int, int] = field(default_factory=dict)
    below: dict[_Function, _Node] = field(default_factory=dict)

    @property
    def line(self) -> int:
        return max(self.lines, key=lambda line: self.lines[line], default=0)


Frames = dict[_Function, int]  # the place of each function in the list of all


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
    frames: Frames = {}
    found = [
        {
            "label": label,
            "whole": numbers_of(rows_of(stacks), frames),
            "short": numbers_of(rows_of(map(shortened, stacks)), frames),
        }
        for label, stacks in views.items()
        if stacks
    ]
    return {"frames": [list(one) for one in frames], "views": found} if found else None


def shortened(stack: Stack) -> Stack:
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


def rows_of(stacks: Iterable[Stack], others: Iterable[Stack] = ()) -> list[Row]:
    """The tree of a profile, with the samples that each function has in another profile."""
    root = _tree(stacks, others)
    smallest = SMALLEST
    while True:
        rows = _large(root, smallest)
        functions = {function for _, function, *_ in rows}
        size = _NODE * len(rows) + sum(len(one.name) + len(one.file) for one in functions)
        if size <= MOST_CHARACTERS:
            return rows
        smallest *= 2


def _tree(stacks: Iterable[Stack], others: Iterable[Stack]) -> _Node:
    root = _Node()
    for stack in stacks:
        root.count += stack.count
        for node, frame in _path(root, stack):
            node.count += stack.count
            node.lines[frame.line] = node.lines.get(frame.line, 0) + stack.count
    for stack in others:
        root.other += stack.count
        for node, _ in _path(root, stack):
            node.other += stack.count
    return root


def _path(root: _Node, stack: Stack) -> Iterator[tuple[_Node, StackFrame]]:
    """The nodes of a stack below the root; those that are missing are made."""
    node = root
    for frame in stack.frames[:MOST_DEPTH]:
        function = _function(frame)
        if function not in node.below:
            node.below[function] = _Node()
        node = node.below[function]
        yield node, frame


@lru_cache(maxsize=20_000)
def _function(frame: StackFrame) -> _Function:
    if not frame.file:
        return _Function(clean(_THREAD.sub(_thread_name, frame.function), NAME), "", "outer")
    kind: FrameKind = "own" if is_own(frame) else "package"
    return _Function(clean(frame.function, NAME), clean(frame.file, _FILE), kind)


def _thread_name(found: re.Match[str]) -> str:
    """A name without numbers, so that threads with the same work are one."""
    return f"thread {_NUMBERS.sub('N', found['name'])}"


def _large(root: _Node, smallest: float) -> list[Row]:
    """The tree in depth-first order, the functions with most samples first, small ones as one."""
    least = max(root.count * smallest, 1)
    found: list[Row] = []
    waiting = [(0, _ALL, root)]
    while waiting:
        depth, function, node = waiting.pop()
        found.append((depth, function, node.count, node.line, node.other))
        large = [pair for pair in node.below.items() if pair[1].count >= least]
        small = [one for one in node.below.values() if one.count < least]
        rest = _Node(sum(one.count for one in small), sum(one.other for one in small))
        if rest.count >= least:
            large.append((_SMALL, rest))
        large.sort(key=lambda pair: (pair[1].count, pair[0]))
        waiting += [(depth + 1, *pair) for pair in large]
    return found


def numbers_of(rows: Iterable[Row], frames: Frames, *, both: bool = False) -> list[int]:
    """The tree as numbers; functions that `frames` lacks are added to it.

    Args:
        rows: The tree.
        frames: The functions of all trees of a page.
        both: Whether the samples of the other profile are a fifth number of each function.
    """
    found: list[int] = []
    for depth, function, count, line, other in rows:
        found += (depth, frames.setdefault(function, len(frames)), count, line)
        found += [other] * both
    return found

"""The changed lines of a branch, and which of them a frame of a profile is in."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from harness.runs.recording.profile import Stack, StackFrame
from harness.runs.records.changes import ChangedCode, ChangedFile, CodeFunction, LineRange

MOST_RANGES: Final = 5_000  # of changed lines; further ones are left out
_LARGEST: Final = 1_000_000  # characters of a source file in which functions are looked for
_FILE: Final = re.compile(r'\+\+\+ "?b/(?P<path>.*?)"?\t?$')
_RENAME: Final = re.compile(r'^rename from "?(.*?)"?\nrename to "?(.*?)"?$', re.MULTILINE)
_RANGE: Final = re.compile(r"@@ -\S+ \+(?P<first>\d+)(?:,(?P<count>\d+))? @@")


def parse_diff(text: str) -> dict[str, list[LineRange]]:
    """The changed lines of each file, by its new path.

    Args:
        text: The output of `git diff --unified=0`, with the prefixes "a/" and "b/".
    """
    found: dict[str, list[LineRange]] = {}
    path, ranges, left = None, 0, 0
    for line in text.splitlines():
        if left > 0 and line[:1] in {"+", "-"}:
            left -= 1  # content, which may look like a header
        elif file := _FILE.match(line):
            path = file["path"]
        elif line.startswith("+++ "):  # /dev/null: the file was deleted
            path = None
        elif hunk := _RANGE.match(line):
            left = _changed_count(line)
            if path is not None and ranges < MOST_RANGES:
                found.setdefault(path, []).append(_range(int(hunk["first"]), hunk["count"]))
                ranges += 1
    return found


def renamed_files(text: str) -> dict[str, str]:
    """New paths by their old ones, of the files that a diff renames."""
    return dict(_RENAME.findall(text))


def _changed_count(header: str) -> int:
    """How many lines of content follow the header of a hunk."""
    counts = re.findall(r" [-+]\d+(?:,(\d+))?", header.split("@@")[1])
    return sum(int(count or 1) for count in counts)


def _range(first: int, count: str | None) -> LineRange:
    lines = int(count or 1)
    if lines == 0:  # lines were removed after line `first`
        return LineRange(first=max(1, first), last=first + 1)
    return LineRange(first=first, last=first + lines - 1)


def changed_files(
    lines: dict[str, list[LineRange]], source_of: Callable[[str], str | None]
) -> tuple[ChangedFile, ...]:
    """Changed files with their changed functions.

    Args:
        lines: From `parse_diff`.
        source_of: The text of a file by its path; None when it cannot be read.
    """
    return tuple(
        ChangedFile(path=path, lines=tuple(ranges), functions=_functions(path, ranges, source_of))
        for path, ranges in lines.items()
    )


def _functions(
    path: str, ranges: list[LineRange], source_of: Callable[[str], str | None]
) -> tuple[CodeFunction, ...]:
    if not path.endswith(".py"):
        return ()
    source = source_of(path)
    if source is None or len(source) > _LARGEST:
        return ()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found = (
        CodeFunction(name=node.name, lines=_lines_of(node))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return tuple(one for one in found if any(map(one.lines.overlaps, ranges)))


def _lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> LineRange:
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    return LineRange(first=first, last=node.end_lineno or node.lineno)


def in_repository(
    stacks: Iterable[Stack], root: str, renamed: Mapping[str, str] | None = None
) -> tuple[Stack, ...]:
    """Stacks whose files below the root of a checkout are relative to it.

    Args:
        stacks: Of a version.
        root: Of its checkout.
        renamed: New paths by their old ones, so that a function that moved with its file is the
            same in both versions.
    """
    in_root = partial(_frame_in, root=root, renamed=renamed or {})
    return tuple(Stack(tuple(map(in_root, stack.frames)), stack.count) for stack in stacks)


def _frame_in(frame: StackFrame, root: str, renamed: Mapping[str, str]) -> StackFrame:
    file = path_in(frame.file, root)
    return StackFrame(frame.function, renamed.get(file, file), frame.line)


def path_in(path: str, root: str) -> str:
    """A path, or a text that begins with one, relative to the root of a checkout."""
    return path.removeprefix(f"{root.rstrip('/')}/") if root else path


@dataclass(frozen=True, slots=True)
class ChangedPlace:
    """A place in changed code.

    Attributes:
        place: Such as "app/contacts.py:85"; `line` is its line.
        function: That has the line; empty outside of any.
        exact: Whether the line itself changed, not only other lines of its function.
        why: What connects it with the breach; empty for a clause of a cause.
    """

    place: str
    function: str
    exact: bool
    why: str = ""

    @property
    def clause(self) -> str:
        """What a cause at this place says of it."""
        if self.exact:
            return "changed in this branch"
        return f"{self.function}() was changed in this branch"


class ChangedLines:
    """Finds the changed code of a place. Empty when nothing is known of changes."""

    def __init__(self, code: ChangedCode | None) -> None:
        self._files = {one.path: one for one in code.files} if code else {}

    def at(self, file: str, line: int) -> ChangedPlace | None:
        """The changed code of a line: the line itself, or its function; None for neither.

        Args:
            file: Relative to the root of the repository.
            line: Of the candidate.
        """
        changed = self._files.get(file)
        if changed is None:
            return None
        here = LineRange(first=line, last=line)
        around = [one for one in changed.functions if one.lines.overlaps(here)]
        inner = max(around, key=lambda one: one.lines.first, default=None)
        name = inner.name if inner else ""
        exact = any(map(here.overlaps, changed.lines))
        return ChangedPlace(f"{file}:{line}", name, exact) if exact or inner else None

    def first_line(self, file: str, place: ChangedPlace) -> ChangedPlace:
        """The place moved to the first changed line of its function."""
        if place.exact:
            return place
        changed = self._files[file]
        line = int(place.place.rpartition(":")[2])
        here = LineRange(first=line, last=line)
        around = [one for one in changed.functions if one.lines.overlaps(here)]
        function = max(around, key=lambda one: one.lines.first)
        lines = next(each for each in changed.lines if each.overlaps(function.lines))
        line = max(lines.first, function.lines.first)
        return replace(place, place=f"{file}:{line}", exact=True)

    def all_code(self) -> Iterator[ChangedPlace]:
        """The first line of each change."""
        for file in self._files.values():
            for lines in file.lines:
                around = [one for one in file.functions if one.lines.overlaps(lines)]
                inner = max(around, key=lambda one: one.lines.first, default=None)
                yield ChangedPlace(f"{file.path}:{lines.first}", inner.name if inner else "", True)

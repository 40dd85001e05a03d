"""The problems of budgets.yaml, each with its line and its path."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from harness.errors import BudgetsError

Place = tuple[str | int, ...]
"""Keys and list indexes from the top of the file: `("scenarios", "load", "tags", 0)`."""


class Problem(NamedTuple):
    """One problem, sortable by its line."""

    line: int
    path: str
    text: str


@dataclass
class Problems:
    """Collects problems, so that all of them are reported at once.

    Attributes:
        source: The file, as the user named it.
        lines: The line of each place in the file, filled while it is read.
    """

    source: Path
    lines: dict[Place, int] = field(default_factory=dict)
    _found: set[Problem] = field(default_factory=set)
    _around: set[Place] = field(default_factory=set)  # the places of all problems, and above them

    def add(self, place: Place, text: str) -> None:
        """Add a problem; `text` says what is wrong and what to write instead."""
        path, text = (_one_line(_shortened(part)) for part in (dotted(place), text))
        self._found.add(Problem(self.line(place), path, text))
        self._around.update(place[:length] for length in range(len(place) + 1))

    def line(self, place: Place) -> int:
        """Line of a place, or of the nearest enclosing place that is in the file."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def within(self, place: Place) -> bool:
        """Whether there is a problem at this place or below it."""
        return place in self._around

    def found(self) -> list[Problem]:
        """All problems, in the order of their lines."""
        return sorted(self._found)

    def raise_any(self) -> None:
        """Raise a BudgetsError with all problems, if there are any."""
        if self._found:
            raise BudgetsError(
                "\n".join(
                    f"{self.source}:{line}: {path + ': ' if path else ''}{text}"
                    for line, path, text in self.found()
                )
            )


def dotted(place: Place) -> str:
    """A place as people write it: `scenarios.load.workload.stages[1].rate`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".")


def _shortened(text: str) -> str:
    """Text in which long words, such as a number with 400 digits, are cut in the middle."""
    return re.sub(r"\S{120,}", lambda word: f"{word[0][:60]}...{word[0][-20:]}", text)


def _one_line(text: str) -> str:
    """Text without the line breaks and control characters that a quoted file may contain."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def closest(word: str, options: Iterable[str], likeness: float = 0.6) -> str:
    """`did you mean `x`? ` for the option most similar to `word`; empty if none is similar."""
    matches = get_close_matches(word, list(options), n=1, cutoff=likeness)
    return f"did you mean `{matches[0]}`? " if matches else ""


def look_alike(word: str) -> str:
    """A remark on the first character of a word that is not ASCII; empty if all are."""
    foreign = next((char for char in word if not char.isascii()), None)
    if foreign is None:
        return ""
    name = unicodedata.name(foreign, f"U+{ord(foreign):04X}")
    return f"it holds the character {name}; "


def listed(options: Iterable[str]) -> str:
    """Options in one line: "error, warn or off"."""
    *first, last = options
    return f"{', '.join(first)} or {last}" if first else last

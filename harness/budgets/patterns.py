r"""Regular expressions of `where`: the part of RE2's syntax that Python and Prometheus read alike.

A pattern matches a whole value, as in Prometheus. It is run as an automaton, so the time is
proportional to the length of the value, whatever the pattern (Thompson 1968, "Regular Expression
Search Algorithm"). Syntax: https://github.com/google/re2/wiki/Syntax. Refused: what RE2 lacks
(look-around, back references, possessive operators) and what is read differently elsewhere
(flags, `\b`, Unicode classes, braces that repeat nothing).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_LONGEST: Final = 500  # characters of a pattern
_DEEPEST: Final = 20  # groups within groups
_MOST_REPEATS: Final = 1000  # RE2's own limit, also of the product of nested ones
_MOST_STATES: Final = 10_000

_Ranges = tuple[tuple[int, int], ...]
_DIGITS: Final[_Ranges] = ((ord("0"), ord("9")),)
_WORD: Final[_Ranges] = (*_DIGITS, (ord("A"), ord("Z")), (ord("_"), ord("_")), (ord("a"), ord("z")))
_SPACE: Final[_Ranges] = tuple((ord(one), ord(one)) for one in "\t\n\f\r ")
_CLASSES: Final = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_REPEAT: Final = re.compile(r"\{(\d{1,4})(?:(,)(\d{0,4}))?\}")
_SHOWN: Final = [*map(chr, range(ord("a"), ord("z") + 1)), *"0123456789", *map(chr, range(32, 127))]


def literal(value: str) -> str:
    """A regular expression that matches this text only."""
    return re.sub(r"[.+*?()|\[\]{}^$\\]", r"\\\g<0>", value)


@dataclass(frozen=True, slots=True)
class _Chars:
    """Characters within some ranges of code points, or outside all of them."""

    ranges: _Ranges
    negated: bool = False

    def __contains__(self, one: str) -> bool:
        return any(low <= ord(one) <= high for low, high in self.ranges) is not self.negated

    def example(self) -> str | None:
        """One of them, a letter if possible; None when there is none that can be printed."""
        every = [*_SHOWN, *(chr(low) for low, _ in self.ranges)]
        return next((one for one in every if one in self), None)


class Pattern:
    """A regular expression that matches a whole value.

    Args:
        text: The expression.

    Raises:
        ValueError: It is not valid, or not read alike by Python and Prometheus; the text says why.
    """

    def __init__(self, text: str) -> None:
        if not text:
            raise ValueError("the pattern is empty")
        if len(text) > _LONGEST:
            raise ValueError(f"the pattern is longer than {_LONGEST} characters")
        # The states of the automaton: characters with the next state, or states to go on with.
        self._steps: list[tuple[_Chars, int] | list[int]] = [[]]  # state 0 is the end
        self._start = _Parser(text).whole()(self, 0)

    def matches(self, value: str) -> bool:
        """Whether the whole value fits."""
        states = self._reached({self._start})
        for one in value:
            states = self._reached({after for chars, after in self._reads(states) if one in chars})
            if not states:
                return False
        return 0 in states

    def example(self) -> str | None:
        """A shortest value that fits; None when none can be printed."""
        seen: set[int] = set()
        found = [("", state) for state in self._reached({self._start})]
        while found:
            text, state = found.pop(0)
            if state == 0:
                return text
            if state not in seen:
                seen.add(state)
                for chars, after in self._reads({state}):
                    if (one := chars.example()) is not None:
                        found += [(text + one, more) for more in self._reached({after})]
        return None

    def add(self, step: tuple[_Chars, int] | list[int]) -> int:
        """Add a state; returns its number."""
        if len(self._steps) >= _MOST_STATES:
            raise ValueError("the pattern repeats too much")
        self._steps.append(step)
        return len(self._steps) - 1

    def _reads(self, states: set[int]) -> Iterator[tuple[_Chars, int]]:
        for state in states:
            step = self._steps[state]
            if isinstance(step, tuple):
                yield step

    def _reached(self, states: set[int]) -> set[int]:
        """The states that can be reached without reading a character."""
        found, open_states = set(states), list(states)
        while open_states:
            step = self._steps[open_states.pop()]
            if isinstance(step, list):
                more = set(step) - found
                found |= more
                open_states += more
        return found


@lru_cache(maxsize=1000)
def compiled(text: str) -> Pattern:
    """The pattern of a text.

    Raises:
        ValueError: As for `Pattern`.
    """
    return Pattern(text)


# Adds a part of an expression to an automaton before a state; returns the state to begin with.
_Part = Callable[[Pattern, int], int]


class _Parser:
    """Reads an expression from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth, self._repeats = text, 0, 0, 1

    def whole(self) -> _Part:
        found = self._alternatives()
        if self._at < len(self._text):
            raise ValueError("a ) closes no group; write \\) for the character")
        return found

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        if self._at >= len(self._text):
            raise ValueError("it ends within a group, a class or an escape")
        self._at += 1
        return self._text[self._at - 1]

    def _alternatives(self) -> _Part:
        parts = [self._sequence()]
        while self._peek() == "|":
            self._take()
            parts.append(self._sequence())
        if len(parts) == 1:
            return parts[0]
        return lambda whole, after: whole.add([part(whole, after) for part in parts])

    def _sequence(self) -> _Part:
        parts: list[_Part] = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._repeated())

        def build(whole: Pattern, after: int) -> int:
            for part in reversed(parts):
                after = part(whole, after)
            return after

        return build

    def _repeated(self) -> _Part:
        before, self._repeats = self._repeats, 1  # of what is within this part
        part = self._one()
        least, most = self._repeats_here()
        self._repeats *= max(1, least if most is None else most)
        if self._repeats > _MOST_REPEATS:
            raise ValueError(f"repeats within repeats are more than {_MOST_REPEATS}")
        self._repeats = max(before, self._repeats)
        if (least, most) == (1, 1):
            return part
        if self._peek() == "?":
            self._take()  # as few as possible: the same values match
        if self._peek() and self._peek() in "*+?{":
            raise ValueError(f"an operator follows another one at {self._text[self._at :]!r}")
        return _repetition(part, least, most)

    def _repeats_here(self) -> tuple[int, int | None]:
        match self._peek():
            case "*":
                found: tuple[int, int | None] = 0, None
            case "+":
                found = 1, None
            case "?":
                found = 0, 1
            case "{":
                match = _REPEAT.match(self._text, self._at)
                if match is None:
                    raise ValueError("a { repeats nothing; write \\{ for the character")
                least, more = int(match[1]), match[2]
                most = (int(match[3]) if match[3] else None) if more else least
                if max(least, most or 0) > _MOST_REPEATS or (most is not None and most < least):
                    raise ValueError(f"{match[0]} repeats too much, or less than nothing")
                self._at = match.end()
                return least, most
            case _:
                return 1, 1
        self._take()
        return found

    def _one(self) -> _Part:
        one = self._take()
        match one:
            case "(":
                return self._group()
            case "[":
                return _read(self._class())
            case "\\":
                return _read(self._escape())
            case ".":
                return _read(_Chars((), negated=True))
            case "^" | "$":
                if self._at != (1 if one == "^" else len(self._text)):
                    raise ValueError(f"a {one} is needless: a pattern matches the whole value")
                if self._peek() and self._peek() in "*+?{":
                    raise ValueError(f"an operator repeats a {one}")
                return lambda _, after: after
            case "*" | "+" | "?" | "{":
                raise ValueError(f"a {one} repeats nothing; write \\{one} for the character")
            case _:
                return _read(_Chars(((ord(one), ord(one)),)))

    def _group(self) -> _Part:
        if self._peek() == "?":
            if self._text[self._at : self._at + 2] != "?:":
                raise ValueError("(? begins a flag or a look-around, which cannot be used here")
            self._at += 2
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} groups are within each other")
        found = self._alternatives()
        if self._take() != ")":
            raise ValueError("a group is not closed")
        self._depth -= 1
        return found

    def _class(self) -> _Chars:
        negated = self._peek() == "^"
        if negated:
            self._take()
        ranges: list[tuple[int, int]] = []
        while (one := self._take()) != "]" or not ranges:
            if one in "[]":
                raise ValueError(f"write \\{one} for the character within a class")
            if one == "\\":
                inner = self._escape()
                if inner.negated:
                    raise ValueError("\\D, \\S and \\W cannot stand within a class")
                if len(inner.ranges) != 1 or inner.ranges[0][0] != inner.ranges[0][1]:
                    ranges += inner.ranges
                    continue
                one = chr(inner.ranges[0][0])
            ranges.append((ord(one), ord(self._range_end(one))))
        return _Chars(tuple(ranges), negated)

    def _range_end(self, begin: str) -> str:
        if self._peek() != "-" or self._text[self._at + 1 : self._at + 2] == "]":
            return begin
        self._take()
        end = self._take()
        if end == "\\":
            last = self._escape()
            if last.negated or len(last.ranges) != 1 or last.ranges[0][0] != last.ranges[0][1]:
                raise ValueError("a range ends in a class")
            end = chr(last.ranges[0][0])
        if end < begin or end in "[]":
            raise ValueError(f"{begin}-{end} is no range")
        return end

    def _escape(self) -> _Chars:
        one = self._take()
        if found := _CLASSES.get(one.lower()):
            return _Chars(found, negated=one.isupper())
        if one in _CONTROLS:
            one = _CONTROLS[one]
        elif one.isalnum() or not one.isascii():
            raise ValueError(f"\\{one} is not read alike by Python and Prometheus")
        return _Chars(((ord(one), ord(one)),))


def _read(chars: _Chars) -> _Part:
    return lambda whole, after: whole.add((chars, after))


def _repetition(part: _Part, least: int, most: int | None) -> _Part:
    def build(whole: Pattern, after: int) -> int:
        if most is None:
            again: list[int] = [after]
            after = whole.add(again)
            again.append(part(whole, after))
        else:
            end = after
            for _ in range(most - least):
                after = whole.add([end, part(whole, after)])
        for _ in range(least):
            after = part(whole, after)
        return after

    return build

"""The text of a statement without what differs from one execution to the next."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# From left to right, so that a text with "--" is no comment, and a comment with "'" no text.
# What begins with "/*+" is a hint to an optimizer.
_TEXT_OR_COMMENT: Final = re.compile(
    r"(?P<text>'(?:[^'\\]|''|\\.)*')|/\*(?!\+).*?\*/|--[^\n]*", re.DOTALL
)
# Not in a name, nor of a placeholder ("$1", ":1", "?1", "@p1"), nor what is selected: "SELECT 1"
# looks whether a connection lives.
_NUMBER: Final = re.compile(
    r'(?<!SELECT )(?<![\w$:@?.`"])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.`"])'
)
_VALUE: Final = r"(?:\?\d*|%s|%\(\w+\)s|[$:@]\w+)"
_IN: Final = re.compile(rf"\bIN\s*\(\s*{_VALUE}(?:\s*,\s*{_VALUE})*\s*\)", re.IGNORECASE)
_ROWS: Final = re.compile(r"(\bVALUES\s*\([^()]*\))(?:\s*,\s*\([^()]*\))+", re.IGNORECASE)
_SPACE: Final = re.compile(r"\s+")


@lru_cache(maxsize=10_000)
def statement_text(written: str) -> str:
    """A statement on one line, the same for all of its values.

    Comments, such as the trace id that a driver adds, are left out. Texts and numbers are "?", the
    list of an IN is "(...)", and of several rows of VALUES there is the first: one statement whose
    values are in its text is otherwise a new one each time that it is executed.
    """
    found = _TEXT_OR_COMMENT.sub(lambda match: "?" if match["text"] else " ", written)
    found = _NUMBER.sub("?", _SPACE.sub(" ", found).strip())
    return _ROWS.sub(r"\1, ...", _IN.sub("IN (...)", found))

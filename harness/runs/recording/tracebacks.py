"""Tracebacks of Python in the output of the service, by the trace that they belong to.

A service that turns an exception into an answer often records it in its log, not in its trace.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

_BEGIN: Final = "Traceback (most recent call last)"
_TRACE: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_GROUP_END: Final = re.compile(r"\+-{20,}")  # of an exception group, after which no message comes
_LINES: Final = 1_000_000  # that are read
_LONGEST: Final = 500  # lines of a traceback
MOST: Final = 1000


def read_tracebacks(path: Path) -> dict[str, str]:
    """The tracebacks in a log that stand in one record with a trace id.

    A record is a line of JSON, or a line of text with the lines of the traceback after it. Without
    the file there are none.

    Returns:
        The first traceback by trace id, at most `MOST`. A trace id is also any other identifier of
        32 hexadecimal digits in the record.
    """
    if not path.exists():
        return {}
    found: dict[str, str] = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for record in _records(islice(file, _LINES)):
            for trace_id in _TRACE.findall(record):
                found.setdefault(trace_id, record)
            if len(found) >= MOST:
                break
    return found


def _records(lines: Iterable[str]) -> Iterator[str]:
    """The records with a traceback."""
    before = ""
    inside: list[str] = []
    for line in lines:
        if inside:
            if not _GROUP_END.fullmatch(inside[-1].strip()) or line[0].isspace():
                inside.append(line)
            if line.startswith((" ", "\t")) and len(inside) < _LONGEST:
                continue
            yield "".join(inside)
            inside = []
        elif _BEGIN in line:
            if line.lstrip().startswith("{"):
                yield _text_of(line)
            else:
                inside = [before, line]
        before = line
    if inside:
        yield "".join(inside)


def _text_of(line: str) -> str:
    """The texts of a line of JSON, the traceback last."""
    try:
        values = json.loads(line).values()
    except (ValueError, AttributeError, RecursionError):
        return line
    texts = [str(value) for value in values]
    return "\n".join(sorted(texts, key=lambda text: _BEGIN in text))

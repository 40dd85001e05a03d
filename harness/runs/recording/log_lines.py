"""The lines of the service's output, grouped by what is the same in them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_SIZE: Final = 16 * 1024 * 1024  # bytes at the end of the file that are read
_LONGEST: Final = 200  # characters of a template
_TRACE: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_READ: Final = 2 * _LONGEST  # characters of a line that are looked at
# A word with a digit, or an identifier that happens to have none: a number, a time.
_VARIABLE: Final = re.compile(r"[\w-]*\d[\w-]*|\b[0-9a-f]{16,}\b")
_SOURCE: Final = re.compile(
    r"[\w./\\-]+\.(?:py|js|mjs|cjs|ts|go|java|kt|scala|rb|rs|cs|php|ex|c|cc|cpp):\d+"
)
# Names of the fields in JSON: Python (logging, structlog), Logback, Log4j, ECS, zap, zerolog,
# logrus, slog, pino, Serilog, OpenTelemetry.
_MESSAGE: Final = ("@mt", "MessageTemplate", "message", "msg", "event", "body")
_LOGGER: Final = ("logger", "logger_name", "loggerName", "log.logger", "name")
_FUNCTION: Final = ("function", "funcName", "caller_method_name", "code.function.name", "func")
_FILE: Final = (
    *("code.file.path", "code.filepath", "pathname", "file", "filename", "caller_file_name"),
    "file.name",
)
_LINE: Final = (
    "code.line.number",
    "code.lineno",
    "lineno",
    "line",
    "caller_line_number",
    "file.line",
)
_NESTED: Final = ("source", "log.origin")


@dataclass(frozen=True, slots=True)
class LogLine:
    """The lines that one statement of the service's code writes.

    Attributes:
        text: What is the same in them, with "?" for words that have a digit, after the logger and
            the function where the lines have these.
        place: "contacts.py:35"; empty where the lines do not have it.
        count: Number of lines.
        traced: Number of lines with the id of a recorded trace.
        requests: Number of these traces.
    """

    text: str
    place: str
    count: int
    traced: int = 0
    requests: int = 0


@dataclass(slots=True)
class _Group:
    text: str
    place: str
    count: int = 0
    by_trace: dict[str, int] = field(default_factory=dict)


def read_log_lines(path: Path, trace_ids: Collection[str]) -> tuple[LogLine, ...]:
    """The lines at the end of a log, at most 16 MiB, the most frequent first.

    A line that begins with a space continues the line before it and does not count.

    Args:
        path: Of the log. Without the file there are no lines.
        trace_ids: Of the recorded traces, 32 hexadecimal digits each.
    """
    if not path.exists():
        return ()
    with path.open("rb") as file:
        size = path.stat().st_size
        if size > _SIZE:
            file.seek(size - _SIZE)
            file.readline()
        groups = _groups((line.decode(errors="replace") for line in file), trace_ids)
    found = (
        LogLine(one.text, one.place, one.count, sum(one.by_trace.values()), len(one.by_trace))
        for one in groups
    )
    return tuple(sorted(found, key=lambda one: (-one.count, one.text, one.place)))


def _groups(lines: Iterable[str], trace_ids: Collection[str]) -> Collection[_Group]:
    found: dict[tuple[str, ...], _Group] = {}
    for line in lines:
        if not line.strip() or line[0].isspace():
            continue
        key, text, place = _written_by(line)
        group = found.setdefault(key, _Group(text, place))
        group.count += 1
        trace_id = next((one for one in _TRACE.findall(line) if one in trace_ids), None)
        if trace_id is not None:
            group.by_trace[trace_id] = group.by_trace.get(trace_id, 0) + 1
    return found.values()


def _written_by(line: str) -> tuple[tuple[str, ...], str, str]:
    """What tells the lines of one statement apart, their text and their place."""
    values = _fields(line)
    if values is None:
        text, place = _template(line), _source_in(line)
        return (place or text,), text, place
    logger, function, number = (_first(values, each) for each in (_LOGGER, _FUNCTION, _LINE))
    file = _first(values, _FILE)
    place = f"{file}:{number}" if file and number else ""
    place = place or _source_in(_first(values, ("caller", "file")))
    message = _template(_first(values, _MESSAGE))
    called = f"{function}()" if function else ""
    if called and number and not place:
        called += f", line {number}"
    writer = " ".join(filter(None, (logger, called)))
    text = ": ".join(filter(None, (writer, message)))[:_LONGEST]
    is_exact = bool(function and number)
    return (place,) if place else (writer, "" if is_exact else message), text, place


def _fields(line: str) -> dict[str, object] | None:
    """The fields of a line of JSON, with nested ones that say where it is from; None for text."""
    if not line.startswith("{"):
        return None
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    for name in _NESTED:
        if isinstance(inner := values.get(name), Mapping):
            values = {**inner, **values}
    return values if _first(values, _MESSAGE) else None


def _first(values: Mapping[str, object], names: Iterable[str]) -> str:
    found = (values.get(name) for name in names)
    return next((str(one) for one in found if isinstance(one, str | int) and one != ""), "")


def _source_in(text: str) -> str:
    found = _SOURCE.search(text[:_READ])
    return found.group() if found else ""


def _template(text: str) -> str:
    return _VARIABLE.sub("?", " ".join(text[:_READ].split()))[:_LONGEST]

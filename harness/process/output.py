"""The end of what a command printed, for error messages."""

from __future__ import annotations

from pathlib import Path
from typing import Final

NOTHING: Final = "\nIt has written no output."
_TAIL: Final = 15  # lines
_TAIL_BYTES: Final = 1 << 14


def last_lines(log: Path, before: int = 0) -> str:
    """The last lines of a log after its first `before` bytes, as the end of an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(before, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").rstrip().splitlines()[-_TAIL:]
    except OSError:  # somebody removed it
        return ""
    if not lines:
        return NOTHING
    return "\nIts last output:\n" + "\n".join(f"    {line}" for line in lines)

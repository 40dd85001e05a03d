"""A file with a JSON object on each line, written while the load runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.errors import RunFolderError
from harness.runs.log import Log, read_log

LONGEST_LINE: Final = 2**20  # bytes
_Line = TypeVar("_Line")


class LineLog(Log):
    """Writes lines; a written line survives a killed writer."""

    def close(self) -> None:
        """Close the file; without lines there is none."""
        super().close()
        if not self._size:
            self.path.unlink(missing_ok=True)


def read_lines(path: Path, adapter: TypeAdapter[_Line]) -> Iterator[_Line]:
    """The lines of a file; a last line that is cut off is left out.

    Args:
        path: The file; without it there are no lines.
        adapter: Validates a line.

    Raises:
        RunFolderError: A line other than the last is damaged.
    """
    if not path.exists():
        return
    for number, line in enumerate(read_log(path, LONGEST_LINE), 1):
        try:
            yield adapter.validate_json(line.decode(errors="replace"))
        except ValidationError as error:
            if not line.endswith(b"\n") and len(line) < LONGEST_LINE:
                return
            raise RunFolderError(
                f"{path}:{number}: damaged line ({error.errors()[0]['msg']})",
                "The file was changed after the run; run the load again.",
            ) from error

"""What the files have in common that are written line by line while the load runs."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self


class Log:
    """A text file that is open as long as the run lasts.

    Args:
        path: Created, or emptied, at once, so that a full disk shows before the load starts.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("w", encoding="utf-8", errors="replace", newline="\n")

    def close(self) -> None:
        """Close the file; does nothing the second time."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

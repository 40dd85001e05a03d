"""What the files have in common that are written line by line while the load runs."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self


class Log:
    """A text file that is open as long as the run lasts, and locked for other writers.

    Args:
        path: Created, or emptied, at once, so that a full disk shows before the load starts.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb", buffering=0)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._size = 0
        self._failed: tuple[int | None, str] | None = None

    def append(self, text: str) -> None:
        """Write lines at once, all of them or none.

        Raises:
            OSError: They cannot be written, or earlier ones could not: nothing follows a gap.
        """
        if self._failed is None:
            data = text.encode("utf-8", "replace")
            try:
                self._write(data)
                self._size += len(data)
            except OSError as error:
                self._failed = (error.errno, str(error.strerror))
                with suppress(OSError):
                    os.ftruncate(self._file.fileno(), self._size)  # no half line
        if self._failed is not None:
            raise OSError(*self._failed, str(self.path))

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

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


def is_being_written(path: Path) -> bool:
    """Whether a process that still runs has the file open as a `Log`."""
    with suppress(OSError), path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    return True


def cannot_write(error: OSError) -> str:
    """Such as "cannot write run.json: No space left on device"."""
    place = f" {error.filename}" if error.filename else ""
    return f"cannot write{place}: {error.strerror or error}"

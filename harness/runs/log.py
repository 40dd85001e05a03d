"""What the files have in common that are written line by line while the load runs."""

from __future__ import annotations

import fcntl
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from io import BufferedReader, FileIO, RawIOBase
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, cast

from harness.errors import RunFolderError
from harness.names import REST

MOST_PLAIN: Final = 16 * 1024 * 1024  # bytes of a log; more is compressed
_GZIP: Final = zlib.MAX_WBITS | 16
_CHUNK: Final = 256 * 1024  # bytes


class Log:
    """A text file that is open as long as the run lasts, and locked for other writers.

    What follows the first `MOST_PLAIN` bytes goes to a second file, compressed (`rest_of`). So the
    file of a short run is plain text, a long run needs little space, and nothing is rewritten.

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
        self._rest: FileIO | None = None
        self._rest_size = 0
        self._packer = zlib.compressobj(wbits=_GZIP)
        self._failed: tuple[int | None, str] | None = None

    def append(self, text: str) -> None:
        """Write lines at once, all of them or none.

        Raises:
            OSError: They cannot be written, or earlier ones could not: nothing follows a gap.
        """
        if self._failed is None:
            data = text.encode("utf-8", "replace")
            try:
                if self._size > MOST_PLAIN:
                    # Flushed, so that the lines can be read although the file has no end yet.
                    packed = self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
                    self._write_rest(packed)
                else:
                    _write(self._file, data, self._size)
                    self._size += len(data)
            except OSError as error:
                self._failed = (error.errno, str(error.strerror))
        if self._failed is not None:
            raise OSError(*self._failed, str(self.path))

    def _write_rest(self, packed: bytes) -> None:
        if self._rest is None:
            self._rest = rest_of(self.path).open("wb", buffering=0)
        _write(self._rest, packed, self._rest_size)
        self._rest_size += len(packed)

    def close(self) -> None:
        """Close the file; does nothing the second time."""
        self._file.close()
        if self._rest is not None and not self._rest.closed:
            if self._failed is None:
                with suppress(OSError):  # a full disk: the lines are complete without the end
                    self._write_rest(self._packer.flush())
            self._rest.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def rest_of(path: Path) -> Path:
    """The file with the lines of a log that follow its first `MOST_PLAIN` bytes, as gzip."""
    return path.with_name(path.name + REST)


def read_log(path: Path, longest: int = sys.maxsize) -> Iterator[bytes]:
    """The lines of a log and of its rest.

    The last line has no line feed where a killed run left half of it.

    Args:
        path: Of the log.
        longest: Bytes of a line; what is longer comes in parts.

    Raises:
        RunFolderError: The rest is no gzip file.
        OSError: A file cannot be read.
    """
    with path.open("rb") as file:
        yield from iter(partial(file.readline, longest), b"")
    if rest_of(path).exists():
        with BufferedReader(_Unpacked(rest_of(path)), _CHUNK) as unpacked:
            yield from iter(partial(unpacked.readline, longest), b"")


def read_blocks(path: Path, size: int) -> Iterator[bytes]:
    """The content of a log and of its rest in blocks, each of which ends with a line.

    A line that is longer than a block comes in several blocks. The last line of a file has no line
    feed where a killed run left half of it.

    Args:
        path: Of the log.
        size: Bytes that are read at once.

    Raises:
        RunFolderError: The rest is no gzip file.
        OSError: A file cannot be read.
    """
    with path.open("rb") as file:
        yield from _blocks(file, size)
    if rest_of(path).exists():
        with BufferedReader(_Unpacked(rest_of(path)), _CHUNK) as unpacked:
            yield from _blocks(cast("BinaryIO", unpacked), size)


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    begun = b""  # of the line that the last block cut
    while data := file.read(size):
        end = data.rfind(b"\n") + 1
        if end:
            yield begun + data[:end]
            begun = data[end:]
        else:
            begun += data
            if len(begun) > size:
                yield begun
                begun = b""
    if begun:
        yield begun


class _Unpacked(RawIOBase):
    """The text of a gzip file, whose end may be missing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._unpacker = zlib.decompressobj(wbits=_GZIP)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Read at most as many bytes as the buffer has; 0 at the end of what was written.

        Raises:
            RunFolderError: The file is damaged.
        """
        view = memoryview(buffer)
        found = b""
        try:
            while not found and not self._unpacker.eof:
                packed = self._unpacker.unconsumed_tail or self._file.read(_CHUNK)
                found = self._unpacker.decompress(packed, len(view))
                if not packed:
                    break
        except zlib.error as error:
            raise RunFolderError(
                f"{self._path} is damaged ({error})",
                "the file was changed after the run; run the load again",
            ) from error
        view[: len(found)] = found
        return len(found)


def _write(file: FileIO, data: bytes, size: int) -> None:
    """Write all of the data at the end of a file of a size, or none of it."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        with suppress(OSError):
            os.ftruncate(file.fileno(), size)  # no half line
        raise


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

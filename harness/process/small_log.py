"""Keeps the log of a process small: a large one is compressed into a second file."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from harness.names import REST

LARGEST: Final = 32 * 1024 * 1024  # bytes of the log before it is compressed
_LOOK: Final = 10.0  # seconds between two looks at its size
_FASTEST: Final = 1  # level of gzip; a log shrinks to a tenth


async def keep_small(log: Path) -> None:
    """Compress a log each time that it is larger than `LARGEST`, until this is cancelled.

    Args:
        log: A file that a process appends to.
    """
    while True:
        await asyncio.sleep(_LOOK)
        with suppress(OSError):  # a full disk: the log stays as it is
            await asyncio.to_thread(_pack_large, log)


def _pack_large(log: Path) -> None:
    if log.stat().st_size > LARGEST:
        pack(log)


def pack(log: Path) -> None:
    """Move the content of a log to the end of a gzip file beside it, and empty the log.

    The process has the file open for appending, so it goes on at the start of the file. What it
    writes between the last read and the truncation, some microseconds later, is lost.

    Raises:
        OSError: The disk is full; the log is as it was.
    """
    packed = log.with_name(log.name + REST)
    size = packed.stat().st_size if packed.exists() else 0
    try:
        with log.open("rb") as file, gzip.open(packed, "ab", _FASTEST) as target:
            shutil.copyfileobj(file, target)
    except OSError:
        os.truncate(packed, size)  # no part of the log twice
        raise
    os.truncate(log, 0)

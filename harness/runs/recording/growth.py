"""growth.folded: how memory grew by the place of its allocation, in a second start of a service.

A line has the frames of the allocation as "file:line" from the outside in, separated by semicolons,
and after a space for each part of the load the bytes that were added in it and not released.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import RunFolderError

PARTS: Final = 2  # of the load
_MOST: Final = 2000  # lines that are read


@dataclass(frozen=True, slots=True)
class AllocationSite:
    """A place at which memory was allocated that was not released.

    Attributes:
        frames: File and line, from the outside in.
        added: Bytes by part of the load.
    """

    frames: tuple[tuple[str, int], ...]
    added: tuple[int, ...]


def read_growth(path: Path) -> tuple[AllocationSite, ...]:
    """The places of a file; a last line that is cut off is left out. Without the file: none.

    Raises:
        RunFolderError: A line is damaged.
    """
    if not path.exists():
        return ()
    found: list[AllocationSite] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            site = _site(line)
            if site is None:
                if not line.endswith("\n"):
                    break
                raise RunFolderError(
                    f"{path}:{number}: damaged line", "run the load again with --diagnose always"
                )
            found.append(site)
            if len(found) >= _MOST:
                break
    return tuple(found)


def _site(line: str) -> AllocationSite | None:
    text, *sizes = line.rstrip("\n").rsplit(" ", PARTS)
    frames = [frame.rpartition(":") for frame in text.split(";")]
    try:
        added = tuple(map(int, sizes))
        places = tuple((file, int(number)) for file, _, number in frames)
    except ValueError:
        return None
    return AllocationSite(places, added) if len(added) == PARTS else None

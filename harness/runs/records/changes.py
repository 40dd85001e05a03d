"""changes.json: the changed lines between two versions that were compared."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.runs.folder import replace_text
from harness.runs.json_file import read_json


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class LineRange(_Part):
    """Lines of a file, from 1, both ends included."""

    first: int
    last: int

    def overlaps(self, other: LineRange) -> bool:
        """Whether both have a line in common."""
        return self.first <= other.last and other.first <= self.last


class CodeFunction(_Part):
    """A function whose lines changed.

    Attributes:
        name: Without its class.
        lines: From its first decorator to its end.
    """

    name: str
    lines: LineRange


class ChangedFile(_Part):
    """A file of the candidate that differs from the baseline.

    Attributes:
        path: Relative to the root of the repository.
        lines: Changed lines. Where lines were only removed, the lines before and after them.
        functions: Changed functions, of a Python file.
    """

    path: str
    lines: tuple[LineRange, ...]
    functions: tuple[CodeFunction, ...] = ()


class ChangedCode(_Part):
    """What the candidate changed.

    Attributes:
        baseline: Root of the baseline's folder, in which the service ran; `candidate` likewise.
        files: Changed files, without deleted and binary ones.
        renamed: New paths by their old ones, of files that were moved.
    """

    version: Literal[1] = 1
    baseline: str
    candidate: str
    files: tuple[ChangedFile, ...]
    renamed: dict[str, str] = Field(default_factory=dict)


_HINT: Final = "compare the versions again"


def write_changes(path: Path, changes: ChangedCode) -> None:
    """Store the changes.

    Raises:
        OSError: The file cannot be written.
    """
    replace_text(path, changes.model_dump_json(indent=2) + "\n")


def read_changes(path: Path) -> ChangedCode | None:
    """The stored changes; None without the file, for versions that are no git refs.

    Raises:
        RunFolderError: The file is damaged.
    """
    return read_json(path, ChangedCode, _HINT) if path.exists() else None

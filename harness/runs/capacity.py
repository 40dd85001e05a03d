"""capacity.json read back: the capacity of an earlier search, to compare with and to plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness import names
from harness.errors import RunFolderError
from harness.runs.folder import files_below
from harness.runs.json_file import read_json

_AGAIN = "search again: harness capacity"


class StoredCapacity(BaseModel):
    """A capacity; of the keys of capacity.json only those that are needed.

    Attributes:
        lower: The highest rate shown to hold, per second; None without one.
        upper: The lowest rate shown to break a budget; None without one.
        started: Seconds since the epoch.
        commit: Of the service; empty outside git.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    schema_version: Literal[1] = Field(alias="schema")
    outcome: Literal["pass", "warn", "fail", "inconclusive"]
    service: str
    scenario: str
    started: float
    commit: str
    lower: float | None = Field(ge=0)
    upper: float | None = Field(ge=0)
    end: str
    host: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PastSearch:
    """A stored search, and the folder or the file that it was read from."""

    path: Path
    capacity: StoredCapacity


def read_capacity(path: Path) -> PastSearch:
    """Read a capacity, by the folder of the search or by a copy of its capacity.json.

    Raises:
        RunFolderError: There is none, or it is damaged or of another version.
    """
    file = path / names.CAPACITY_FILE if path.is_dir() else path
    if not file.is_file():
        raise RunFolderError(
            f"{file} does not exist",
            f"name the folder of a search, or a {names.CAPACITY_FILE}",
        )
    return PastSearch(path, read_json(file, StoredCapacity, _AGAIN))


def read_capacities(path: Path) -> tuple[list[PastSearch], list[str]]:
    """Read the capacities of the searches in a folder.

    Args:
        path: The folder that holds the folders of searches, such as `runs`.

    Returns:
        The searches, the oldest first, and why each of the others is left out.
    """
    found, left_out = [], []
    for file in files_below(path, names.CAPACITY_FILE):
        try:
            found.append(read_capacity(file.parent))
        except RunFolderError as error:
            left_out.append(error.message)
    return sorted(found, key=lambda one: one.capacity.started), left_out

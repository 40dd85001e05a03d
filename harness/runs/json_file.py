"""The reader of JSON files: a path goes in, a validated model or an error with a hint comes out."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.errors import HarnessError, RunFolderError

Model = TypeVar("Model")
_LONGEST_PLACE = 100  # characters; a key of a damaged file may be as long as the file


def has_content(path: Path) -> bool:
    """Whether a file exists and is not empty, as the files of a run are before they are written."""
    return path.exists() and path.stat().st_size > 0


def read_json(
    path: Path, model: type[Model], hint: str, error: type[HarnessError] = RunFolderError
) -> Model:
    """Read a JSON file.

    Args:
        path: The file.
        model: What it holds: a model of pydantic or a dataclass.
        hint: What to do when the file cannot be used.
        error: What is raised then.

    Raises:
        HarnessError: `error`: the file cannot be read, is damaged, or is of another version.
    """
    try:
        return TypeAdapter(model).validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(map(str, first["loc"]))[:_LONGEST_PLACE] or "the file"
        found = first["msg"].removeprefix("Value error, ")
        text = f"{path} is not of this version: {place}: {found}"
        raise error(text, hint) from problem
    except (OSError, UnicodeDecodeError) as problem:
        raise error(f"cannot read {path}: {problem}", hint) from problem

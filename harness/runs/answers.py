"""prometheus.json: what a Prometheus server said of a run, so that it can be judged without it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness import names
from harness.errors import RunFolderError, UsageError
from harness.runs.folder import RunFolder
from harness.runs.model import Answer


class Answers(BaseModel):
    """What a server was asked about the window of a run.

    Attributes:
        server: Its URL.
        matchers: What narrowed each query, as PromQL writes it: `job="shop"`.
        answers: By query.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(1, alias="schema", serialization_alias="schema")
    server: str
    matchers: tuple[str, ...] = ()
    answers: dict[str, Answer]


def write_answers(folder: RunFolder, answers: Answers) -> None:
    """Store them with the run.

    Raises:
        UsageError: The disk is full, or the folder is gone.
    """
    text = answers.model_dump_json(indent=2, by_alias=True)
    try:
        folder.write(names.PROMETHEUS_FILE, text + "\n")
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error


def read_answers(folder: RunFolder) -> Answers | None:
    """Read them; None when no server was asked.

    Raises:
        RunFolderError: The file is damaged.
    """
    path = folder.file(names.PROMETHEUS_FILE)
    if not path.exists():
        return None
    try:
        return Answers.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RunFolderError(
            f"{path} cannot be read", "ask the server again with --prometheus"
        ) from error

"""prometheus.json: the answers of a Prometheus server about a run, to judge the run again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from harness import names
from harness.errors import UsageError
from harness.runs.digests import changes, digest_of, sealed
from harness.runs.folder import RunFolder, read_manifest
from harness.runs.json_file import read_json


class _Record(BaseModel):
    # A value may be NaN or infinite, which JSON has no numbers for.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class AnswerSeries(_Record):
    """One series of an answer."""

    labels: dict[str, str]
    value: float


class QueryAnswer(_Record):
    """The answer to one query.

    Attributes:
        found: Its series; none when there is no data.
        problem: Why there is no answer; empty when there is one.
        reached: Whether the server answered at all.
    """

    found: tuple[AnswerSeries, ...] = ()
    problem: str = ""
    reached: bool = True


class Answers(BaseModel):
    """All queries about the window of a run, with their answers.

    Attributes:
        server: Its URL.
        matchers: Labels that each series had to have besides those of its indicator.
        asked: The answers by the query.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, ser_json_inf_nan="strings"
    )

    schema_version: Literal[1] = Field(1, alias="schema", serialization_alias="schema")
    server: str
    matchers: dict[str, str]
    asked: Mapping[str, QueryAnswer]


def write_answers(folder: RunFolder, answers: Answers) -> None:
    """Store prometheus.json, and its digest in run.json.

    Raises:
        RunFolderError: run.json is damaged.
        UsageError: A file cannot be written.
    """
    text = answers.model_dump_json(indent=2, by_alias=True) + "\n"
    try:
        folder.write(names.PROMETHEUS_FILE, text)
        manifest = read_manifest(folder)
        digest = digest_of(folder.file(names.PROMETHEUS_FILE))
        if manifest.files is not None and digest is not None:
            whole = names.MANIFEST_FILE not in changes(folder.path, manifest.files)
            files = {**manifest.files, names.PROMETHEUS_FILE: digest}
            manifest = manifest.model_copy(update={"files": files})
            own = names.MANIFEST_FILE in files and whole
            folder.write_manifest(sealed(manifest) if own else manifest)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error


def read_answers(folder: RunFolder) -> Answers | None:
    """Read prometheus.json; None when there was no query.

    Raises:
        RunFolderError: It is damaged, or of another version.
    """
    path = folder.file(names.PROMETHEUS_FILE)
    if not path.exists():
        return None
    return read_json(
        path, Answers, "ask again with --prometheus, or judge it with the version that wrote it"
    )

"""Digests of the files of a run."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness import names
from harness.runs.digests import changes, digests, sealed
from harness.runs.folder import RunFolder, read_manifest
from harness.runs.model import FileDigest
from harness.runs.prometheus_answers import Answers, write_answers
from tests.unit.judge.evidence import manifest

ABC = FileDigest(  # of "abc": the example of FIPS 180-2
    size=3, sha256="ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
)


def test_digest_is_the_size_and_the_sha256_of_the_content(tmp_path: Path) -> None:
    (tmp_path / names.LATENCY_FILE).write_text("abc")
    (tmp_path / "other.txt").write_text("abc")
    assert digests(tmp_path) == {names.LATENCY_FILE: ABC}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("abc", None),
        ("ab", "metrics.om has 2 bytes, and run.json says 3"),
        ("abd", "metrics.om has other content than run.json says"),
        (None, "metrics.om is missing or cannot be read"),
    ],
)
def test_changed_file_is_named(content: str | None, sentence: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / names.METRICS_FILE).write_text(content)
    expected = {} if sentence is None else {names.METRICS_FILE: sentence}
    assert changes(tmp_path, {names.METRICS_FILE: ABC}) == expected


def test_added_file_is_named_until_its_digest_is_stored(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    answers = Answers(server="http://p", matchers={}, asked={})
    folder.write_manifest(manifest().model_copy(update={"files": {}}))
    folder.write(names.PROMETHEUS_FILE, "{}")
    assert changes(tmp_path, {}) == {names.PROMETHEUS_FILE: "prometheus.json is not in run.json"}
    write_answers(folder, answers)
    stored = read_manifest(folder).files
    assert stored is not None
    assert changes(tmp_path, stored) == {}


def test_answers_leave_a_folder_of_an_older_version_without_digests(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_manifest(manifest())
    write_answers(folder, Answers(server="http://p", matchers={}, asked={}))
    assert read_manifest(folder).files is None


def _sealed(folder: RunFolder) -> None:
    found = manifest().model_copy(update={"files": {}, "locustfile_exit_code": 3})
    folder.write_manifest(sealed(found))


CHANGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("exit code of the locustfile", {"locustfile_exit_code": 0}),
    ("no exit code of the locustfile", {"locustfile_exit_code": None}),
    ("no notices", {"notices": None}),
    ("another target", {"target": {}}),
)


@pytest.mark.parametrize("fields", [c[1] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_change_of_the_manifest_is_found(fields: dict[str, Any], tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    _sealed(folder)
    stored = read_manifest(folder).files
    assert stored is not None
    assert changes(tmp_path, stored) == {}
    path = tmp_path / names.MANIFEST_FILE
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content))  # another layout
    assert changes(tmp_path, stored) == {}
    known = {key: value for key, value in fields.items() if value is not None}
    kept = {key: value for key, value in content.items() if key not in fields}
    path.write_text(json.dumps(kept | known))
    text = "run.json has other content than when the run ended"
    assert changes(tmp_path, stored) == {names.MANIFEST_FILE: text}
    path.write_text("[1]")
    assert changes(tmp_path, stored) == {names.MANIFEST_FILE: text}


@pytest.mark.parametrize("changed", [False, True], ids=["as it was", "changed"])
def test_answers_keep_the_digest_of_the_manifest(changed: bool, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    _sealed(folder)
    path = tmp_path / names.MANIFEST_FILE
    if changed:
        path.write_text(
            path.read_text().replace('"locustfile_exit_code": 3', '"locustfile_exit_code": 0')
        )
    write_answers(folder, Answers(server="http://p", matchers={}, asked={}))
    stored = read_manifest(folder).files
    assert stored is not None
    assert set(changes(tmp_path, stored)) == ({names.MANIFEST_FILE} if changed else set())


def test_manifest_of_a_run_without_digests_has_none() -> None:
    assert sealed(manifest()).files is None

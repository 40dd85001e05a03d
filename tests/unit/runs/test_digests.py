"""Digests of the files of a run."""

from pathlib import Path

import pytest

from harness import names
from harness.runs.digests import changes, digests
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

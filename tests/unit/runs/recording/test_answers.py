"""answers.jsonl, written and read."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.runs.recording.answer_shape import AnswerShape
from harness.runs.recording.answers import AnswerLog, read_answers

SHAPE = AnswerShape(
    *("GET /a", "ab", "application/json", "", "gzip", 20, 30, 10, 2, "rows", 9, None, 20),
    fields=(("é", 5), ("id", 4)),
)


def test_answers_are_read_as_they_were_written(tmp_path: Path) -> None:
    other = replace(SHAPE, request="GET /b")
    with AnswerLog(tmp_path / "answers.jsonl") as log:
        log.write([SHAPE, other])
        log.write([replace(SHAPE, size=n) for n in range(20)])
    found = read_answers(tmp_path / "answers.jsonl")
    assert found[:2] == (SHAPE, other)
    assert [one.size for one in found[2:]] == list(range(9))  # ten of a request


def test_no_file_without_answers(tmp_path: Path) -> None:
    AnswerLog(tmp_path / "answers.jsonl").close()
    assert read_answers(tmp_path / "answers.jsonl") == ()
    assert list(tmp_path.iterdir()) == []


def test_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"request": 5}\n')
    with pytest.raises(RunFolderError, match=r"answers.jsonl:1: damaged line"):
        read_answers(path)
